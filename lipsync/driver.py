"""What moves the mouth: the speech as the method hears it, a file of lip motion, another's lips.

Lips are seen as the method sees them: as lip motion, which can be kept and edited, or as a code of
its own.
"""

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from face_detection import Detector, NoFaceError
from lipsync.backends.torch_backend import TorchBackend
from lipsync.faces import locate_faces
from lipsync.settings import Settings
from lipsync.sound import Encode
from lipsync.source import open_source
from lipsync.watching import Progress, watch_faces
from models.lip_motion import FPS, LipMotion, read_lip_motion, write_lip_motion

log = logging.getLogger(__name__)


def choose_driver(
    settings: Settings,
    backend: TorchBackend,
    speech_seconds: Fraction,
    detector: Callable[[], Detector],
    progress: Progress | None = None,
) -> Encode:
    """What gives each frame its part of the speech, for methods that hear it whole.

    settings.driving_video: the lips seen there, in time with the sound. settings.lip_motion: read
    if the file is there, else written with what is heard or seen. Raises ValueError (MediaError,
    NoFaceError, LipMotionError) or OSError.
    """
    file, driving = settings.lip_motion, settings.driving_video
    if file is None and driving is None:
        return backend.encode_speech
    if not backend.generator.lip_motion:
        if file is None and backend.generator.sees_lips:
            lips, fps = _watched_lips(driving, settings, backend, detector, progress)
            return lambda values, seconds: at_seconds(lips, fps, seconds)
        raise ValueError(
            "--lip_motion needs a generator that is driven by lip motion, --driving_video one "
            "that sees lips; this one hears its speech itself"
        )
    if file is not None and file.exists():
        motion = read_lip_motion(file)
    elif driving is not None:
        motion = _seen(driving, settings, backend, detector, progress)
    else:
        return _written_as_heard(file, backend, speech_seconds)
    if file is not None and not file.exists():
        _write(file, motion)
    return lambda values, seconds: motion.at(seconds)


def _seen(
    path: Path,
    settings: Settings,
    backend: TorchBackend,
    detector: Callable[[], Detector],
    progress: Progress | None,
) -> LipMotion:
    """The lips of the largest face of a video, at lip motion's own rate."""
    lips, fps = _watched_lips(path, settings, backend, detector, progress)
    middles = (np.arange(round(len(lips) / fps * FPS)) + 0.5) / FPS
    return LipMotion(at_seconds(lips, fps, middles))


def at_seconds(lips: np.ndarray, fps: Fraction, seconds: np.ndarray) -> np.ndarray:
    """Rows of a video's frames at other times, straight between two, held beyond its ends."""
    frames = np.asarray(seconds) * float(fps) - 0.5
    before = np.floor(frames).clip(0, len(lips) - 1).astype(int)
    after = np.minimum(before + 1, len(lips) - 1)
    share = (frames - before).clip(0, 1)[:, None]
    return ((1 - share) * lips[before] + share * lips[after]).astype(np.float32)


def _watched_lips(
    path: Path,
    settings: Settings,
    backend: TorchBackend,
    detector: Callable[[], Detector],
    progress: Progress | None,
) -> tuple[np.ndarray, Fraction]:
    """What the method sees of the lips in each frame of a video, and its rate."""
    source = open_source(path)
    own = Settings(use_cache=settings.use_cache, detect_every=settings.detect_every)
    faces = locate_faces(source, own, detector)
    options = backend.generator.chosen(settings.options)
    frames = len(faces.paths[0])
    watched = watch_faces(source, faces, backend, options, frames, progress, lips_alone=True)
    if watched is None or watched[0].lips is None:
        raise NoFaceError(f"{path}: no lips are seen; --driving_video needs a face throughout")
    return np.asarray(watched[0].lips, np.float32), source.fps


def _written_as_heard(file: Path, backend: TorchBackend, speech_seconds: Fraction) -> Encode:
    """The speech as heard, kept in the file; what is used is what the file says."""

    def encode(values: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        middles = (np.arange(max(1, round(speech_seconds * FPS))) + 0.5) / FPS
        _write(file, LipMotion(backend.encode_speech(values, middles)))
        return read_lip_motion(file).at(seconds)

    return encode


def _write(file: Path, motion: LipMotion) -> None:
    write_lip_motion(file, motion)
    log.info("lip motion written to %s: edit it and run again to use it", file)
