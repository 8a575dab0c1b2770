"""What Gradio's own client calls: /lip_sync, over the same queue as the page."""

import gradio as gr

from page.choices import make_order
from page.files import in_words
from page.following import follow
from page.jobs import DONE, FAILED
from page.limits import check_face, check_voice
from page.rooms import Rooms
from page.studio import FRAMES_A_SECOND, stages_of

PARTS = ("video", "sheet", "lip_motion", "report")


def add_client_api(rooms: Rooms) -> None:
    """Components that no page shows, and the call that has their names."""

    async def lip_sync(
        face: str | None, audio: str | None, choices: dict | None, request: gr.Request
    ) -> list[str]:
        try:
            if face is None or audio is None:
                raise ValueError("a face and an audio file are needed")
            order = make_order(
                rooms.claim(request, face), rooms.claim(request, audio), choices or {}
            )
            check_face(order.face, rooms.limits)
            seconds = check_voice(order.voice, rooms.limits).duration or 0.0
            folder = rooms.sessions.new_folder(request.session_hash)
            job = rooms.submit(
                request, "lip_sync", order, folder, stages=stages_of(order),
                frames=round(FRAMES_A_SECOND * seconds),
            )  # fmt: skip
        except (ValueError, OSError) as error:
            raise gr.Error(in_words(error, face, audio)) from error
        async for _ in follow(job, rooms.queue):
            pass
        if job.state != DONE:
            reason = in_words(job.error, *order.files) if job.state == FAILED else "cancelled"
            raise gr.Error(reason)
        return [str(job.made[name]) for name in PARTS if job.made.get(name)]

    with gr.Row(visible=False):
        inputs = [gr.File(label="face"), gr.File(label="audio"), gr.JSON(label="choices")]
        files = gr.File(label="files", file_count="multiple")
        gr.Button().click(lip_sync, inputs, files, api_name="lip_sync")
