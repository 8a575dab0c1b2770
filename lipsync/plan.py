"""What is known of a video before its first frame is made: sound, faces, length, places."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from face_detection import Detector, Tracks
from lipsync.backends.torch_backend import TorchBackend
from lipsync.driver import choose_driver
from lipsync.faces import FacePaths, locate_faces
from lipsync.mixing import mix_sounds
from lipsync.settings import Settings
from lipsync.sound import Speech, load_speech
from lipsync.source import FaceSource, open_source
from lipsync.turns import Turn, turns_for
from lipsync.watching import Progress, counted, watch_faces
from models.generator import Place, Watched
from video import FrameLayout
from video.encoders import has_nvdec


class Given(NamedTuple):
    """A video and a sound as they are: what a plan begins with."""

    source: FaceSource
    faces: FacePaths
    sound: Path
    sound_span: tuple[float, float | None]  # seconds


class Voice(NamedTuple):
    """One sound as the faces hear it."""

    speech: Speech
    strengths: np.ndarray  # (frames of the speech,) share of the generated mouth, 0 to 1


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a video before its first frame is made."""

    source: FaceSource
    voices: list[Voice]  # one for all faces, or one for each
    faces: FacePaths
    frame_count: int
    settings: Settings
    sound: Path
    sound_span: tuple[float, float | None]  # seconds of the sound file that the video carries
    watched: list[Watched] | None = None  # by face path, where the method looked beforehand
    options: Mapping[str, object] = field(default_factory=dict)  # all of the method's
    crop_side: int = 0  # pixels of a face that is shown by itself; 0: whole frames are
    kept: object = None  # what must live as long as the plan: a mixed sound's folder
    audios: tuple[Path, ...] = ()  # the sounds as they were given

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result."""
        return (self.crop_side,) * 2 if self.crop_side else self.source.size

    def shown_at(self, frame: int, shown: int) -> Fraction | None:
        """When a frame of the result is shown, in seconds; None: not at all, its picture goes on.

        Only asked where the source keeps its times.
        """
        late = self.source.late.get(shown)
        return None if late is None else frame / self.source.fps + late

    @property
    def layout(self) -> FrameLayout | None:
        """How the result's frames lie in memory; None where they are BGR."""
        return None if self.crop_side else self.source.layout

    @property
    def speech(self) -> Speech:
        """What is heard; of several people, what the first says."""
        return self.voices[0].speech

    def strength(self, frame: int, path: int = 0) -> float:
        """How much of the generated mouth a frame shows; after the sound's end as at its end."""
        if self.settings.silence == "model":
            return 1.0
        strengths = self._voice(path).strengths
        return float(strengths[frame]) if frame < len(strengths) else 0.0

    def heard(self, frame: int, place: Place) -> np.ndarray:
        """What a face is given of its voice for a frame of the result."""
        return self._voice(place.path).speech.heard(frame)

    def _voice(self, path: int) -> Voice:
        return self.voices[path if len(self.voices) > 1 else 0]

    def places(self, frame: int, shown: int) -> list[Place]:
        """The faces to be made anew in a frame of the result that shows one of the source."""
        places = [
            replace(place, strength=self.strength(frame, place.path) * place.strength)
            for place in self.places_at(shown)
        ]
        return [place for place in places if place.strength > 0]

    def places_at(self, shown: int) -> list[Place]:
        """The faces that speak in a frame of the source; less than full strength is the method's
        doubt, or the edge of a turn.
        """
        return places_of(self.faces, self.watched, self.settings, self.options, shown)


def places_of(
    faces: FacePaths,
    watched: list[Watched] | None,
    settings: Settings,
    options: Mapping[str, object],
    shown: int,
) -> list[Place]:
    """The faces that speak in a frame of the source, with what a method noted of them."""
    places = []
    for path, box in faces.by_path(shown):
        place = Place(box, blend=settings.blend, options=options, path=path)
        if watched is not None:
            place = noted(place, watched[path], shown)
        if turn := faces.weight(path, shown):
            places.append(replace(place, strength=turn * place.strength))
    return places


def noted(place: Place, watched: Watched, frame: int) -> Place:
    """A place with what was noted of a frame; less than full strength is the method's doubt."""
    at = min(max(frame, 0), len(watched.notes) - 1)
    trust = 1.0 if watched.trust is None else float(watched.trust[at])
    return replace(place, strength=trust, notes=watched.notes[at], shared=watched.shared)


def make_plan(
    face: str | Path,
    audio: str | Path | Sequence[str | Path],
    settings: Settings,
    backend: TorchBackend,
    detector: Callable[[], Detector],
    *,
    progress: Progress | None = None,
    measure_delay: Callable[[Given], float] | None = None,
) -> Plan:
    """Open both inputs and find the faces. Raises ValueError (MediaError, NoFaceError).

    audio: one sound for every face that is chosen, or one for each of settings.face_select.
    measure_delay: says by how many seconds the sound must come later to fit the given face.
    """
    if settings.crop_only and not backend.generator.crop_side:
        raise ValueError(
            "--crop_only needs a generator that paints a whole face, as DAVS; this one changes a "
            "part of the frame"
        )
    audios = [audio] if isinstance(audio, str | Path) else list(audio)
    _check_voices(audios, settings)
    source = open_chosen(face, settings)
    # A video dubbed with its own sound is cut together with it; other sound is taken whole.
    own = len(audios) == 1 and same_file(face, audios[0])
    span = (source.start, source.end) if own else (0.0, None)
    hear = [_listener(one, source, settings, backend) for one in audios]
    voices = [listen(*span) for listen in hear]  # before faces are detected, which takes longer
    options = backend.generator.chosen(settings.options)
    watch, tell = face_watch(source, progress), _teller(source, settings, backend)
    faces = locate_faces(source, settings, detector, watch, tell)
    if measure_delay and (delay := measure_delay(Given(source, faces, Path(audios[0]), span))):
        span = (span[0] - delay, None if span[1] is None else span[1] - delay)
        voices = [listen(*span) for listen in hear]
    longest = max((voice.speech for voice in voices), key=lambda speech: speech.frame_count)
    count = _count_frames(source, longest, faces, settings)
    for speech, _ in voices:
        drive = choose_driver(settings, backend, speech.seconds, detector, progress)
        speech.encode(drive, count, in_its_place=settings.driving_video is not None)
    watched = watch_faces(source, faces, backend, options, count, progress)
    seconds = float(count / source.fps)
    if settings.length != "audio" and seconds < longest.seconds:
        span = (span[0], span[0] + seconds)
    sound, kept = (Path(audios[0]), None) if len(audios) == 1 else mix_sounds(audios)
    side = backend.generator.crop_side if settings.crop_only else 0
    given = tuple(map(Path, audios))
    return Plan(
        source, voices, faces, count, settings, sound, span, watched, options, side, kept, given
    )


def _check_voices(audios: list[str | Path], settings: Settings) -> None:
    """Raises ValueError where several sounds have not as many faces, or drive one mouth."""
    chosen = settings.face_select
    faces = [chosen] if isinstance(chosen, str) else list(chosen)
    if len(audios) == 1 and len(faces) == 1:
        return
    if len(faces) != len(audios) or "all" in faces:
        raise ValueError(
            f"each face wants its sound: --audio has {len(audios)}, --face_select "
            f"{len(faces)} ({' '.join(faces)}); --boxes FILE.json tells the numbers of the faces"
        )
    if settings.speakers or settings.box or settings.lip_motion or settings.driving_video:
        raise ValueError(
            "several sounds go with --face_select alone, and not with --speakers, --box, "
            "--lip_motion or --driving_video"
        )


def _teller(
    source: FaceSource, settings: Settings, backend: TorchBackend
) -> Callable[[Tracks], list[Turn]] | None:
    """What says who speaks when, where that is asked for."""
    if settings.speakers is None:
        return None
    file = None if settings.speakers == "auto" else Path(settings.speakers)
    device = str(backend.device)
    return lambda tracks: turns_for(file, source, tracks, settings.sync_expert, device)


def _listener(
    audio: str | Path, source: FaceSource, settings: Settings, backend: TorchBackend
) -> Callable[[float, float | None], Voice]:
    """What gives the speech between two seconds of the sound, as the settings time it."""

    def hear(start: float, end: float | None) -> Voice:
        heard = load_speech(
            audio,
            source.fps,
            backend.generator.hearing,
            start=start,
            end=end,
            offset_seconds=settings.audio_offset_ms / 1000,
            legacy_timing=settings.legacy_timing,
        )
        return Voice(*heard)

    return hear


def open_chosen(face: str | Path, settings: Settings) -> FaceSource:
    """The part of the pictures that the settings choose. Raises ValueError (MediaError)."""
    source = open_source(
        face,
        still_fps=settings.still_fps,
        start=settings.start,
        end=settings.end,
        resize_factor=settings.resize_factor,
        rotate=settings.rotate,
        crop=settings.crop,
        static=settings.static,
        vfr=settings.vfr,
    )
    if settings.codec and settings.codec.endswith("_nvenc") and has_nvdec():
        source = replace(source, info=replace(source.info, on_gpu=True))
    return source


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
