"""The tab that says whether a voice fits a face: verdict, offset, similarity over time."""

from collections.abc import AsyncIterator

import gradio as gr

from page import shown
from page.charts import score_report
from page.files import in_words
from page.following import follow
from page.jobs import FAILED
from page.limits import check_face, check_seconds, check_voice
from page.rooms import Rooms
from page.studio import FRAMES_A_SECOND, SCORING


class ScoreTab:
    """Its components, and what they do."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        gr.HTML(
            shown.note(
                "Does this voice fit this face? A network that has learnt to tell looks at every "
                "five frames and hears their sound, shifted by up to 15 frames either way. Videos "
                "of any tool."
            )
        )
        with gr.Row(elem_classes="steps"):
            with gr.Column(min_width=300):
                self.film = gr.File(label="Video with a face", height=140, elem_id="scored")
            with gr.Column(min_width=300):
                self.voice = gr.File(
                    label="Another voice, if not the video's own",
                    height=140,
                    elem_id="scored-voice",
                )
        self.fault = gr.HTML(elem_id="score-fault")
        with gr.Row(elem_classes="actions"):
            self.go = gr.Button("Score", variant="primary", elem_id="score", scale=2)
            self.cancel = gr.Button("Cancel", variant="stop", visible=False, elem_id="score-cancel")
        self.status = gr.HTML(elem_id="score-status")
        self.report = gr.HTML(elem_id="score-report")
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        outputs = [self.go, self.cancel, self.fault, self.status, self.report]
        self.go.click(self.run, [self.film, self.voice], outputs, **quiet)
        self.cancel.click(self.stop, None, self.cancel, **quiet)

    async def run(self, film, voice, request: gr.Request) -> AsyncIterator[tuple]:
        """Score the video; its verdict, sentences and drawings."""
        try:
            if film is None:
                raise ValueError("a video is needed")
            face = self._rooms.claim(request, film)
            sound = self._rooms.claim(request, voice) if voice else face
            seconds = check_face(face, self._rooms.limits).duration or 0.0
            check_voice(sound, self._rooms.limits)
            check_seconds(seconds, self._rooms.limits, str(face))
            frames = round(FRAMES_A_SECOND * seconds)
            job = self._rooms.submit(request, "score", face, sound, stages=SCORING, frames=frames)
        except (ValueError, OSError) as error:
            yield *_idle(shown.told(in_words(error, film, voice))), ""
            return
        busy = gr.update(interactive=False), gr.update(visible=True, interactive=True), ""
        async for words in follow(job, self._rooms.queue):
            yield *busy, words, ""
        if job.state == FAILED:
            yield *_idle(shown.told(in_words(job.error, face, sound))), ""
        elif "score" in job.made:
            yield *_idle(), score_report(job.made["score"], face.name)
        else:
            yield *_idle(status=words), ""

    def stop(self, request: gr.Request) -> dict:
        self._rooms.queue.cancel_all_of(request.session_hash)
        return gr.update(interactive=False)


def _idle(fault: str = "", status: str = "") -> tuple:
    return gr.update(interactive=True), gr.update(visible=False), fault, status
