"""Pairs on disk: frames with several mouths each, in packed shards that are read where they lie.

A shard is a folder of plain .npy files, one speaker's frames; pairs.json, written last, says what
is in it. Reading maps the files into memory, so a bank may be larger than it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.lip_motion import NAMES
from models.mouth_crop import SIZE

FORMAT = "talkface pairs 1"
DONE = "pairs.json"
FLOW_STEP = 2  # the flow is kept for every second pixel, across and down
KINDS = ("background", "skin", "lips", "teeth", "tongue", "inside")  # what a pixel shows
BACKGROUND, SKIN, LIPS, TEETH, TONGUE, INSIDE = range(len(KINDS))


@dataclass(frozen=True, eq=False)
class FrameMouths:
    """K pictures of one frame that differ in the mouth alone, and what is known between any two."""

    images: np.ndarray  # (K, SIZE, SIZE, 3) uint8 BGR
    lips: np.ndarray  # (K, 15) float32, models/lip_motion.py
    kinds: np.ndarray  # (K, SIZE, SIZE) uint8, see KINDS
    marks: np.ndarray  # (K, 68, 2) float16: landmarks in pixels of the picture
    flow: np.ndarray  # (K, K, SIZE/2, SIZE/2, 2) float16: [t, s] from picture t's pixels to s's
    seen: np.ndarray  # (K, K, SIZE, SIZE) bool: what t shows is seen in s too


def write_shard(
    folder: Path, frames: Sequence[FrameMouths], scenes: Sequence[int], about: dict
) -> None:
    """Frames of one speaker; those with the same number in `scenes` show the same scene.

    `folder` must be fresh; pairs.json is written last. about: where they come from, plain values.
    """
    for name in ("images", "lips", "kinds", "marks", "flow"):
        np.save(folder / f"{name}.npy", np.stack([getattr(frame, name) for frame in frames]))
    np.save(folder / "seen.npy", np.packbits(np.stack([frame.seen for frame in frames]), axis=-1))
    np.save(folder / "scenes.npy", np.array(scenes, np.int32))
    stated = {"format": FORMAT, "size": SIZE, "names": NAMES, "frames": len(frames)}
    (folder / DONE).write_text(json.dumps(stated | {"about": about}, indent=1), encoding="utf-8")


class Shard:
    """A shard as it lies on the disk."""

    def __init__(self, folder: Path):
        stated = json.loads((folder / DONE).read_text(encoding="utf-8"))
        wanted = {"format": FORMAT, "size": SIZE, "names": list(NAMES)}
        found = {name: stated.get(name) for name in wanted}
        if found != wanted:
            raise ValueError(f"{folder} holds pairs of another form: {found}, wanted {wanted}")
        self.folder, self.frames, self.about = folder, stated["frames"], stated["about"]
        self.images, self.lips, self.kinds, self.marks, self.flow, self.seen, self.scenes = (
            np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("images", "lips", "kinds", "marks", "flow", "seen", "scenes")
        )

    def seen_between(self, frame: int, target: int, source: int) -> np.ndarray:
        """Whether what the target shows is seen in the source. (SIZE, SIZE) bool"""
        return np.unpackbits(self.seen[frame, target, source], axis=-1).astype(bool)


def find_shards(folder: Path) -> list[Path]:
    """The finished shards of a bank, in order; ValueError where there is none."""
    found = sorted(done.parent for done in folder.glob(f"*/{DONE}"))
    if not found:
        raise ValueError(f"{folder} holds no pairs; make some with python -m synthesis.make_pairs")
    return found
