"""Several people's sounds as the one that the video carries."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import video
from audio import as_16_bit, save_wav

RATE = 48000  # Hz


def mix_sounds(paths: Sequence[str | Path]) -> tuple[Path, tempfile.TemporaryDirectory]:
    """All of them at once, from their beginnings, in a WAV file; and the folder that keeps it.

    Raises video.MediaError.
    """
    folder = tempfile.TemporaryDirectory(prefix="talkface_")
    wavs = [video.read_sound(path, RATE) for path in paths]
    mixed = np.zeros(max(map(len, wavs)), np.float32)
    for wav in wavs:
        mixed[: len(wav)] += wav
    file = Path(folder.name) / "mixed.wav"
    save_wav(file, as_16_bit(mixed / max(1.0, float(np.abs(mixed).max()))), RATE)
    return file, folder
