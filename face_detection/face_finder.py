"""The small detector that comes with talkface: how its network is run, and which faces it tells."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from face_detection.batches import Batches
from face_detection.boxes import suppress
from models.checkpoint import load
from models.devices import resolve_precision
from models.face_finder import decode
from models.folding import fold_batch_norms

LEAST_SCORE = 0.3  # below which nothing is told; linking begins tracks at 0.5
MOST_CANDIDATES = 500  # an image; the surest are kept
SUPPRESSION_OVERLAP = 0.4  # with a surer box, above which a box is a double
CPU_BATCH = 1  # images; more are no faster on a CPU


class FaceFinderDetector:
    """The FaceFinder network with its weights loaded; see detectors.Detector."""

    def __init__(
        self,
        weights: Path | str,
        *,
        device: str = "cpu",
        batch_size: int = 16,
        precision: str = "auto",
    ) -> None:
        sha256 = _hash(Path(weights))
        self._device = torch.device(device)
        self.device = device
        self._dtype = resolve_precision(precision, self._device)
        network = fold_batch_norms(load(weights, "face_finder", self._device))
        self._network = network.lower_precision(self._dtype).to(memory_format=torch.channels_last)
        self._batches = Batches(batch_size if self._device.type != "cpu" else CPU_BATCH)
        self.settings = {
            "detector": "small",
            "weights": sha256[:16],
            "precision": str(self._dtype).removeprefix("torch."),
        }

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See Detector.detect."""
        return [boxes for boxes, _ in self.detect_landmarks(images)]

    def detect_landmarks(self, images: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each image the boxes of Detector.detect, and each face's landmarks: (n, 5, 2) x, y

        of the eyes, the tip of the nose and the corners of the mouth, the viewer's left first.
        """
        return self._batches.run(images, self._detect_batch)

    @torch.inference_mode()
    def _detect_batch(self, images: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        batch = torch.from_numpy(np.stack(images)).to(self._device).permute(0, 3, 1, 2)
        levels = self._network(batch)
        scores, boxes, landmarks = (part.cpu().numpy() for part in decode(levels))
        return [select_faces(*one) for one in zip(_chances(scores), boxes, landmarks, strict=True)]


def _hash(weights: Path) -> str:
    """The file's sha256. Raises FileNotFoundError, with the ways out, where there is none."""
    if not weights.is_file():
        raise FileNotFoundError(
            f"no weights of the small detector at {weights}; `python -m detector_training.train` "
            "makes them, and --detector haar needs none"
        )
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chances(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores.astype(float)))


def select_faces(
    chances: np.ndarray, boxes: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The faces among an image's cells: (n, 5) boxes and scores, surest first; (n, 5, 2)."""
    likely = np.flatnonzero(chances > LEAST_SCORE)
    surest = likely[np.argsort(-chances[likely], kind="stable")[:MOST_CANDIDATES]]
    found = np.concatenate([boxes[surest], chances[surest, None]], axis=1).astype(float)
    kept = suppress(found, SUPPRESSION_OVERLAP)
    return found[kept], landmarks[surest[kept]].astype(float)
