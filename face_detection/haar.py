"""Frontal faces by OpenCV's boosted cascades: no download, no network, boxes as S3FD draws them."""

import cv2
import numpy as np

SMALLEST_FACE = 24  # pixels


class HaarDetector:
    """OpenCV's frontal cascade; every machine that has OpenCV has it."""

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(
            cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml"
        )
        self.settings = {"detector": "haar"}

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See Detector.detect."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> np.ndarray:
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        found, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=3,
            minSize=(SMALLEST_FACE, SMALLEST_FACE),
            outputRejectLevels=True,
        )
        if not len(found):
            return np.zeros((0, 5))
        left, top, width, height = np.asarray(found, float).T
        boxes = [left + 0.06 * width, top, left + 0.94 * width, top + 1.2 * height]
        scores = np.clip(np.asarray(weights, float).reshape(-1) / 100, 0, 1)
        faces = np.stack([*boxes, scores], axis=1)
        return faces[np.argsort(-faces[:, 4], kind="stable")]
