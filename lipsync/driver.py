"""What moves the mouth: the speech as the method hears it, a file of lip motion, another's lips."""

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
        raise ValueError(
            "--lip_motion and --driving_video need a generator that is driven by lip motion; "
            "this one hears its speech itself"
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
    source = open_source(path)
    own = Settings(use_cache=settings.use_cache, detect_every=settings.detect_every)
    faces = locate_faces(source, own, detector)
    options = backend.generator.chosen(settings.options)
    frames = len(faces.paths[0])
    watched = watch_faces(source, faces, backend, options, frames, progress)
    if watched is None or watched[0].lips is None:
        raise NoFaceError(f"{path}: no lips are seen; --driving_video needs a face throughout")
    lips = np.asarray(watched[0].lips, np.float32)
    middles = (np.arange(round(len(lips) / source.fps * FPS)) + 0.5) / FPS
    # LipMotion.at counts frames at FPS: the source's own seconds are stretched to it.
    return LipMotion(LipMotion(lips).at(middles * float(source.fps) / FPS).astype(np.float32))


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
