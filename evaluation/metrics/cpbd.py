"""CPBD, a measure of sharpness without a truth: the share of edges that no eye would call blurred.

After Narvekar and Karam (2011): blur is detected with probability 1 - exp(-(w / w_jnb)^3.6), w the
width of the edge and w_jnb the width of which blur is just noticed at its contrast. They count the
edges up to the probability of w_jnb itself, 63 %: those that are no wider.
"""

import cv2
import numpy as np

BLOCK = 64  # px, the side of the squares that are judged one by one
EDGE_SHARE = 0.002  # of a block's pixels, above which it has edges to judge
LOW_CONTRAST = 50  # grey levels
WIDTH_LOW_CONTRAST, WIDTH_HIGH_CONTRAST = 5, 3  # px, of an edge whose blur is just noticed


def cpbd(picture: np.ndarray) -> float | None:
    """The share of edges whose blur is not noticed, in [0, 1]; higher is sharper.

    picture: BGR uint8. None where no block has edges: there is nothing to judge.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    widths = edge_widths(grey)
    unnoticed = judged = 0
    for top in range(0, grey.shape[0], BLOCK):
        for left in range(0, grey.shape[1], BLOCK):
            block = np.s_[top : top + BLOCK, left : left + BLOCK]
            found = widths[block][widths[block] > 0]
            if found.size <= EDGE_SHARE * grey[block].size:
                continue
            unnoticed += int((found <= just_noticeable_width(grey[block])).sum())
            judged += found.size
    return unnoticed / judged if judged else None


def just_noticeable_width(block: np.ndarray) -> int:
    """The width of an edge, in pixels, of which blur is just noticed at the block's contrast."""
    contrast = int(block.max()) - int(block.min())
    return WIDTH_LOW_CONTRAST if contrast <= LOW_CONTRAST else WIDTH_HIGH_CONTRAST


def edge_widths(grey: np.ndarray) -> np.ndarray:
    """How many pixels each upright edge takes along its row; 0 where there is none.

    An edge is the steepest pixel of a rise or fall; its width is the length of that rise or fall,
    from the lowest to the highest pixel (Marziliano).
    """
    levels = grey.astype(int)
    edges = _upright_edges(grey)
    widths = np.zeros(grey.shape, int)
    for row, column in zip(*np.nonzero(edges), strict=True):
        widths[row, column] = _width(levels[row], column)
    return widths


def _upright_edges(grey: np.ndarray) -> np.ndarray:
    """Where the slope along the row is steep, steeper than across, and steepest in its row."""
    along = cv2.Sobel(grey, cv2.CV_64F, 1, 0)
    across = cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    steepness = np.abs(along)
    threshold = 2 * np.sqrt((along**2).mean())  # the paper's Sobel detector adapts to the picture
    before = np.pad(steepness, ((0, 0), (1, 0)))[:, :-1]
    after = np.pad(steepness, ((0, 0), (0, 1)))[:, 1:]
    peak = (steepness >= before) & (steepness > after)
    return peak & (steepness > threshold) & (steepness > np.abs(across)) & (steepness > 0)


def _width(row: np.ndarray, column: int) -> int:
    """The length of the rise or fall around that pixel, in steps from one pixel to the next."""
    last = len(row) - 1
    sign = np.sign(int(row[min(column + 1, last)]) - int(row[max(column - 1, 0)]))
    left = right = column
    while left > 0 and sign * (row[left] - row[left - 1]) > 0:
        left -= 1
    while right < last and sign * (row[right + 1] - row[right]) > 0:
        right += 1
    return right - left
