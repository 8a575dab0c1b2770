"""Mouths of real videos on disk: each frame's square, and the lip numbers seen and heard there.

A clip is a folder of plain .npy files; mouths.json, written last, says what is in it. Reading maps
the pictures into memory, so there may be more of them than it holds.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.lip_motion import NAMES
from models.mouth_crop import SIZE

FORMAT = "talkface mouths 1"
DONE = "mouths.json"


@dataclass(frozen=True, eq=False)
class MouthClip:
    """One face of one video, a picture of its mouth a frame."""

    pictures: np.ndarray  # (T, SIZE, SIZE, 3) uint8 BGR
    seen: np.ndarray  # (T, 15) float32, models/lip_motion.py
    heard: np.ndarray  # (T, 15) float32, of the video's own sound
    trust: np.ndarray  # (T,) float32: 1 where the mouth is in plain view
    placements: np.ndarray  # (T, 4) float32, models/mouth_crop.py

    def write(self, folder: Path, about: dict) -> None:
        """Into a fresh folder; mouths.json comes last. about: plain values of where it is from."""
        for name in self.__dataclass_fields__:
            np.save(folder / f"{name}.npy", getattr(self, name))
        stated = {"format": FORMAT, "size": SIZE, "names": NAMES, "about": about}
        (folder / DONE).write_text(json.dumps(stated, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "MouthClip":
        """Raises ValueError where the folder is of another form."""
        stated = json.loads((folder / DONE).read_text(encoding="utf-8"))
        wanted = {"format": FORMAT, "size": SIZE, "names": list(NAMES)}
        found = {name: stated.get(name) for name in wanted}
        if found != wanted:
            raise ValueError(f"{folder} holds mouths of another form: {found}, wanted {wanted}")
        arrays = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__annotations__)
        return cls(*arrays)


def find_mouth_clips(folder: Path) -> list[Path]:
    """The finished clips, in order; ValueError where there is none."""
    found = sorted(done.parent for done in folder.rglob(DONE))
    if not found:
        raise ValueError(
            f"{folder} holds no mouths; cut some with python -m preprocessing.mouth_clips"
        )
    return found
