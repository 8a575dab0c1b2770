"""What is wrong with a face: turned away, half hidden, blurred, too small."""

from pathlib import Path

import cv2
import numpy as np
import torch

from face_detection.landmarks import LandmarkFinder
from models.checkpoint import load
from models.devices import resolve_precision
from models.folding import fold_batch_norms
from models.mouth_crop import cut_mouth, place_mouth
from models.pretrained import LIP_SEEING

LOOK_EVERY = 10  # frames
LEAST_TRUST = 0.25  # of what sees lips: below it the mouth is behind a hand, a cup, an edge
# Variance of the Laplacian of a face at 96 pixels: sharp ones have 240, and 8 once they are blurred
# by a Gaussian of two pixels.
LEAST_DETAIL = 25.0
FACE_SIDE = 96
# iBUG's numbers: the eyes' outer corners and the tip of the nose.
EYES, NOSE = (36, 45), 30

SMALL, TURNED, HIDDEN, BLURRED = "face too small", "turned away", "half hidden", "blurred"


class Examiner:
    """The networks that look at a face now and then."""

    def __init__(self, max_turn: float, device: str = "cpu", seeing: Path = LIP_SEEING) -> None:
        self._finder = LandmarkFinder(device=device)
        self._device = torch.device(device)
        self._dtype = resolve_precision("auto", self._device)
        seeing_network = fold_batch_norms(load(seeing, "lip_seeing", self._device))
        self._seeing = seeing_network.to(memory_format=torch.channels_last)
        self._max_turn = max_turn

    def faults(self, frames: list[np.ndarray], boxes: list[np.ndarray]) -> list[str | None]:
        """Of one face in each frame what is wrong with it; None where nothing is."""
        if not frames:
            return []
        points, _ = self._finder.find_batch(frames, boxes)
        mouths = [cut_mouth(f, place_mouth(p)) for f, p in zip(frames, points, strict=True)]
        trust = self._trust(np.stack(mouths))
        return [
            self._fault(*one) for one in zip(frames, boxes, turns_of(points), trust, strict=True)
        ]

    def _trust(self, mouths: np.ndarray) -> np.ndarray:
        """How well each of the mouths is seen, (n,)."""
        lower = self._dtype != torch.float32
        with torch.autocast(self._device.type, self._dtype if lower else None, enabled=lower):
            return self._seeing.see(mouths).trust

    def _fault(self, frame: np.ndarray, box: np.ndarray, turn: float, trust: float) -> str | None:
        if abs(turn) > self._max_turn:
            return TURNED
        if detail_of(frame, box) < LEAST_DETAIL:
            return BLURRED
        return HIDDEN if trust < LEAST_TRUST else None


def turns_of(points: np.ndarray) -> np.ndarray:
    """About how far heads are turned to the side, in degrees. points: (n, 68, 2) -> (n,)

    The tip of the nose stands as far before the outer corners of the eyes as these are from the
    middle: turned by 45 degrees it is seen in line with one of them.
    """
    left, right = points[:, EYES[0]], points[:, EYES[1]]
    half = (right - left) / 2
    length = np.maximum((half**2).sum(axis=1), 1e-6)
    along = ((points[:, NOSE] - (left + right) / 2) * half).sum(axis=1) / length
    return np.degrees(np.arctan(along))


def detail_of(frame: np.ndarray, box: np.ndarray) -> float:
    """How sharp a face is at the size that networks see."""
    height, width = frame.shape[:2]
    left, top = np.floor(box[:2]).astype(int).clip(0)
    right, bottom = np.minimum(np.ceil(box[2:]).astype(int), (width, height))
    if right - left < 2 or bottom - top < 2:
        return 0.0
    face = cv2.resize(
        frame[top:bottom, left:right], (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA
    )
    return float(cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())
