"""Faces by OpenCV's boosted cascades: no download, no network, boxes as S3FD draws them."""

from dataclasses import dataclass

import cv2
import numpy as np

from face_detection.boxes import intersection_over_union


@dataclass(frozen=True)
class _Cascade:
    """A cascade, how it is run, and where a face's edges are in the square that it finds.

    The edges are in sides of the square from its centre. They are those of a network trained,
    like S3FD, on WIDER FACE's annotation (YuNet): the median in each of several videos, and the
    mean of these; 269 frontal faces, 171 that the profile cascade found.
    """

    file: str
    scale_step: float  # from one size of face to the next
    smallest: int  # pixels
    edges: tuple[float, float, float, float]


FRONTAL = _Cascade("haarcascade_frontalface_alt2.xml", 1.1, 30, (-0.41, -0.53, 0.41, 0.585))
PROFILE = _Cascade("haarcascade_profileface.xml", 1.2, 40, (-0.47, -0.49, 0.29, 0.53))
SURE = 5  # overlapping hits; the median false alarm has 2, nine in ten have 4 or fewer
COUNT_SCALE = 7.0  # hits at which the score is 1 - 1/e; 5 hits give one of 0.51
SAME_FACE_OVERLAP = 0.3  # of two boxes


class HaarDetector:
    """OpenCV's frontal cascade, and its profile one, both ways, where that is sure of nothing."""

    def __init__(self) -> None:
        self._frontal = cv2.CascadeClassifier(cv2.data.haarcascades + FRONTAL.file)
        self._profile = cv2.CascadeClassifier(cv2.data.haarcascades + PROFILE.file)
        self.settings = {"detector": "haar"}

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See Detector.detect. Scores grow with the number of overlapping hits of the cascade."""
        return [self._detect_one(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)) for image in images]

    def _detect_one(self, grey: np.ndarray) -> np.ndarray:
        faces = _run(self._frontal, FRONTAL, grey)
        if (faces[:, 4] < _score(SURE)).all():
            mirrored = _run(self._profile, PROFILE, np.ascontiguousarray(grey[:, ::-1]))
            mirrored[:, [0, 2]] = grey.shape[1] - mirrored[:, [2, 0]]
            faces = np.concatenate([faces, _run(self._profile, PROFILE, grey), mirrored])
        return _best_first(faces)


def _run(cascade: cv2.CascadeClassifier, how: _Cascade, grey: np.ndarray) -> np.ndarray:
    squares, hits = cascade.detectMultiScale2(
        grey, scaleFactor=how.scale_step, minNeighbors=1, minSize=(how.smallest, how.smallest)
    )
    if not len(squares):
        return np.zeros((0, 5))
    left, top, side, _ = np.asarray(squares, float).T
    centre = np.stack([left, top, left, top]) + side / 2
    boxes = centre + np.array(how.edges)[:, None] * side
    return np.concatenate([boxes, _score(np.asarray(hits).reshape(1, -1))]).T


def _score(hits):
    return 1 - np.exp(-hits / COUNT_SCALE)


def _best_first(faces: np.ndarray) -> np.ndarray:
    """The faces in falling order of score, without those that a better one covers."""
    faces = faces[np.argsort(-faces[:, 4], kind="stable")]
    doubles = np.triu(intersection_over_union(faces, faces) > SAME_FACE_OVERLAP, k=1)
    return faces[~doubles.any(axis=0)]
