"""LMD: how far 68 points of the face lie from those of the true video.

The points are those of the face-alignment package, which published figures were measured with, or,
where that or its weights are absent, those of the landmark network that comes along.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from face_detection.landmarks import LandmarkFinder
from models.pretrained import AbsentError

POINTS = 68
WEIGHTS_PATTERN = "2DFAN4*"

Finder = Callable[[np.ndarray, np.ndarray], np.ndarray | None]  # BGR frame, box -> (68, 2)
FACE_ALIGNMENT, OURS = "face-alignment (2DFAN4)", "talkface's landmark network"

log = logging.getLogger(__name__)


def choose_finder(device: str = "cpu") -> tuple[str, Finder]:
    """What finds the points, by name, and it itself: face-alignment if it is there, else ours."""
    try:
        return FACE_ALIGNMENT, load_face_alignment(device)
    except AbsentError as error:
        finder = LandmarkFinder(device=device)
        log.warning("LMD by %s, not to be compared with published figures: %s", OURS, error)
        return OURS, lambda frame, box: finder.find(frame, box)[0]


def load_face_alignment(device: str = "cpu") -> Finder:
    """Points in pixels, or None where it finds none.

    Raises AbsentError where the package or its weights are not there: nothing is downloaded.
    """
    try:
        import face_alignment
    except (ImportError, RuntimeError, OSError) as error:  # RuntimeError: a broken torchvision
        raise AbsentError(
            f"LMD needs face-alignment (pip install face-alignment): {error}"
        ) from error
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not any(folder.glob(WEIGHTS_PATTERN)):
        raise AbsentError(
            f"LMD needs face-alignment's weights in {folder}; it downloads them when it is first "
            'used: python -c "import face_alignment as f; f.FaceAlignment(f.LandmarksType.TWO_D)"'
        )
    network = face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D, device=device, face_detector="folder", compile=False
    )

    def find(frame: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        found = network.get_landmarks_from_image(rgb, detected_faces=[np.append(box, 1.0)])
        return found[0][:, :2] if found else None

    return find


def landmark_distances(points: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Sum and mean of the distances of two sets of points (n, 2), in the pixels that they are in.

    ATVGnet's LMD is the sum, that of LipGAN's and DAVS's papers the mean.
    """
    distances = np.linalg.norm(points - truth, axis=1)
    return float(distances.sum()), float(distances.mean())
