"""A film read once: its frames in pieces that fit in memory, its sound on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

import video
from audio import as_16_bit
from face_detection.search import CHUNK
from hparams import ClipHParams
from video import MediaInfo, exact_fps

BYTES_AT_ONCE = 256 << 20  # of full-size frames
FEWEST_FRAMES = 8  # in a piece, however large they are


@dataclass(frozen=True)
class Piece:
    """Consecutive frames; those before `first_new` were the last of the piece before."""

    first: int  # number of the first frame
    first_new: int
    frames: list[np.ndarray]  # BGR uint8, full size

    @property
    def end(self) -> int:
        return self.first + len(self.frames)

    def frame(self, number: int) -> np.ndarray:
        return self.frames[number - self.first]


def read_pieces(media: MediaInfo, fps: float, overlap: int) -> Iterator[Piece]:
    """The whole film at `fps`, each piece with the last `overlap` frames of the one before it."""
    room = BYTES_AT_ONCE // max(1, 3 * media.width * media.height)
    size = min(CHUNK, max(FEWEST_FRAMES, room - overlap))
    frames = video.read_frames(media, exact_fps(fps))
    kept: list[np.ndarray] = []
    number = 0
    while new := list(islice(frames, size)):
        yield Piece(number - len(kept), number, kept + new)
        number += len(new)
        kept = (kept + new)[-overlap:]


def keep_sound(path: Path, hp: ClipHParams, target: Path) -> np.ndarray:
    """The film's sound, int16 mono at hp.sample_rate, on disk at `target`; mapped, not held.

    Raises video.MediaError where there is none.
    """
    with target.open("wb") as file:
        for samples in video.read_sound_pieces(path, hp.sample_rate):
            if not np.isfinite(samples).all():
                raise video.MediaError(f"{path}: samples that are no numbers")
            file.write(as_16_bit(samples).tobytes())
    return np.memmap(target, "<i2", "r")
