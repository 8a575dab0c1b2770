"""The tab that makes videos: a face, a voice, who speaks, one frame beforehand, the result."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from models.lip_motion import LipMotion, write_lip_motion
from models.pretrained import ROOT
from page import shown
from page.choices import Order, make_order
from page.files import in_words
from page.following import follow
from page.jobs import FAILED, Job
from page.limits import check_face, check_pictures, check_voice
from page.results import NOTHING, Changes, pair, place_fault, results_of
from page.rooms import Rooms
from page.shown import EVERYBODY
from page.studio import FRAMES_A_SECOND, stages_of

SAMPLE_FACE = ROOT / "sample_data" / "face.mp4"
SAMPLE_VOICE = ROOT / "sample_data" / "speech_en.wav"
# Of the components below "more", in their order, by the names of inference.py's flags.
CHOICES = ("strength", "keep_expression", "silence", "length", "loop", "audio_offset_ms", "pads",
           "sheet", "score")  # fmt: skip
SPEAKING = "auto"  # who it is is told from the video's own sound


class LipSyncTab:
    """Its components, and what they do."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        with gr.Row(elem_classes="steps"):
            with gr.Column(min_width=300):
                self._lay_out_face()
            with gr.Column(min_width=300):
                self._lay_out_voice()
        self._lay_out_run()
        self._wire()

    def _lay_out_face(self) -> None:
        gr.HTML("<h2><b>1</b> Face</h2>")
        with gr.Tabs(elem_classes="sources"):
            with gr.Tab("File"):
                self.face = gr.File(
                    str(SAMPLE_FACE), label="Video or picture", height=110, elem_id="face"
                )
            with gr.Tab("Film yourself"):
                # Mirrored, Gradio would turn it by an ffmpeg that may not be installed.
                self.film = gr.Video(
                    sources=["webcam"], include_audio=True, label="Webcam",
                    webcam_options=gr.WebcamOptions(mirror=False),
                )  # fmt: skip
            with gr.Tab("Photograph"):
                self.photograph = gr.Image(sources=["webcam"], type="filepath", label="Webcam")
        self.face_fault = gr.HTML(elem_id="face-fault")
        self.face_shown = gr.HTML(elem_id="face-shown")
        self.faces = gr.HTML(elem_id="faces", js_on_load=CLICK_FACE)
        self.people = gr.State([])  # as found
        self.chosen = gr.State([])  # numbers of tracks

    def _lay_out_voice(self) -> None:
        gr.HTML("<h2><b>2</b> Voice</h2>")
        with gr.Tabs(elem_classes="sources"):
            with gr.Tab("File"):
                self.voice = gr.File(
                    str(SAMPLE_VOICE), label="Sound, or a video with sound", height=110,
                    elem_id="voice",
                )  # fmt: skip
            with gr.Tab("Speak"):
                self.microphone = gr.Audio(
                    sources=["microphone"], type="filepath", label="Microphone"
                )
        self.voice_fault = gr.HTML(elem_id="voice-fault")
        self.voice_shown = gr.HTML(elem_id="voice-shown")
        self.strength = gr.Slider(
            0, 1.5, 1, step=0.05, label="Strength", info="1: as it is heard. Less for mumblers."
        )
        with gr.Accordion("More", open=False):
            self._lay_out_more()

    def _lay_out_more(self) -> None:
        self.expression = gr.Slider(
            0,
            1,
            1,
            step=0.05,
            label="Own smile",
            info="How much of the speaker's smile stays.",
        )
        self.silence = gr.Radio(
            [("moves as the model makes of silence", "model"), ("stays as given", "keep")],
            value="model", label="In pauses the mouth",
        )  # fmt: skip
        self.length = gr.Radio(
            [("the voice", "audio"), ("the video", "video"), ("the shorter", "shortest")],
            value="audio", label="As long as",
        )  # fmt: skip
        self.loop = gr.Radio(
            [("starts again", "repeat"), ("runs backwards", "pingpong"), ("freezes", "freeze")],
            value="repeat", label="A video that is shorter",
        )  # fmt: skip
        with gr.Row():
            self.later = gr.Number(0, label="Mouth later by (ms)", precision=0)
            self.pads = gr.Textbox(
                "0 10 0 0", label="Pads (px)", info="Top, bottom, left, right of the face."
            )
        self.speakers = gr.Checkbox(
            False,
            label="Only whoever speaks",
            info="In a video of several people: by its own sound, turn by turn.",
        )
        self.driving = gr.File(
            label="Lips of another video, in place of those heard", file_types=["video"],
            height=90, elem_id="driving",
        )  # fmt: skip
        with gr.Row():
            self.sheet = gr.Checkbox(True, label="Contact sheet")
            self.score = gr.Checkbox(True, label="Score")

    def _lay_out_run(self) -> None:
        gr.HTML("<h2><b>3</b> Result</h2>")
        with gr.Row(elem_classes="actions"):
            self.make = gr.Button("Lip-sync", variant="primary", elem_id="make", scale=2)
            self.try_frame = gr.Button("Preview one frame", elem_id="try-frame", scale=1)
            self.second = gr.Number(
                0.5, label="at second", minimum=0, step=0.1, min_width=190, scale=0,
                elem_id="second",
            )  # fmt: skip
            self.cancel = gr.Button("Cancel", variant="stop", visible=False, elem_id="cancel")
        self.status = gr.HTML(elem_id="status")
        self.preview = gr.HTML(elem_id="preview")
        self.result = pair("result-pair")
        self.files = gr.HTML(elem_id="files")
        self.report = gr.HTML(elem_id="report")

    def _wire(self) -> None:
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        self._looks = [self.face_fault, self.face_shown, self.faces, self.people, self.chosen]
        self.face.change(self.look, self.face, self._looks, **quiet)
        self.voice.change(self.listen, self.voice, [self.voice_fault, self.voice_shown], **quiet)
        for recorder in (self.film, self.photograph, self.microphone):
            target = self.voice if recorder is self.microphone else self.face
            given = recorder.change if recorder is self.film else recorder.input  # films have none
            given(lambda path: path or NOTHING, recorder, target, **quiet)
        self.faces.click(
            self.choose, [self.people, self.chosen], [self.faces, self.chosen], **quiet
        )
        self.chosen_parts = [
            self.chosen, self.driving, self.speakers, self.strength, self.expression,
            self.silence, self.length, self.loop, self.later, self.pads, self.sheet, self.score,
        ]  # fmt: skip
        running = [self.make, self.try_frame, self.cancel, self.face_fault, self.voice_fault,
                   self.status]  # fmt: skip
        self.make.click(
            self.run, [self.face, self.voice, *self.chosen_parts],
            [*running, self.preview, self.result, self.files, self.report], **quiet,
        )  # fmt: skip
        self.try_frame.click(
            self.try_one, [self.face, self.voice, self.second, *self.chosen_parts],
            [*running, self.preview], **quiet,
        )  # fmt: skip
        self.cancel.click(self.stop, None, self.cancel, **quiet)

    def on_load(self, page: gr.Blocks) -> None:
        """Show the samples when the page opens."""
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        page.load(self.look, self.face, self._looks, **quiet)
        page.load(self.listen, self.voice, [self.voice_fault, self.voice_shown], **quiet)

    # What the components do.

    async def look(self, face: str | None, request: gr.Request) -> AsyncIterator[tuple]:
        """Show the face's file, and then who is in it."""
        if face is None:
            yield "", "", "", [], []
            return
        try:
            path = self._rooms.claim(request, face)
            info = check_face(path, self._rooms.limits)
            picture = shown.media(path, info, "the given face")
            yield "", picture, shown.note("Looking for faces …"), [], []
            job = self._rooms.submit(request, "people", path, stages=("faces",))
        except (ValueError, OSError) as error:
            yield shown.told(in_words(error, face)), "", "", [], []
            return
        async for _ in follow(job, self._rooms.queue):
            pass
        people = job.made.get("people", [])
        fault = ""
        if job.state == FAILED:
            fault = in_words(job.error, path)
        elif not people and not job.is_cancelled:
            fault = f"{path.name}: no face is found; give another file"
        yield shown.told(fault), NOTHING, shown.people(people, []), people, []

    def listen(self, voice: str | None, request: gr.Request) -> tuple[str, str]:
        """Show the voice's file."""
        if voice is None:
            return "", ""
        try:
            path = self._rooms.claim(request, voice)
            info = check_voice(path, self._rooms.limits)
        except (ValueError, OSError) as error:
            return shown.told(in_words(error, voice)), ""
        return "", shown.media(path, info, "the voice")

    def choose(self, people: list, chosen: list, event: gr.EventData) -> tuple[str, list]:
        """Take the clicked face, or let it go again."""
        clicked = event.number
        if clicked not in [EVERYBODY, *(person.number for person in people)]:
            return NOTHING, NOTHING
        if clicked in chosen:
            chosen = [other for other in chosen if other != clicked]
        elif EVERYBODY in (clicked, *chosen):
            chosen = [clicked]
        else:
            chosen = [*chosen, clicked]
        return shown.people(people, chosen), chosen

    async def run(self, face, voice, request: gr.Request, *values) -> AsyncIterator[tuple]:
        """Make the video; each part of the result appears once it is there."""
        blank = ("", "", "", "")
        try:
            job, order, kind = self.begin(face, voice, request, values)
        except (ValueError, OSError) as error:
            yield *_idle(*place_fault(error, face, voice)), *blank
            return
        results = Changes()
        yield *_busy(""), *blank
        async for words in follow(job, self._rooms.queue):
            yield *_busy(words), NOTHING, *results.of(results_of(job, order, kind))
        if job.is_cancelled:
            yield *_idle("", "", words), *blank
        else:
            last = results.of(results_of(job, order, kind))
            yield *_ended(job, order, words), NOTHING, *last

    def begin(
        self, face, voice, request: gr.Request, values: tuple, motion: LipMotion | None = None
    ) -> tuple[Job, Order, str]:
        """Put an order into the queue; also says what kind of file the face is.

        motion: moves the mouth in place of what is heard. Raises ValueError or OSError.
        """
        order, folder = self._order(face, voice, values, request)
        if motion is not None:
            file = folder / "lip_motion.csv"
            write_lip_motion(file, motion)
            order = replace(order, settings=replace(order.settings, lip_motion=file))
        seconds = check_voice(order.voice, self._rooms.limits).duration or 0
        job = self._rooms.submit(
            request, "lip_sync", order, folder, stages=stages_of(order),
            frames=round(FRAMES_A_SECOND * seconds),
        )  # fmt: skip
        return job, order, check_face(order.face, self._rooms.limits).kind

    async def try_one(
        self, face, voice, second, request: gr.Request, *values
    ) -> AsyncIterator[tuple]:
        """Show one frame, before a long run."""
        try:
            order, folder = self._order(face, voice, values, request)
            job = self._rooms.submit(
                request, "preview", order, second or 0, folder, stages=("faces", "looks")
            )
        except (ValueError, OSError) as error:
            yield *_idle(*place_fault(error, face, voice)), ""
            return
        async for words in follow(job, self._rooms.queue):
            yield *_busy(words), NOTHING
        made = job.made.get("preview")
        picture = shown.picture(made, "preview") if made else ""
        yield *_ended(job, order, words), picture

    def stop(self, request: gr.Request) -> dict:
        self._rooms.queue.cancel_all_of(request.session_hash)
        return gr.update(interactive=False)

    def _order(self, face, voice, values, request: gr.Request) -> tuple[Order, Path]:
        """What was asked for, and a folder for it. Raises ValueError."""
        if face is None:
            raise ValueError("a face is needed: a video or a picture")
        if voice is None:
            raise ValueError("a voice is needed: any file with sound")
        chosen, driving, speakers, *others = values
        who = "all" if EVERYBODY in chosen else ",".join(map(str, chosen)) or "largest"
        order = make_order(
            self._rooms.claim(request, face),
            self._rooms.claim(request, voice),
            {
                "face_select": who,
                "speakers": SPEAKING if speakers else None,
                **dict(zip(CHOICES, others, strict=True)),
            },
            driving_video=driving and self._rooms.claim(request, driving),
        )
        check_pictures(order.face, order.settings.driving_video, self._rooms.limits)
        return order, self._rooms.sessions.new_folder(request.session_hash)


CLICK_FACE = """
element.addEventListener('click', event => {
  const face = event.target.closest('[data-number]');
  if (face) trigger('click', {number: Number(face.dataset.number)});
});
"""


def _busy(words: str) -> tuple:
    off = gr.update(interactive=False)
    return off, off, gr.update(visible=True, interactive=True), "", "", words


def _idle(face_fault: str = "", voice_fault: str = "", status: str = "") -> tuple:
    on = gr.update(interactive=True)
    return on, on, gr.update(visible=False), face_fault, voice_fault, status


def _ended(job: Job, order: Order, words: str) -> tuple:
    """The components of a run once its job has ended, with what went wrong in its place."""
    if job.state == FAILED:
        return _idle(*place_fault(job.error, *order.files))
    return _idle(status=words + shown.noted(job.made.get("notes", ())))
