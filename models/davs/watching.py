"""DAVS's look at a video before its first frame is made: where a face is, and what its lips say."""

import logging
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from models.davs.alignment import BORDER, SEEN, STEADY_SECONDS, align, carriers, to_seen
from models.davs.tuning import MOST_FACES
from models.generator import Edges, Video, Watched, Watcher
from models.landmarks import LandmarkNet, find_landmarks
from models.steadying import fill_gaps, steadied

log = logging.getLogger(__name__)


def place_of(points: np.ndarray) -> np.ndarray:
    """From the frame to the aligned face of 256x256. points: (6,) of eyes and mouth. (2, 3)"""
    return to_seen(align(np.reshape(points, (3, 2))))


def cut_seen(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The aligned face, (256, 256, 3) BGR uint8; grey beyond the frame."""
    return cv2.warpAffine(frame, place_of(points), (SEEN, SEEN), borderValue=(BORDER,) * 3)


class EyesAndMouth(Watcher):
    """Follows the three points by which one face is aligned.

    tune: is given some of the aligned faces at the end, where they are wanted.
    """

    def __init__(
        self,
        landmarks: LandmarkNet,
        video: Video,
        tune: Callable[[np.ndarray], None] | None = None,
    ):
        self.landmarks, self.video, self.tune = landmarks, video, tune
        self.rows: dict[int, np.ndarray] = {}
        self.faces: list[np.ndarray] = []
        self.every = max(1, -(-video.frame_count // MOST_FACES))

    def see(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> None:
        points, _ = find_landmarks(self.landmarks, frames, boxes)
        found = [carriers(face).ravel() for face in points]
        self.rows |= dict(zip(numbers, found, strict=True))
        if self.tune:
            some = [at for at, number in enumerate(numbers) if number % self.every == 0]
            self.faces += [cut_seen(frames[at], found[at]) for at in some]

    def forget(self, frames: int) -> None:
        self.rows = {at - frames: row for at, row in self.rows.items() if at >= frames}

    def settle(self) -> Watched:
        if self.faces:  # once, however often live pictures ask
            self.tune(np.stack(self.faces[:MOST_FACES]))
            self.tune, self.faces = None, []
        rows = steadied(fill_gaps(self.rows), self.video, STEADY_SECONDS)
        return Watched(rows.astype(np.float32))


class Lips(Watcher):
    """What the lips of one face say, frame by frame, as codes that move another face's mouth."""

    def __init__(self, landmarks: LandmarkNet, read: Callable[[np.ndarray], torch.Tensor]):
        self.landmarks, self.read = landmarks, read
        self.rows: dict[int, np.ndarray] = {}

    def see(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> None:
        points, _ = find_landmarks(self.landmarks, frames, boxes)
        pairs = zip(frames, points, strict=True)
        faces = np.stack([cut_seen(frame, carriers(point)) for frame, point in pairs])
        self.rows |= dict(zip(numbers, self.read(faces).float().cpu().numpy(), strict=True))

    def settle(self) -> Watched:
        codes = fill_gaps(self.rows).astype(np.float32)
        return Watched(np.zeros((1, 0), np.float32), lips=codes)
