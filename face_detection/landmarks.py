"""68 landmarks of the faces in whole pictures, by the landmark network that comes along.

from face_detection.landmarks import LandmarkFinder

points, spreads = LandmarkFinder().find(frame, box)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.checkpoint import load_landmark_net
from models.devices import resolve_precision
from models.folding import fold_batch_norms
from models.landmarks import cut_crop, from_crop, matrix_of_box, matrix_of_points
from shipped import CHECKPOINTS

LANDMARKS_PATH = CHECKPOINTS / "landmarks.safetensors"
BATCH = 32  # crops


class LandmarkFinder:
    """The landmark network with its weights loaded.

    passes: 2 looks a second time, at an upright crop about the points found first; the points
    then hardly depend on the box.
    """

    def __init__(
        self,
        weights: Path | str = LANDMARKS_PATH,
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
        network = fold_batch_norms(load_landmark_net(weights, self._device))
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
        matrices = [matrix_of_box(np.asarray(box, float)) for box in boxes]
        points, spreads = self._look(frames, matrices)
        for _ in range(self._passes - 1):
            matrices = [matrix_of_points(one) for one in points]
            points, spreads = self._look(frames, matrices)
        return points, spreads

    def _look(
        self, frames: Sequence[np.ndarray], matrices: list[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        points, spreads = np.empty((len(frames), 68, 2)), np.empty((len(frames), 68))
        for start in range(0, len(frames), BATCH):
            span = slice(start, start + BATCH)
            crops = [
                cut_crop(frame, matrix)
                for frame, matrix in zip(frames[span], matrices[span], strict=True)
            ]
            places, unsure = self._run(np.stack(crops))
            for at, matrix in enumerate(matrices[span]):
                points[start + at] = from_crop(places[at], matrix)
                spreads[start + at] = unsure[at] / np.hypot(*matrix[:, 0])
        return points, spreads

    @torch.inference_mode()
    def _run(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        batch = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
        places, spreads = self._network(batch)
        return places.cpu().numpy().astype(float), spreads.cpu().numpy().astype(float)
