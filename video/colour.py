"""From a frame's planes to BGR and back, by the stream's own matrix, range and siting.

ITU-T H.273 has the matrices, ranges and sitings.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

# Red's and blue's share of brightness, by swscale's name of the matrix.
SHARES = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}
# Matrices by the names of their tags; what has no tag is read as swscale reads it.
MATRICES = {
    "unknown": "bt601",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "bt709": "bt709",
    "bt2020nc": "bt2020",
    "smpte240m": "smpte240m",
    "fcc": "fcc",
}
# Whether a colour sample lies on the first of the (columns, lines) that share it, or in the middle.
# What has no tag is taken as swscale takes it.
SITINGS = {
    "": (False, False),
    "left": (True, False),
    "center": (False, False),
    "topleft": (True, True),
}


@dataclass(frozen=True)
class ColourCoding:
    """How brightness and colour stand for red, green and blue."""

    matrix: str = "bt601"  # one of SHARES
    full_range: bool = False
    siting: str = ""  # one of SITINGS


@lru_cache(maxsize=8)
def to_bgr_matrix(coding: ColourCoding, bits: int) -> np.ndarray:
    """From (Y, Cb, Cr) as stored to B, G, R in levels of 0 to 255. (3, 4)"""
    red, blue = SHARES[coding.matrix]
    green = 1 - red - blue
    of_colour = np.array([
        (2 * (1 - blue), 0.0),
        (-2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green),
        (0.0, 2 * (1 - red)),
    ])  # fmt: skip
    black, luma, chroma = _spans(coding, bits)
    weights = np.column_stack([np.full(3, 255 / luma), of_colour * 255 / chroma])
    middle = 1 << (bits - 1)
    return np.column_stack([weights, -weights @ (black, middle, middle)])


@lru_cache(maxsize=8)
def from_bgr_matrix(coding: ColourCoding, bits: int) -> np.ndarray:
    """From a *change* of B, G, R to that of (Y, Cb, Cr) as stored. (3, 3)"""
    return np.linalg.inv(to_bgr_matrix(coding, bits)[:, :3])


def _spans(coding: ColourCoding, bits: int) -> tuple[float, float, float]:
    """Black's value, and the values from black to white and over the whole of a colour."""
    if coding.full_range:
        return 0.0, (1 << bits) - 1.0, (1 << bits) - 1.0
    step = 1 << (bits - 8)
    return 16.0 * step, 219.0 * step, 224.0 * step


def spread_colour(
    plane: np.ndarray, first: tuple[int, int], size: tuple[int, int], grain: tuple[int, int],
    siting: str,
) -> np.ndarray:  # fmt: skip
    """A colour plane's values at the pixels of a region, between its samples.

    first: column and line where the region begins; size: its columns and lines.
    """
    if grain == (2, 2) and not any(SITINGS[siting]) and not any(n % 2 for n in (*first, *size)):
        (left, top), (width, height) = first, size
        part = plane[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        return cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)  # the same, much faster
    at = [
        (start - _middle(count, on_first)) / count
        for start, count, on_first in zip(first, reversed(grain), SITINGS[siting], strict=True)
    ]
    matrix = np.array([[1 / grain[1], 0, at[0]], [0, 1 / grain[0], at[1]]])
    return cv2.warpAffine(
        plane, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def gather_colour(changes: np.ndarray, grain: tuple[int, int], siting: str) -> np.ndarray:
    """Changes at the pixels of a region, as changes of its colour samples.

    The region begins and ends with whole samples. (h, w, 2) float32 -> (h / lines, w / columns, 2)
    """
    lines, columns = grain
    on_first_column, on_first_line = SITINGS[siting]
    if columns == 2 and on_first_column:
        changes = _about_first(changes)
        columns = 1
    if lines == 2 and on_first_line:
        changes = _about_first(changes.swapaxes(0, 1)).swapaxes(0, 1)
        lines = 1
    height, width = changes.shape[:2]
    if (lines, columns) == (1, 1):
        return changes
    return cv2.resize(changes, (width // columns, height // lines), interpolation=cv2.INTER_AREA)


def _about_first(changes: np.ndarray) -> np.ndarray:
    """Every other column's value: half its own, a quarter of either neighbour's."""
    even, odd = changes[:, ::2], changes[:, 1::2]
    before = np.concatenate([np.zeros_like(odd[:, :1]), odd[:, :-1]], axis=1)
    return 0.5 * even + 0.25 * (odd + before)


def _middle(count: int, on_first: bool) -> float:
    """Where a sample lies among the pixels that share it, counted from the first one's middle."""
    return 0.0 if on_first else (count - 1) / 2
