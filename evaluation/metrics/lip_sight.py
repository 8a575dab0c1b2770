"""The lip motion that a video shows: by the network that sees it, or by landmarks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d

import video
from evaluation.metrics.faces import face_boxes
from face_detection import Detector, NoFaceError
from face_detection.landmarks import LandmarkFinder
from models.lip_motion import FPS, INDEX, NAMES, LipMotion
from models.lip_seeing import LipSeeing
from models.mouth_crop import cut_mouth, place_mouth

BATCH = 16  # frames
# Points of iBUG's 68: pairs of the inner lips in the middle, and the eyes' outer corners.
UPPER, LOWER, EYES = (61, 62, 63), (67, 66, 65), (36, 45)
# From the gap of the inner lips over the distance of the eyes to an opening in jawOpen's unit: in
# synthetic pictures open vowels show 0.124 where the opening is 0.3.
OPENING_PER_GAP = 2.4

NEIGHBOURS = 8  # frames before and after

Look = Callable[[Sequence[np.ndarray], np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Eye:
    """A way of seeing: `look` says of frames and boxes the numbers (n, 15) and the trust (n,)."""

    look: Look
    shut_below: float  # an opening that is called shut, as this way sees it
    dip: float  # and so is one under this share of the widest within NEIGHBOURS frames
    sees: frozenset[str]  # the numbers that it tells of
    name: str


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen of a video at FPS: where nobody was, or a hand, trust is 0."""

    motion: LipMotion
    trust: np.ndarray  # (frames,) 0..1
    eye: Eye

    @property
    def shut(self) -> np.ndarray:
        """Whether the lips are shut, or as good as shut for this face and this eye. (frames,)

        Of small or soft pictures of real lips the smallest gap is seen too wide, yet as a dip.
        """
        opening = self.motion.opening
        widest = maximum_filter1d(opening, 2 * NEIGHBOURS + 1, mode="nearest")
        return opening < np.maximum(self.eye.shut_below, self.eye.dip * widest)


def look_at(path: Path, eye: Eye, detector: Detector, *, select: str = "largest") -> Sight:
    """The lips of one face of a video. Raises NoFaceError where no frame has one, or MediaError."""
    boxes = face_boxes(path, detector, FPS, select=select)
    if np.isnan(boxes[:, 0]).all():
        raise NoFaceError(f"{path}: no frame shows a face whose lips could be seen")
    frames = enumerate(video.read_frames(path, FPS))
    values, trust = [], []
    while group := list(islice(frames, BATCH)):
        own = boxes[[min(number, len(boxes) - 1) for number, _ in group]]
        seen = np.zeros((len(group), len(NAMES)), np.float32), np.zeros(len(group), np.float32)
        there = np.flatnonzero(~np.isnan(own[:, 0]))
        if len(there):
            predicted = eye.look([group[n][1] for n in there], own[there])
            for whole, part in zip(seen, predicted, strict=True):
                whole[there] = part
        values.append(seen[0])
        trust.append(seen[1])
    return Sight(LipMotion(np.concatenate(values)), np.concatenate(trust), eye)


def network_eye(network: LipSeeing, finder: LandmarkFinder) -> Eye:
    """All numbers, by the network that was trained to see them."""

    def look(frames: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points, _ = finder.find_batch(frames, boxes)
        mouths = [cut_mouth(f, place_mouth(p)) for f, p in zip(frames, points, strict=True)]
        seen = network.see(np.stack(mouths))
        return seen.values, seen.trust

    return Eye(look, 0.05, 0.25, frozenset(NAMES), "seeing network")


def landmark_eye(finder: LandmarkFinder) -> Eye:
    """How far the lips are apart, and nothing else."""

    def look(frames: Sequence[np.ndarray], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points, _ = finder.find_batch(frames, boxes)
        values = np.zeros((len(frames), len(NAMES)), np.float32)
        values[:, INDEX["jawOpen"]] = opening_of(points)
        return values, np.ones(len(frames), np.float32)

    return Eye(look, 0.08, 0.5, frozenset(("jawOpen", "mouthClose")), "landmarks")


def opening_of(points: np.ndarray) -> np.ndarray:
    """In jawOpen's unit. points: (n, 68, 2) -> (n,)"""
    gaps = np.linalg.norm(points[:, UPPER] - points[:, LOWER], axis=2).mean(axis=1)
    eyes = np.linalg.norm(points[:, EYES[0]] - points[:, EYES[1]], axis=1)
    return OPENING_PER_GAP * gaps / np.maximum(eyes, 1e-6)
