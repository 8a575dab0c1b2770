"""A method's patch painted into its frame."""

import cv2
import numpy as np

from models.generator import Patch


def paste(frame: np.ndarray, patch: Patch) -> None:
    """Mix the patch's pixels into the frame by their weights; where they are 0 it stays itself."""
    height, width = patch.pixels.shape[:2]
    region = frame[patch.top : patch.top + height, patch.left : patch.left + width]
    if patch.weights is None:
        region[:] = patch.pixels
        return
    given = np.ascontiguousarray(region)
    region[:] = cv2.blendLinear(patch.pixels, given, patch.weights, 1 - patch.weights)
