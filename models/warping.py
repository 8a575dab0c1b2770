"""A frame's own pixels moved: what networks say about a square of it, done at its own resolution.

A square lies in the frame by an affine map from the frame's pixels to its own, (2, 3) as cv2 has
them, such as Placement.to_crop gives. What a network says of the square, a map of any number of
pixels, is spread over the frame's, so that the frame's detail is moved and not made anew.
"""

import cv2
import numpy as np

from models.generator import Edges, Patch

REACH = 0.15  # of a square's side: from as far beyond its edge its pixels may be fetched
LEAST_SHARE = 1 / 512  # of paint in a pixel; less is not seen in 8 bits


def corners(to_square: np.ndarray, size: int) -> np.ndarray:
    """The corners of a square of that many pixels, in pixels of the frame. (4, 2)"""
    return _in_frame(to_square, (-0.5, -0.5, size - 0.5, size - 0.5))


def region_of(
    to_square: np.ndarray, size: int, frame: tuple[int, int], *, reach: float = 0.0
) -> Edges | None:
    """The pixels that a square covers, as a box in a frame of a width and height, or None.

    reach: how far to go beyond the square, as a share of its side.
    """
    far = reach * size
    edges = (-0.5 - far, -0.5 - far, size - 0.5 + far, size - 0.5 + far)
    return _bounds(_in_frame(to_square, edges), (0, 0, *frame))


def spread(
    values: np.ndarray,
    to_square: np.ndarray,
    size: int,
    region: Edges,
    *,
    outside: float | None = None,
) -> np.ndarray:
    """A map of the square, (n, n) or (n, n, c), at the pixels of a region of the frame.

    size: pixels of the square that to_square leads to, not of the map. Beyond the square its
    edge goes on, or the value `outside`.
    """
    left, top, right, bottom = region
    to_map = _resized(to_square, size, len(values))
    to_map[:, 2] += to_map[:, :2] @ (left, top)
    return cv2.warpAffine(
        values,
        to_map,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=0 if outside is None else outside,
    )


def warp_patch(
    frame: np.ndarray,
    to_square: np.ndarray,
    size: int,
    flow: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    paint: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Patch | None:
    """The frame's pixels moved about the square, and painted over: as far as any change reaches.

    None where the square lies outside, or nothing in it moves or is painted.

    size: pixels of the square that to_square leads to, in which flow is told; the maps may each
    have their own. flow: (n, n, 2) float32, right and down, from where a pixel of the result is
    to where it comes from. mask: (n, n) float32, the paint's share; paint: (n, n, 3) uint8.
    weights: (n, n) float32, the result's share of the frame, 0 outside the square.
    """
    region = region_of(to_square, size, frame.shape[1::-1])
    if region is not None:
        region = _changed(to_square, size, flow, mask, region)
    if region is None:
        return None
    pixels = _moved(frame, to_square, size, flow, region)
    if mask is not None:
        _paint(pixels, region, to_square, size, mask.astype(np.float32), paint)
    if weights is None:
        weights = np.ones((size, size), np.float32)
    weights = spread(weights, to_square, size, region, outside=0.0)
    return Patch(region[0], region[1], pixels, weights)


def mixed(new: np.ndarray, given: np.ndarray, share: np.ndarray) -> np.ndarray:
    """New pixels over given ones, as much as (h, w) shares say: given ones stay at a share of 0.

    BGR; the result is uint8 or float32, as the given ones are.
    """
    if given.dtype == np.uint8:
        return cv2.blendLinear(new, np.ascontiguousarray(given), share, 1 - share)
    return given + share[..., None] * (new - given)


def soft_square(size: int, fade: float) -> np.ndarray:
    """Weights of a square that is whole in its middle and fades to 0 in its border. (size, size)

    fade: the border's share of the side.
    """
    inside = (np.arange(size) + 0.5) / size
    line = (np.minimum(inside, 1 - inside) / max(fade, 1e-6)).clip(0, 1)
    line = line * line * (3 - 2 * line)
    return np.outer(line, line).astype(np.float32)


def _changed(
    to_square: np.ndarray, size: int, flow: np.ndarray, mask: np.ndarray | None, region: Edges
) -> Edges | None:
    """The part of the region in which something moves or is painted."""
    parts = [_where(flow.any(axis=2), to_square, size)]
    if mask is not None:
        parts.append(_where(mask > LEAST_SHARE, to_square, size))
    parts = [part for part in parts if part is not None]
    return _bounds(np.concatenate(parts), region) if parts else None


def _where(wanted: np.ndarray, to_square: np.ndarray, size: int) -> np.ndarray | None:
    """Corners, in pixels of the frame, about what is wanted of a map, and a pixel beyond. (4, 2)"""
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    scale = size / len(wanted)
    edges = (columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2)
    return _in_frame(to_square, tuple(edge * scale - 0.5 for edge in edges))


def _moved(
    frame: np.ndarray, to_square: np.ndarray, size: int, flow: np.ndarray, region: Edges
) -> np.ndarray:
    """The region's new pixels, fetched from no farther than REACH beyond the square."""
    left, top, right, bottom = region
    first, above, last, below = region_of(to_square, size, frame.shape[1::-1], reach=REACH)
    in_frame = flow @ np.linalg.inv(to_square[:, :2]).T
    moves = spread(np.ascontiguousarray(in_frame, np.float32), to_square, size, region)
    moves[..., 0] += np.arange(left - first, right - first, dtype=np.float32)
    moves[..., 1] += np.arange(top - above, bottom - above, dtype=np.float32)[:, None]
    given = frame[above:below, first:last]
    return cv2.remap(given, moves, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _paint(
    pixels: np.ndarray,
    region: Edges,
    to_square: np.ndarray,
    size: int,
    mask: np.ndarray,
    paint: np.ndarray,
) -> None:
    """Paint over the region's pixels, only about where there is any paint: it is little."""
    found = _where(mask > LEAST_SHARE, to_square, size)
    part = None if found is None else _bounds(found, region)
    if part is None:
        return
    left, top = part[0] - region[0], part[1] - region[1]
    here = pixels[top : top + part[3] - part[1], left : left + part[2] - part[0]]
    share = spread(mask, to_square, size, part)
    new = spread(paint, to_square, size, part)
    here[:] = mixed(new, here, share)


def _in_frame(to_square: np.ndarray, edges: tuple[float, float, float, float]) -> np.ndarray:
    """Corners of a rectangle of the square, in pixels of the frame. (4, 2)"""
    left, top, right, bottom = edges
    square = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
    return cv2.transform(square[None], cv2.invertAffineTransform(to_square.astype(float)))[0]


def _bounds(points: np.ndarray, within: Edges) -> Edges | None:
    """The whole pixels about some points that lie within a box; None where none does."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    left, top = (int(max(a, b)) for a, b in zip(low, within[:2], strict=True))
    right, bottom = (int(min(a, b)) for a, b in zip(high, within[2:], strict=True))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _resized(to_square: np.ndarray, size: int, wanted: int) -> np.ndarray:
    """The same square with another number of pixels; edges stay, middles of pixels move."""
    scale = wanted / size
    resized = to_square.astype(float) * scale
    resized[:, 2] += (scale - 1) / 2
    return resized
