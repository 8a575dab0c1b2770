"""What is known of a video before its first frame is made: sound, faces, length, places."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from face_detection import Detector
from lipsync.backends.torch_backend import TorchBackend
from lipsync.driver import choose_driver
from lipsync.faces import FacePaths, locate_faces
from lipsync.settings import Settings
from lipsync.sound import Speech, load_speech
from lipsync.source import FaceSource, open_source
from lipsync.watching import Progress, counted, watch_faces
from models.generator import Place, Watched

log = logging.getLogger(__name__)


class Given(NamedTuple):
    """A video and a sound as they are: what a plan begins with."""

    source: FaceSource
    faces: FacePaths
    sound: Path
    sound_span: tuple[float, float | None]  # seconds


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
    crop_side: int = 0  # pixels of a face that is shown by itself; 0: whole frames are

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result."""
        return (self.crop_side,) * 2 if self.crop_side else self.source.size

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
        return places_of(self.faces, self.watched, self.settings, self.options, shown)


def places_of(
    faces: FacePaths,
    watched: list[Watched] | None,
    settings: Settings,
    options: Mapping[str, object],
    shown: int,
) -> list[Place]:
    """The faces in a frame of the source, with what a method noted of them beforehand."""
    places = []
    for path, box in faces.by_path(shown):
        place = Place(box, blend=settings.blend, options=options)
        if watched is not None:
            place = noted(place, watched[path], shown)
        places.append(place)
    return places


def noted(place: Place, watched: Watched, frame: int) -> Place:
    """A place with what was noted of a frame; less than full strength is the method's doubt."""
    at = min(max(frame, 0), len(watched.notes) - 1)
    trust = 1.0 if watched.trust is None else float(watched.trust[at])
    return replace(place, strength=trust, notes=watched.notes[at], shared=watched.shared)


def make_plan(
    face: str | Path,
    audio: str | Path,
    settings: Settings,
    backend: TorchBackend,
    detector: Callable[[], Detector],
    *,
    progress: Progress | None = None,
    measure_delay: Callable[[Given], float] | None = None,
) -> Plan:
    """Open both inputs and find the faces. Raises ValueError (MediaError, NoFaceError).

    measure_delay: says by how many seconds the sound must come later to fit the given face.
    """
    if settings.crop_only and not backend.generator.crop_side:
        raise ValueError(
            "--crop_only needs a generator that paints a whole face, as DAVS; this one changes a "
            "part of the frame"
        )
    source = open_chosen(face, settings)
    if source.info.has_alpha:
        log.warning("%s: its transparency is dropped", face)
    if source.info.is_hdr:
        log.warning("%s: HDR is worked on with 8 bits a colour; smooth areas may show bands", face)
    # A video dubbed with its own sound is cut together with it; other sound is taken whole.
    span = (source.start, source.end) if same_file(face, audio) else (0.0, None)
    hear = _listener(audio, source, settings, backend)
    speech, strengths = hear(*span)  # before the faces are detected, which takes longer
    watch = face_watch(source, progress)
    options = backend.generator.chosen(settings.options)
    faces = locate_faces(source, settings, detector, watch)
    if measure_delay and (delay := measure_delay(Given(source, faces, Path(audio), span))):
        span = (span[0] - delay, None if span[1] is None else span[1] - delay)
        speech, strengths = hear(*span)
    count = _count_frames(source, speech, faces, settings)
    driver = choose_driver(settings, backend, speech.seconds, detector, progress)
    speech.encode(driver, count, in_its_place=settings.driving_video is not None)
    watched = watch_faces(source, faces, backend, options, count, progress)
    seconds = float(count / source.fps)
    if settings.length != "audio" and seconds < speech.seconds:
        span = (span[0], span[0] + seconds)
    return Plan(
        source, speech, strengths, faces, count, settings, Path(audio), span, watched, options,
        backend.generator.crop_side if settings.crop_only else 0,
    )  # fmt: skip


def _listener(
    audio: str | Path, source: FaceSource, settings: Settings, backend: TorchBackend
) -> Callable[[float, float | None], tuple[Speech, np.ndarray]]:
    """What gives the speech between two seconds of the sound, as the settings time it."""

    def hear(start: float, end: float | None) -> tuple[Speech, np.ndarray]:
        return load_speech(
            audio,
            source.fps,
            backend.generator.hearing,
            start=start,
            end=end,
            offset_seconds=settings.audio_offset_ms / 1000,
            legacy_timing=settings.legacy_timing,
        )

    return hear


def open_chosen(face: str | Path, settings: Settings) -> FaceSource:
    """The part of the pictures that the settings choose. Raises ValueError (MediaError)."""
    return open_source(
        face,
        still_fps=settings.still_fps,
        start=settings.start,
        end=settings.end,
        resize_factor=settings.resize_factor,
        rotate=settings.rotate,
        crop=settings.crop,
        static=settings.static,
    )


def face_watch(source: FaceSource, progress: Progress | None) -> Callable[[Iterator], Iterator]:
    """Reports the frames that pass through on their way to the detector."""
    end = source.end or source.info.duration
    total = round((end - source.start) * source.fps) if end else None
    return partial(counted, progress=progress, stage="faces", total=total)


def _count_frames(source: FaceSource, speech: Speech, faces: FacePaths, settings: Settings) -> int:
    if settings.length == "audio" or source.static:
        return speech.frame_count
    given = settings.box is not None
    shown = source.frame_count if given else len(faces.paths[0])
    return shown if settings.length == "video" else min(shown, speech.frame_count)


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether both are there, and one."""
    return os.path.exists(first) and os.path.exists(second) and os.path.samefile(first, second)
