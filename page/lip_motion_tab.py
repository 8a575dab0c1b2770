"""The tab of curves: what the mouth does, drawn, changed by hand, exported, made into a video."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import gradio as gr
import numpy as np

from models.lip_motion import (
    FPS,
    NAMES,
    RANGES,
    LipMotion,
    LipMotionError,
    read_lip_motion,
    write_lip_motion,
)
from page import shown
from page.files import in_words
from page.following import follow
from page.jobs import FAILED
from page.limits import check_voice
from page.lip_sync_tab import LipSyncTab
from page.look import ASSETS
from page.results import pair, results_of
from page.rooms import Rooms

ROOM = '<div class="curves-room"></div>'
TAKE = "(first, ...others) => [window.talkfaceCurves ? window.talkfaceCurves() : '', ...others]"


class LipMotionTab:
    """Its components, and what they do; face and voice are those of the first tab."""

    def __init__(self, rooms: Rooms, lip_sync: LipSyncTab) -> None:
        self._rooms, self._lip_sync = rooms, lip_sync
        gr.HTML(
            shown.note(
                "Fifteen curves, with ARKit's names, say what the mouth does. Hear them in the "
                "voice of the first tab or bring your own; draw over one to change it; make the "
                "video again."
            )
        )
        with gr.Row(elem_classes="actions"):
            self.hear = gr.Button("Hear the voice", variant="primary", elem_id="hear", scale=2)
            self.bring = gr.UploadButton("Bring curves (.csv, .json)", elem_id="bring", scale=1)
            self.save = gr.Button("Export", elem_id="export", scale=1)
        self.fault = gr.HTML(elem_id="motion-fault")
        self.status = gr.HTML(elem_id="motion-status")
        self.curves = gr.HTML(
            "", html_template=ROOM, js_on_load=(ASSETS / "curves.js").read_text(encoding="utf-8"),
            elem_id="curves",
        )  # fmt: skip
        self.drawn = gr.Textbox(visible=False)  # filled by TAKE as a button is clicked
        self.exported = gr.HTML(elem_id="exported")
        with gr.Row(elem_classes="actions"):
            self.make = gr.Button(
                "Make the video with these curves", variant="primary", elem_id="remake", scale=2
            )
            self.cancel = gr.Button(
                "Cancel", variant="stop", visible=False, elem_id="remake-cancel"
            )
        self.made_status = gr.HTML(elem_id="remake-status")
        self.result = pair("motion-pair")
        self.files = gr.HTML()
        self._wire()

    def _wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        voice = self._lip_sync.voice
        heard = [self.hear, self.fault, self.status, self.curves, self.exported]
        self.hear.click(self.listen, voice, heard, **quiet)
        self.bring.upload(self.take, [self.bring, voice], heard, **quiet)
        self.save.click(self.export, [self.drawn], [self.fault, self.exported], js=TAKE, **quiet)
        self.make.click(
            self.run, [self.drawn, self._lip_sync.face, voice, *self._lip_sync.chosen_parts],
            [self.make, self.cancel, self.fault, self.made_status, self.result, self.files],
            js=TAKE, **quiet,
        )  # fmt: skip
        self.cancel.click(self._lip_sync.stop, None, self.cancel, **quiet)

    async def listen(self, voice: str | None, request: gr.Request) -> AsyncIterator[tuple]:
        """Draw what is heard in the voice."""
        on, off = gr.update(interactive=True), gr.update(interactive=False)
        try:
            if voice is None:
                raise ValueError("a voice is needed: choose one in the first tab")
            path = self._rooms.claim(request, voice)
            check_voice(path, self._rooms.limits)
            job = self._rooms.submit(request, "hear", path, stages=("hear",))
        except (ValueError, OSError) as error:
            yield on, shown.told(in_words(error, voice)), "", gr.skip(), ""
            return
        async for words in follow(job, self._rooms.queue):
            yield off, "", words, gr.skip(), ""
        if job.state == FAILED:
            yield on, shown.told(in_words(job.error, path)), "", gr.skip(), ""
        else:
            motion = job.made.get("motion")
            yield on, "", "", _packed(motion, path) if motion else gr.skip(), ""

    def take(self, brought: str, voice: str | None, request: gr.Request) -> tuple:
        """Draw curves from a file."""
        try:
            path = self._rooms.claim(request, brought)
            motion = read_lip_motion(path)
            sound = self._rooms.claim(request, voice) if voice else None
        except (ValueError, OSError) as error:
            return gr.skip(), shown.told(in_words(error, brought)), "", gr.skip(), ""
        return gr.skip(), "", "", _packed(motion, sound), ""

    def export(self, drawn: str, request: gr.Request) -> tuple[str, str]:
        """The curves as they are now, as files."""
        try:
            motion = _unpacked(drawn)
            folder = self._rooms.sessions.new_folder(request.session_hash)
            files = [(folder / f"lip_motion.{kind}") for kind in ("csv", "json")]
            for file in files:
                write_lip_motion(file, motion)
        except (ValueError, OSError) as error:
            return shown.told(in_words(error)), ""
        return "", shown.downloads([("Curves", file) for file in files])

    async def run(self, drawn, face, voice, request: gr.Request, *values) -> AsyncIterator[tuple]:
        """The video again, its mouth moved by the curves."""
        on, off = gr.update(interactive=True), gr.update(interactive=False)
        try:
            motion = _unpacked(drawn)
            job, order, kind = self._lip_sync.begin(face, voice, request, values, motion)
        except (ValueError, OSError) as error:
            yield on, gr.update(visible=False), shown.told(in_words(error, face, voice)), "", "", ""
            return
        async for words in follow(job, self._rooms.queue):
            yield off, gr.update(visible=True, interactive=True), "", words, gr.skip(), gr.skip()
        fault = in_words(job.error, *order.files) if job.state == FAILED else ""
        beside, files, _ = results_of(job, order, kind)
        yield on, gr.update(visible=False), shown.told(fault), words, beside, files


def _packed(motion: LipMotion, voice: Path | None) -> str:
    """For curves.js."""
    return json.dumps(
        {
            "fps": FPS,
            "names": NAMES,
            "ranges": list(RANGES.values()),
            "frames": np.round(motion.values.astype(float), 4).tolist(),
            "voice": shown.url_of(voice) if voice else "",
        }
    )


def _unpacked(drawn: str) -> LipMotion:
    """What curves.js gives back. Raises LipMotionError."""
    if not drawn:
        raise LipMotionError("there are no curves yet: hear the voice, or bring a file")
    try:
        content = json.loads(drawn)
        values = np.array(content["frames"], np.float32)
        fits = content["names"] == list(NAMES) and values.shape[1:] == (len(NAMES),)
    except (ValueError, LookupError, TypeError) as error:
        raise LipMotionError(f"these curves cannot be read: {error}") from error
    if not fits or not len(values) or not np.isfinite(values).all():
        raise LipMotionError("these curves cannot be read: numbers are missing")
    return LipMotion(values)
