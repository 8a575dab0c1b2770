"""68 landmarks of the faces in whole pictures, by the landmark network that comes along.

from face_detection.landmarks import LandmarkFinder

points, spreads = LandmarkFinder().find(frame, box)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import load
from models.devices import resolve_precision
from models.folding import fold_batch_norms
from models.landmarks import find_landmarks
from models.pretrained import LANDMARKS


class LandmarkFinder:
    """The landmark network with its weights loaded.

    passes: 2 looks a second time, at an upright crop about the points found first; the points
    then hardly depend on the box.
    """

    def __init__(
        self,
        weights: Path | str = LANDMARKS,
        *,
        device: str = "cpu",
        precision: str = "auto",
        passes: int = 2,
    ) -> None:
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f"no weights of the landmark network at {weights}; "
                "`python -m detector_training.train_landmarks` makes them"
            )
        self._device, self._passes = torch.device(device), passes
        network = fold_batch_norms(load(weights, "landmarks", self._device))
        self._dtype = resolve_precision(precision, self._device)
        self._network = network.to(self._dtype).to(memory_format=torch.channels_last)

    def find(self, frame: np.ndarray, box: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Points (68, 2) and their spreads (68,), about how far each may be off, in pixels.

        frame: BGR uint8; box: the face's left, top, right, bottom, of any detector.
        """
        points, spreads = self.find_batch([frame], [box])
        return points[0], spreads[0]

    def find_batch(
        self, frames: Sequence[np.ndarray], boxes: Sequence[Sequence[float]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same of one face in each frame: (n, 68, 2) and (n, 68)."""
        return find_landmarks(self._network, frames, boxes, self._passes)
