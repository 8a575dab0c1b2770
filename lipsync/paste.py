"""A method's patch painted into its frame."""

import numpy as np

from models.generator import Patch
from models.warping import mixed


def paste(frame: np.ndarray, patch: Patch) -> None:
    """Mix the patch's pixels into the frame by their weights; where they are 0 it stays itself.

    The frame is uint8, or float32 in the same levels.
    """
    height, width = patch.pixels.shape[:2]
    region = frame[patch.top : patch.top + height, patch.left : patch.left + width]
    if patch.weights is None:
        region[:] = patch.pixels
        return
    region[:] = mixed(patch.pixels, region, patch.weights)
