"""Where a mouth is cut out of a frame for lip motion's networks: a square that the skull carries.

What moves with speech has no say: the square is fitted to eye corners and the nose's base, so it
stands still while the jaw drops, and turns and scales with the head.
"""

from typing import NamedTuple

import cv2
import numpy as np

from models.shrinking import halved

SIZE = 160  # pixels of the square that the networks see
LEAST_SHRUNK = 1.2  # times as large as its picture, from where on a square's pixels are averaged
SIDE_CM = 16.0  # of a mean head: from under the eyes to below a wide open chin, ear to ear
CENTRE_CM = (0.0, -5.0)  # its middle, on the mean head seen from the front; the lips are at -3.4
# iBUG's numbers of the points that carry it, and their places on the mean head (x right, y up).
CARRIERS = {
    36: (-4.46, 3.43),
    39: (-1.84, 3.25),
    42: (1.84, 3.25),
    45: (4.46, 3.43),
    27: (0.0, 3.74),
    31: (-1.25, -1.14),
    33: (0.0, -1.20),
    35: (1.25, -1.14),
}


class Placement(NamedTuple):
    """A square in a frame: its middle and side in pixels, and its turn (radians, clockwise)."""

    x: float
    y: float
    side: float
    angle: float

    def to_crop(self, size: int = SIZE) -> np.ndarray:
        """The affine map from frame pixels to the square's own, for cv2. (2, 3)"""
        scale = size / self.side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        # cv2 counts from the middle of the first pixel; edges lie half a pixel before it.
        shift = (size - 1) / 2 - turn @ np.array([self.x - 0.5, self.y - 0.5])
        return np.column_stack([turn, shift])


def place_mouth(landmarks: np.ndarray) -> Placement:
    """The square for 68 landmarks in frame pixels (edges of pixels are whole numbers). (68, 2)

    The similarity that brings the mean head's carriers nearest to those of this face.
    """
    here = np.asarray(landmarks, float)[list(CARRIERS)]
    mean = np.array(list(CARRIERS.values())) * [1, -1]
    a, b = here - here.mean(axis=0), mean - mean.mean(axis=0)
    along = float((a * b).sum())
    across = float((a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1]).sum())
    norm = float((b * b).sum())
    turn = np.array([[along, -across], [across, along]]) / norm
    middle = here.mean(axis=0) + turn @ (np.array(CENTRE_CM) * [1, -1] - mean.mean(axis=0))
    scale = float(np.hypot(along, across)) / norm
    return Placement(*map(float, middle), SIDE_CM * scale, float(np.arctan2(across, along)))


def cut_mouth(frame: np.ndarray, placement: Placement, size: int = SIZE) -> np.ndarray:
    """The square as a picture of size x size; beyond the frame its edge goes on. BGR uint8"""
    if placement.side <= LEAST_SHRUNK * size:
        return _warped(frame, placement.to_crop(size), size)
    # At twice the size first, and then means of two by two: a map alone would skip pixels.
    fine = 2 * size
    frame, to_fine = halved(frame, placement.to_crop(fine), (fine, fine), most=1.75)
    cut = _warped(frame, to_fine, fine)
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)


def _warped(frame: np.ndarray, to_crop: np.ndarray, size: int) -> np.ndarray:
    return cv2.warpAffine(frame, to_crop, (size, size), borderMode=cv2.BORDER_REPLICATE)
