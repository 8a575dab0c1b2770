"""A frame's own pixels moved: what networks say about a square of it, done at its own resolution.

A square lies in the frame by an affine map from the frame's pixels to its own, (2, 3) as cv2 has
them. What a network says is of the square's size; it is spread over the frame's pixels, so that
the frame's detail is moved and not made anew.
"""

import cv2
import numpy as np

from models.generator import Edges, Patch


def corners(to_square: np.ndarray, size: int) -> np.ndarray:
    """The square's corners in pixels of the frame. (4, 2)"""
    edge = size - 0.5
    square = np.array([(-0.5, -0.5), (edge, -0.5), (edge, edge), (-0.5, edge)])
    return cv2.transform(square[None], cv2.invertAffineTransform(to_square))[0]


def region_of(to_square: np.ndarray, size: int, frame: np.ndarray) -> Edges | None:
    """The frame's pixels that the square covers, as a box; None where it lies outside."""
    found = corners(to_square, size)
    left, top = np.floor(found.min(axis=0)).astype(int)
    right, bottom = np.ceil(found.max(axis=0)).astype(int) + 1
    height, width = frame.shape[:2]
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if left >= right or top >= bottom:
        return None
    return int(left), int(top), int(right), int(bottom)


def spread(
    values: np.ndarray, to_square: np.ndarray, region: Edges, *, outside: float | None = None
) -> np.ndarray:
    """A square's values, (size, size) or (size, size, c), at the pixels of a region of the frame.

    Beyond the square its edge goes on, or the value `outside`.
    """
    left, top, right, bottom = region
    at_region = to_square.astype(float).copy()
    at_region[:, 2] += at_region[:, :2] @ (left, top)
    return cv2.warpAffine(
        values,
        at_region,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=0 if outside is None else outside,
    )


def warp_patch(
    frame: np.ndarray,
    to_square: np.ndarray,
    flow: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    paint: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Patch | None:
    """The frame's pixels moved about the square, and painted over; None where it lies outside.

    flow: (size, size, 2) float32, pixels of the square from where a pixel of the result is to
    where it comes from. mask: (size, size) float32, the paint's share; paint: (size, size, 3)
    uint8. weights: (size, size) float32, the result's share of the frame, 0 outside the square.
    """
    region = region_of(to_square, len(flow), frame)
    if region is None:
        return None
    left, top, right, bottom = region
    from_square = np.linalg.inv(to_square[:, :2])
    moves = spread(np.ascontiguousarray(flow @ from_square.T, np.float32), to_square, region)
    columns, rows = np.meshgrid(
        np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32)
    )
    pixels = cv2.remap(
        frame, columns + moves[..., 0], rows + moves[..., 1], cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if mask is not None:
        share = spread(mask.astype(np.float32), to_square, region)
        pixels = cv2.blendLinear(spread(paint, to_square, region), pixels, share, 1 - share)
    if weights is None:
        weights = np.ones(flow.shape[:2], np.float32)
    return Patch(left, top, pixels, spread(weights, to_square, region, outside=0.0))


def soft_square(size: int, fade: float) -> np.ndarray:
    """Weights of a square that is whole in its middle and fades to 0 in its border. (size, size)

    fade: the border's share of the side.
    """
    inside = (np.arange(size) + 0.5) / size
    line = (np.minimum(inside, 1 - inside) / max(fade, 1e-6)).clip(0, 1)
    line = line * line * (3 - 2 * line)
    return np.outer(line, line).astype(np.float32)
