"""What spoils a scene: focus, motion, sensor noise, dark, casts, grey, poor codecs; all cheap."""

from functools import lru_cache

import cv2
import numpy as np

from synthesis.render.degrade import compress, motion_blur

TILE = 512  # pixels of the noise that scenes take pieces of


@lru_cache(maxsize=1)
def _noise_tile() -> np.ndarray:
    """Normal noise, a little correlated, made once: drawing it anew would cost most of a scene."""
    noise = np.random.default_rng(0).standard_normal((TILE, TILE, 3), np.float32)
    return noise * 0.8 + cv2.GaussianBlur(noise, (0, 0), 0.8) * 0.9


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A worse picture of the same scene; a quarter of them are hardly touched. BGR uint8"""
    if rng.random() < 0.25:
        return _add_noise(image, rng, rng.exponential(1.5))
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))
    if rng.random() < 0.1:
        image = motion_blur(image, rng.normal(0, 3.0, 2).clip(-7, 7))
    shrunk = float(rng.uniform(1.2, 2.2)) if rng.random() < 0.15 else 1.0
    size = image.shape[1], image.shape[0]
    if shrunk > 1:
        small = tuple(int(side / shrunk) for side in size)
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    image = _grade(image, rng)
    darkness = 1 - float(image[::8, ::8].mean()) / 255
    image = _add_noise(image, rng, rng.exponential(6.0 - 3.0 * darkness))
    if rng.random() < 0.4:
        image = compress(image, int(rng.integers(20, 92)))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) if shrunk > 1 else image


def _grade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast, brightness, saturation, a cast; some pictures grey, some very dark or bright."""
    saturation = 0.0 if rng.random() < 0.15 else float(np.clip(rng.normal(1, 0.25), 0.1, 1.8))
    contrast = float(np.exp(rng.normal(0, 0.22)))
    offset = 128 * (1 - contrast) + rng.normal(0, 16)
    extreme = rng.random()
    if extreme < 0.1:  # dark: little light is left
        contrast, offset = float(rng.uniform(0.2, 0.55)), float(rng.uniform(0, 14))
    elif extreme < 0.18:  # hazy
        contrast, offset = float(rng.uniform(0.25, 0.8)), float(rng.uniform(50, 150))
    matrix = np.eye(3) * saturation + (1 - saturation) * np.array([[0.114, 0.587, 0.299]] * 3)
    if saturation > 0 and rng.random() < 0.5:
        matrix = np.diag(np.exp(rng.normal(0, 0.12, 3))) @ matrix
    affine = np.column_stack([matrix * contrast, np.full(3, offset)])
    return cv2.transform(image, affine.astype(np.float32))


def _add_noise(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    if strength < 0.5:
        return image
    rows, columns = image.shape[:2]
    tile = _noise_tile()
    top, left = int(rng.integers(TILE - rows + 1)), int(rng.integers(TILE - columns + 1))
    piece = tile[top : top + rows, left : left + columns]
    if rng.random() < 0.5:  # of the light, not of the colours
        piece = np.repeat(piece[..., :1], 3, axis=2)
    return cv2.add(image, piece * np.float32(min(strength, 25.0)), dtype=cv2.CV_8U)
