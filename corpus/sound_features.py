"""Other features of a clip's sound than the mel, made once and kept beside it as <name>.npy."""

import numpy as np

from atomic import whole_or_absent
from audio import load_wav
from corpus.clips import Clip
from corpus.errors import ClipError
from features.registry import MEL, Feature
from hparams import AudioHParams
from video import MediaError


def read_feature(clip: Clip, feature: Feature, hp: AudioHParams) -> np.ndarray:
    """(bands, columns) float32. Raises ClipError."""
    if feature.name == MEL.name:
        return clip.read_mel()
    path = clip.folder / f"{feature.name}.npy"
    if not path.exists():
        return _make(clip, feature, hp)
    try:
        found = np.load(path)
    except (ValueError, OSError, EOFError) as error:
        raise ClipError(f"{path.name} is broken; remove it and it is made again") from error
    if found.ndim != 2 or found.dtype != np.float32 or not np.isfinite(found).all():
        raise ClipError(f"{path.name} holds no {feature.name}; remove it and it is made again")
    return found


def _make(clip: Clip, feature: Feature, hp: AudioHParams) -> np.ndarray:
    """Compute it and keep it; processes that meet here write the same."""
    try:
        made = feature.extract(load_wav(clip.sound, hp.sample_rate), hp).astype(np.float32)
    except (MediaError, ValueError) as error:
        raise ClipError(f"{clip.sound.name} cannot be read") from error
    try:
        path = clip.folder / f"{feature.name}.npy"
        with whole_or_absent(path) as partial, partial.open("wb") as file:
            np.save(file, made)
    except OSError as error:
        raise ClipError(f"{path.name} cannot be written: {error.strerror}") from error
    return made
