"""From a face, a speech and a method to a video: decode, feed, generate, paste, encode."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import torch

import video
from face_detection import Box, Detector, make_detector
from lipsync.backends.torch_backend import TorchBackend, load_backend
from lipsync.faces import FacePaths, describe_frames, locate_faces
from lipsync.paste import paste
from lipsync.settings import Settings
from lipsync.sound import Speech, load_speech
from lipsync.source import FaceSource, open_source
from lipsync.stages import ahead, timed
from lipsync.watching import Progress, watch_faces
from models.devices import resolve_device
from models.generator import Arrays, Generator, Place, Watched

log = logging.getLogger(__name__)

# Bytes of frames on their way at a time, over about five batches that the stages hold.
BYTES_ON_THE_WAY = {"cpu": 250_000_000, "cuda": 2_000_000_000}
BATCHES_ON_THE_WAY = 5
LEAST_TRUST = 0.5  # of a face, under which a frame is reported to keep its given mouth


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a video before its first frame is made."""

    source: FaceSource
    speech: Speech
    strengths: np.ndarray  # (frames of the speech,) share of the generated mouth, 0 to 1
    faces: FacePaths
    frame_count: int
    settings: Settings
    sound: Path
    sound_span: tuple[float, float | None]  # seconds of the sound file that the video carries
    watched: list[Watched] | None = None  # by face path, where the method looked beforehand
    options: Mapping[str, object] = field(default_factory=dict)  # all of the method's

    def strength(self, frame: int) -> float:
        """How much of the generated mouth a frame shows; after the sound's end as at its end."""
        if self.settings.silence == "model":
            return 1.0
        return float(self.strengths[frame]) if frame < len(self.strengths) else 0.0

    def places(self, frame: int, shown: int) -> list[Place]:
        """The faces to be made anew in a frame of the result that shows one of the source."""
        strength = self.strength(frame)
        places = [replace(p, strength=strength * p.strength) for p in self.places_at(shown)]
        return [place for place in places if place.strength > 0]

    def places_at(self, shown: int) -> list[Place]:
        """The faces in a frame of the source; less than full strength is the method's doubt."""
        return [self._place(path, box, shown) for path, box in self.faces.by_path(shown)]

    def _place(self, path: int, box: Box, shown: int) -> Place:
        place = Place(box, blend=self.settings.blend, options=self.options)
        if self.watched is None:
            return place
        watched = self.watched[path]
        at = min(shown, len(watched.notes) - 1)
        trust = 1.0 if watched.trust is None else float(watched.trust[at])
        return replace(place, strength=trust, notes=watched.notes[at], shared=watched.shared)


@dataclass
class Tally:
    """What is noticed while frames are made."""

    seconds: dict[str, float] = field(default_factory=dict)  # by stage; stages overlap
    faceless: list[int] = field(default_factory=list)  # frames of the result that stay untouched
    filled: list[int] = field(default_factory=list)  # frames whose face was interpolated
    doubtful: list[int] = field(default_factory=list)  # frames that show more of the given mouth


@dataclass(frozen=True)
class Report:
    """What was made, and what a user should know about it."""

    path: Path
    frame_count: int
    fps: Fraction
    tally: Tally

    @property
    def has_faces(self) -> bool:
        """Whether any frame was changed."""
        return len(self.tally.faceless) < self.frame_count

    def notes(self) -> list[str]:
        """Lines for the user; none where every frame had its face."""
        told = {
            "without a detected face, its place interpolated": self.tally.filled,
            "without a face, left as they were": self.tally.faceless,
            "with a face that is hard to see, its given mouth kept": self.tally.doubtful,
        }
        return [
            f"{len(frames)} of {self.frame_count} frames {what}: "
            + describe_frames(frames, self.fps)
            for what, frames in told.items()
            if frames
        ]


@dataclass
class _Batch:
    frames: list[np.ndarray]
    places: list[tuple[int, Place]] = field(default_factory=list)  # index into frames; per face
    inputs: list[Arrays] = field(default_factory=list)  # what each of these faces is made from


class LipSync:
    """A loaded method, and a face detector once one is needed, for any number of videos."""

    def __init__(
        self,
        checkpoint_path: str | Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        detector: str = "auto",
        s3fd_path: str | Path | None = None,
        face_det_batch_size: int = 16,
    ) -> None:
        """Raises CheckpointError, FileNotFoundError or ValueError."""
        self.device = resolve_device(device)
        self.backend = load_backend(checkpoint_path, self.device, precision, batch_size)
        self._detector_choice = (detector, s3fd_path, face_det_batch_size)
        self._detector: Detector | None = None

    def detector(self) -> Detector:
        """The face detector, loaded at the first call."""
        if self._detector is None:
            name, path, batch_size = self._detector_choice
            self._detector = make_detector(
                name,
                device=str(self.device),
                s3fd_path=path,
                batch_size=batch_size,
                precision="bf16" if self.backend.dtype == torch.bfloat16 else "fp32",
            )
        return self._detector

    def run(
        self,
        face: str | Path,
        audio: str | Path,
        outfile: str | Path,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Make one video, whole or not at all. Raises ValueError (MediaError, NoFaceError)."""
        outfile = video.prepare_output(outfile)
        refuse_to_overwrite(outfile, face, audio)
        return self.make(self.plan(face, audio, settings, progress), outfile, progress)

    def plan(
        self,
        face: str | Path,
        audio: str | Path,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Open both inputs and find the faces. Raises ValueError (MediaError, NoFaceError)."""
        return make_plan(face, audio, settings or Settings(), self.backend, self.detector, progress)

    def make(self, plan: Plan, outfile: Path, progress: Progress | None = None) -> Report:
        """The planned video; `outfile` is what video.prepare_output returned."""
        tally = Tally()
        frames = timed(render(plan, self.backend, tally), tally.seconds, "waiting for frames")
        with open_writer(outfile, plan) as writer, contextlib.closing(frames):
            for number, frame in enumerate(frames, 1):
                writer.write(frame)
                if progress:
                    progress("frames", number, plan.frame_count)
        return Report(outfile, plan.frame_count, plan.source.fps, tally)


def make_plan(
    face: str | Path,
    audio: str | Path,
    settings: Settings,
    backend: TorchBackend,
    detector: Callable[[], Detector],
    progress: Progress | None = None,
) -> Plan:
    """Open both inputs and find the faces. Raises ValueError (MediaError, NoFaceError)."""
    source = open_source(
        face,
        still_fps=settings.still_fps,
        start=settings.start,
        end=settings.end,
        resize_factor=settings.resize_factor,
        rotate=settings.rotate,
        crop=settings.crop,
        static=settings.static,
    )
    if source.info.has_alpha:
        log.warning("%s: its transparency is dropped", face)
    if source.info.is_hdr:
        log.warning("%s: HDR is worked on with 8 bits a colour; smooth areas may show bands", face)
    # A video dubbed with its own sound is cut together with it; other sound is taken whole.
    span = (settings.start, settings.end) if _same_file(face, audio) else (0.0, None)
    speech, strengths = load_speech(
        audio,
        source.fps,
        backend.generator.hearing,
        start=span[0],
        end=span[1],
        offset_seconds=settings.audio_offset_ms / 1000,
        legacy_timing=settings.legacy_timing,
    )
    watch = _watcher(source, progress)
    options = backend.generator.chosen(settings.options)
    faces = locate_faces(source, settings, detector, watch)
    count = _count_frames(source, speech, faces, settings)
    speech.encode(backend.encode_speech, count)
    watched = watch_faces(source, faces, backend, options, count, progress)
    seconds = float(count / source.fps)
    if settings.length != "audio" and seconds < speech.seconds:
        span = (span[0], span[0] + seconds)
    return Plan(
        source, speech, strengths, faces, count, settings, Path(audio), span, watched, options
    )


def render(plan: Plan, backend: TorchBackend, tally: Tally | None = None) -> Iterator[np.ndarray]:
    """Yield the finished frames; decoding and generating run ahead in threads of their own."""
    tally = tally or Tally()
    fed = timed(_feed_batches(plan, backend, tally), tally.seconds, "decode and cut")
    made = _generate(ahead(fed), backend, tally)
    for batch in ahead(made):
        yield from _paste(batch, backend.generator)


def open_writer(outfile: str | Path, plan: Plan) -> video.VideoWriter:
    """The encoder of a planned video, with its sound."""
    settings, info = plan.settings, plan.source.info
    return video.VideoWriter(
        outfile,
        *plan.source.size,
        plan.source.fps,
        sound=plan.sound,
        sound_start=plan.sound_span[0],
        sound_end=plan.sound_span[1],
        codec=settings.codec,
        crf=settings.crf,
        preset=settings.preset,
        pix_fmt=settings.pix_fmt,
        colour=info.colour if info.kind == "video" else "bt709",
    )


def refuse_to_overwrite(outfile: Path, *inputs: str | Path) -> None:
    """Raise ValueError where the result would take the place of something it is made from."""
    for path in inputs:
        if _same_file(outfile, path):
            raise ValueError(f"{outfile} is an input: the result needs a name of its own")


def _same_file(first: str | Path, second: str | Path) -> bool:
    return os.path.exists(first) and os.path.exists(second) and os.path.samefile(first, second)


def _watcher(source: FaceSource, progress: Progress | None) -> Callable[[Iterator], Iterator]:
    """Reports the frames that pass through on their way to the detector."""
    end = source.end or source.info.duration
    total = round((end - source.start) * source.fps) if end else None

    def watch(frames: Iterator) -> Iterator:
        for number, frame in enumerate(frames, 1):
            if progress:
                progress("faces", number, total)
            yield frame

    return watch


def _count_frames(source: FaceSource, speech: Speech, faces: FacePaths, settings: Settings) -> int:
    if settings.length == "audio" or source.static:
        return speech.frame_count
    given = settings.box is not None
    shown = source.frame_count if given else len(faces.paths[0])
    return shown if settings.length == "video" else min(shown, speech.frame_count)


def _feed_batches(plan: Plan, backend: TorchBackend, tally: Tally) -> Iterator[_Batch]:
    width, height = plan.source.size
    room = BYTES_ON_THE_WAY.get(backend.device.type, BYTES_ON_THE_WAY["cpu"])
    most = max(1, room // (3 * width * height * BATCHES_ON_THE_WAY))
    shown = enumerate(islice(plan.source.played(plan.settings.loop), plan.frame_count))
    while group := list(islice(shown, min(most, backend.batch_size))):
        batch = _Batch([frame for _, (_, frame) in group])
        for at, (number, (shown_number, frame)) in enumerate(group):
            _note_gaps(tally, number, shown_number, plan)
            for place in plan.places(number, shown_number):
                batch.places.append((at, place))
                heard = plan.speech.heard(number)
                batch.inputs.append(backend.generator.feed(frame, place, heard))
        yield batch


def _note_gaps(tally: Tally, number: int, shown_number: int, plan: Plan) -> None:
    places = plan.places_at(shown_number)
    if not places:
        tally.faceless.append(number)
        return
    if plan.faces.is_filled(shown_number):
        tally.filled.append(number)
    if max(place.strength for place in places) < LEAST_TRUST:
        tally.doubtful.append(number)


def _generate(
    batches: Iterator[_Batch], backend: TorchBackend, tally: Tally
) -> Iterator[tuple[_Batch, list[Arrays]]]:
    for batch in batches:
        begin = time.perf_counter()
        made = backend.generate(batch.inputs)
        spent = time.perf_counter() - begin
        tally.seconds["generate"] = tally.seconds.get("generate", 0.0) + spent
        yield batch, made


def _paste(made: tuple[_Batch, list[Arrays]], generator: Generator) -> Iterator[np.ndarray]:
    batch, results = made
    for (at, place), result in zip(batch.places, results, strict=True):
        patch = generator.patch(batch.frames[at], place, result)
        if patch is not None:
            paste(batch.frames[at], patch)
    yield from batch.frames
