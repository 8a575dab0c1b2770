"""Faces cut out of a frame and pasted back: a plain rectangle, or only the feathered lower face."""

from functools import lru_cache

import cv2
import numpy as np

from face_detection import Box
from models.inputs import fit_face

BLENDS = ("feather", "none")
MASK_SIZE = 256  # pixels of the drawn mask, which is then stretched to the face
# In parts of the face crop, whose generated half begins at 0.5. Above it the generator has seen
# the very pixels that it is to make; so the seam may lie a little above the middle.
TOP_FADE = (0.44, 0.60)
BOTTOM_FADE = (0.90, 1.00)
HALF_WIDTH_AT_NOSE, HALF_WIDTH_AT_CHIN, SIDE_FADE = 0.47, 0.36, 0.12


def cut_face(frame: np.ndarray, box: Box, width: int, height: int) -> np.ndarray:
    """The pixels of a box, as large as the generator takes them: (height, width, 3)."""
    return fit_face(frame[box.top : box.bottom, box.left : box.right], height, width)


def paste_face(
    frame: np.ndarray, face: np.ndarray, box: Box, *, blend: str, strength: float = 1.0
) -> None:
    """Paint a generated face into its box of the frame.

    blend: none paints the whole rectangle, feather only what face_mask says; nothing outside the
    box is touched. strength: share of the new face, from 0 to 1, for fades over time.
    """
    region = frame[box.top : box.bottom, box.left : box.right]
    face = cv2.resize(face, (box.width, box.height))
    if blend == "none" and strength == 1:
        region[:] = face
        return
    mask = face_mask(box.width, box.height, blend) * np.float32(strength)
    mixed = cv2.blendLinear(face, np.ascontiguousarray(region), mask, 1 - mask)
    np.copyto(region, mixed, where=mask[..., None] > 0)


def face_mask(width: int, height: int, blend: str) -> np.ndarray:
    """(height, width) float32 in [0, 1]: how much of each pixel comes from the generator."""
    if blend == "none":
        return np.ones((height, width), np.float32)
    return cv2.resize(_lower_face(), (width, height), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=1)
def _lower_face() -> np.ndarray:
    """From below the eyes to the chin, narrower towards the chin, all edges soft."""
    at = (np.arange(MASK_SIZE) + 0.5) / MASK_SIZE
    down, across = at[:, None], np.abs(at[None, :] - 0.5)
    vertical = _step(down, *TOP_FADE) * (1 - _step(down, *BOTTOM_FADE))
    towards_chin = ((down - 0.5) / 0.5).clip(0, 1) ** 2
    edge = HALF_WIDTH_AT_NOSE + (HALF_WIDTH_AT_CHIN - HALF_WIDTH_AT_NOSE) * towards_chin
    sides = 1 - _step(across, edge - SIDE_FADE, edge)
    return (vertical * sides).astype(np.float32)


def _step(values: np.ndarray, begin, end) -> np.ndarray:
    """0 before `begin`, 1 after `end`, smooth between."""
    x = ((values - begin) / (end - begin)).clip(0, 1)
    return x * x * (3 - 2 * x)
