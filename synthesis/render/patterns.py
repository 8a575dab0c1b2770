"""Noise, brushes and curves that the painters of skin, cloth and backgrounds share."""

import cv2
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates

VOLUME_SIZE = 32


def linear(srgb: tuple[float, float, float]) -> np.ndarray:
    """Linear BGR from the 0..255 sRGB triple that one reads off a screen (red first)."""
    return (np.clip(np.array(srgb[::-1], np.float32) / 255, 0, 1) ** np.float32(2.2)).astype(
        np.float32
    )


def solid_noise(rng: np.random.Generator, positions: np.ndarray, cell_cm: float) -> np.ndarray:
    """Smooth noise in space, so that it has no seams on a surface: mean 0, deviation about 1.

    (h, w)
    """
    volume = rng.standard_normal((VOLUME_SIZE,) * 3).astype(np.float32)
    places = np.moveaxis(positions / cell_cm + VOLUME_SIZE / 2, -1, 0)
    return map_coordinates(volume, places, order=1, mode="grid-wrap") * np.float32(1.9)


def grain(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Blurred white noise in the plane, `cell` texels across: mean 0, deviation 1."""
    height, width = shape
    if cell > 4:
        small = (max(2, int(height / cell) + 2), max(2, int(width / cell) + 2))
        noise = rng.standard_normal(small, np.float32)
        return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(1.5)
    noise = rng.standard_normal(shape, np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), cell) if cell > 0.3 else noise
    return noise / noise.std()


def blob(positions: np.ndarray, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """A soft spot in space: 1 at its centre, falling as a Gaussian. positions: (..., 3)"""
    away = (positions - np.array(centre, np.float32)) / np.array(radii, np.float32)
    return np.exp(-0.5 * (away * away).sum(axis=-1))


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Lay `other` over `colour`. share: (h, w) in [0, 1]"""
    return colour + (other - colour) * share[..., None]


def smooth_curve(points: np.ndarray, count: int) -> np.ndarray:
    """`count` points on the cubic spline through `points`. (n, d) -> (count, d)"""
    places = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(places, points)(np.linspace(0, places[-1], count))


def draw_lines(
    shape: tuple[int, int], lines: list[np.ndarray], thickness: int, blur: float
) -> np.ndarray:
    """Soft lines, 1 along their middle. lines: each (n, 2) pixels x, y"""
    canvas = np.zeros(shape, np.float32)
    for line in lines:
        fixed = np.round(line * 16).astype(np.int32)
        cv2.polylines(canvas, [fixed], False, 1.0, thickness, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(canvas, (0, 0), blur)
    return soft / max(float(soft.max()), 1e-6)


def slopes(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How a relief rises along u (right) and v (up), per texel."""
    return np.gradient(height, axis=1), -np.gradient(height, axis=0)
