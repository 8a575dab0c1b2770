"""Move the landmarks of the lips' inner edges to where the picture's colours say that they are.

A network tells the inside of the lips within a few pixels; teeth that hang on a lip when it moves
are seen at one. Where lips are apart, lip and teeth (or dark) differ in colour, so each edge is
where a line from the lip to the middle of the opening is best cut in two.
"""

import cv2
import numpy as np

UPPER = ((50, 61), (51, 62), (52, 63))  # outer and inner edge
LOWER = ((58, 67), (57, 66), (56, 65))
LEAST_GAP = 0.012  # of the face's height: with less there is nothing to see between the lips
STEPS = 40  # along a line
REACH = 0.025  # of the face's height: no edge is farther from where the network put it
TRUST = 0.5  # how much a farther edge must be better


def sharpen_lips(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The points (68, 2), those of the inner lips moved where the lips are apart. BGR uint8"""
    gaps = [points[low[1]] - points[up[1]] for up, low in zip(UPPER, LOWER, strict=True)]
    height = float(np.ptp(points[:, 1])) * 1.25
    if np.median(np.linalg.norm(gaps, axis=1)) < LEAST_GAP * height:
        return points
    picture = cv2.cvtColor(image, cv2.COLOR_BGR2LAB).astype(np.float32)
    moved = points.copy()
    for pairs, others in ((UPPER, LOWER), (LOWER, UPPER)):
        shifts = [
            _edge_shift(picture, points[outer], points[inner], points[other], REACH * height)
            for (outer, inner), (_, other) in zip(pairs, others, strict=True)
        ]
        # One line that goes astray takes no other with it.
        around = np.median(shifts) + np.array([-0.5, 0.5]) * REACH * height
        for (outer, inner), (_, other), shift in zip(pairs, others, shifts, strict=True):
            shift = float(np.clip(shift, *around))
            moved[inner] = points[inner] + shift * _unit(points[other] - points[outer])
    return moved


def _edge_shift(
    picture: np.ndarray, outer: np.ndarray, inner: np.ndarray, other: np.ndarray, reach: float
) -> float:
    """How far the edge lies from `inner` on the way from `outer` to the middle, in pixels."""
    way = _unit(other - outer)
    start = (outer + inner) / 2 - way * 0.25 * np.linalg.norm(inner - outer)
    end = inner + (other - inner) * 0.6
    length = float(np.linalg.norm(end - start))
    if length < 2:
        return 0.0
    along = np.linspace(0, length, STEPS)
    colours = _sample(picture, start + along[:, None] * way)
    here = float((inner - start) @ way)
    worth = [_contrast(colours, cut) for cut in range(3, STEPS - 3)]
    far = np.abs(along[3 : STEPS - 3] - here) / reach
    worth = np.where(far <= 1, np.array(worth) * (1 - TRUST * far**2), -1)
    return float(along[3 + int(worth.argmax())] - here) if worth.max() > 0 else 0.0


def _contrast(colours: np.ndarray, cut: int) -> float:
    """How well this cut parts a line's colours: the variance between its two parts."""
    first, second = colours[:cut].mean(axis=0), colours[cut:].mean(axis=0)
    share = cut / len(colours)
    return float(share * (1 - share) * ((first - second) ** 2).sum())


def _sample(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours at points that count from the first pixel's edge, of three columns' mean. (n, 3)"""
    found = [
        cv2.remap(
            picture, (places + (aside - 0.5, -0.5)).astype(np.float32)[None], None,
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )[0]
        for aside in (-1.0, 0.0, 1.0)
    ]  # fmt: skip
    return np.mean(found, axis=0)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
