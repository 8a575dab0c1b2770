"""The part of a picture that a crop shows, made smaller first where the crop is much smaller.

An affine map alone fetches four pixels for one of the crop's, and skips the others. Means of two
by two are what a processor shrinks fastest by.
"""

import cv2
import numpy as np


def halved(
    image: np.ndarray, to_crop: np.ndarray, size: tuple[int, int], *, most: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """That part, halved until it is no more than `most` times larger than the crop, and its map.

    to_crop: from the picture's pixels to the crop's, as cv2 has them, (2, 3); size: of the crop.
    """
    times = int(np.ceil(-np.log2(most * float(np.hypot(*to_crop[:, 0])))))
    if times < 1:
        return image, to_crop
    (left, top), (right, bottom) = _shown(image, to_crop, size, 1 << times)
    part = image[top:bottom, left:right]
    for _ in range(times):
        half = part.shape[1] // 2, part.shape[0] // 2
        part = cv2.resize(part, half, interpolation=cv2.INTER_AREA)
    # A pixel's middle is at a whole number: that of a small one lies between those of its large.
    step = 1 << times
    shift = to_crop[:, 2] + to_crop[:, :2] @ (np.array([left, top]) + (step - 1) / 2)
    return part, np.column_stack([step * to_crop[:, :2], shift])


def _shown(
    image: np.ndarray, to_crop: np.ndarray, size: tuple[int, int], step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first and last pixels of the picture that the crop shows, whole steps apart."""
    right, bottom = size
    edges = np.array([[-1, -1], [right, -1], [right, bottom], [-1, bottom]], float)
    at = cv2.transform(edges[None], cv2.invertAffineTransform(to_crop))[0]
    whole = np.maximum(np.array(image.shape[1::-1]) // step, 1)
    low = np.clip(np.floor(at.min(axis=0) / step), 0, whole - 1).astype(int)
    high = np.clip(np.ceil(at.max(axis=0) / step) + 1, low + 1, whole).astype(int)
    return low * step, np.minimum(high * step, image.shape[1::-1])
