"""One interface for every face detector, and the choice among them by name."""

import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from models.pretrained import WEIGHTS

DETECTOR_NAMES = ("auto", "s3fd", "small", "haar")
FACE_FINDER_PATH = WEIGHTS["face_small"].path
S3FD_PATH = WEIGHTS["s3fd"].path

log = logging.getLogger(__name__)


class Detector(Protocol):
    """Finds the faces of single pictures."""

    settings: dict  # what its results depend on; part of the key under which they are cached

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """For each BGR uint8 (H, W, 3) image its faces, best first: (n, 5) float

        left, top, right, bottom, score in [0, 1]. Boxes reach from the brow to the chin (S3FD's
        convention, whatever the detector) and may lie partly outside the picture.
        """
        ...


def make_detector(
    name: str = "auto",
    *,
    device: str = "cpu",
    s3fd_path: Path | str | None = None,
    batch_size: int = 16,
    precision: str = "auto",
) -> Detector:
    """The detector of that name, one of DETECTOR_NAMES, with its weights loaded.

    auto: see resolve_name. s3fd_path: the published weights, if not in their usual place.
    precision: auto, fp32 or bf16 (of the networks).
    Raises ValueError for an unknown name and FileNotFoundError where weights are missing.
    """
    chosen = resolve_name(name, s3fd_path)
    machine = {"device": device, "batch_size": batch_size, "precision": precision}
    if chosen == "s3fd":
        from face_detection.s3fd import S3FDDetector  # torch takes seconds to import

        return S3FDDetector(s3fd_path or S3FD_PATH, **machine)
    if chosen == "small":
        from face_detection.face_finder import FaceFinderDetector

        return FaceFinderDetector(FACE_FINDER_PATH, **machine)
    from face_detection.haar import HaarDetector

    return HaarDetector()


def resolve_name(name: str, s3fd_path: Path | str | None = None) -> str:
    """The detector that a name stands for; where auto means the cascades, the log says so.

    auto: S3FD where its weights are, else the small detector where its are, else the cascades.
    """
    if name not in DETECTOR_NAMES:
        raise ValueError(f"no detector is called {name!r}; choose one of {DETECTOR_NAMES}")
    if name != "auto":
        return name
    if s3fd_path or S3FD_PATH.is_file():
        return "s3fd"
    if FACE_FINDER_PATH.is_file():
        return "small"
    log.warning(
        "no S3FD weights at %s, so faces are detected by OpenCV's cascades, which see frontal "
        "faces only; `python -m models.pretrained s3fd` gets the weights (86 MB), and "
        "--s3fd_path takes them from elsewhere",
        S3FD_PATH,
    )
    return "haar"
