"""What is behind the heads: painted rooms, plain colours, noise, textures, photographs, clutter."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

# Pictures without people in scikit-image's package; a cat is among them, and is no face.
PHOTOGRAPHS = (
    "brick", "cell", "chelsea", "chessboard_RGB", "clock_motion", "coffee", "coins", "color",
    "grass", "gravel", "horse", "hubble_deep_field", "ihc", "logo", "microaneurysms", "moon",
    "motorcycle_left", "page", "phantom", "retina", "rocket", "text",
)  # fmt: skip


@lru_cache(maxsize=1)
def read_photographs() -> tuple[np.ndarray, ...]:
    """Those of scikit-image's photographs that are on this disk; none where it is not installed."""
    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        return ()
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    files = sorted(path for path in folder.glob("*.*") if path.stem in PHOTOGRAPHS)
    pictures = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in files)
    return tuple(picture for picture in pictures if picture is not None)


def paint_scene_background(
    size: int, painted: np.ndarray, photographs: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """A square background of `size` pixels. painted: one of a bank's backgrounds. BGR uint8"""
    kind = rng.random()
    if kind < 0.55:
        return _random_cut(painted, size, rng)
    if kind < 0.72 and photographs:
        return _random_cut(photographs[rng.integers(len(photographs))], size, rng)
    if kind < 0.86:
        return _slope(size, rng)
    return _texture(size, rng)


def _random_cut(picture: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A part of a picture, mirrored or turned by quarters, in other colours."""
    rows, columns = picture.shape[:2]
    side = int(min(rows, columns) * rng.uniform(0.35, 1.0))
    top, left = int(rng.integers(rows - side + 1)), int(rng.integers(columns - side + 1))
    cut = picture[top : top + side, left : left + side]
    if rng.random() < 0.3:
        cut = np.rot90(cut, int(rng.integers(4)))
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    image = cv2.resize(np.ascontiguousarray(cut), (size, size), interpolation=cv2.INTER_LINEAR)
    return shift_colours(image, rng)


def shift_colours(
    image: np.ndarray, rng: np.random.Generator, brightness: float = 1.0
) -> np.ndarray:
    """Each channel with a gain and a gamma of its own, alike but not equal. (..., 3 or 4) uint8

    A fourth channel stays as it is.
    """
    gain = brightness * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.06, 3))
    gamma = np.exp(rng.normal(0, 0.22) + rng.normal(0, 0.03, 3))
    levels = (np.arange(256)[:, None] / 255.0) ** gamma * gain * 255
    table = np.column_stack([levels, np.arange(256)])[:, : image.shape[-1]]
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None])


def _slope(size: int, rng: np.random.Generator) -> np.ndarray:
    corners = rng.uniform(0, 255, (2, 2, 3)) * rng.choice([0.3, 1.0]) * 0.5
    corners = (corners + rng.uniform(0, 255, 3) * 0.5).astype(np.uint8)
    return cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)


def _texture(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of one grain or of two, or stripes and tiles."""
    if rng.random() < 0.4:
        tile = rng.integers(0, 255, (*rng.integers(1, 5, 2), 3)).astype(np.uint8)
        scale = int(rng.integers(3, 40))
        tile = np.repeat(np.repeat(tile, scale, axis=0), scale, axis=1)
        times = [-(-size // side) for side in tile.shape[:2]]
        return np.ascontiguousarray(np.tile(tile, (*times, 1))[:size, :size])
    image = np.zeros((size, size, 3), np.float32) + rng.uniform(0, 160, 3).astype(np.float32)
    for _ in range(int(rng.integers(1, 3))):
        cells = max(2, int(size / np.exp(rng.uniform(0.7, 4))))
        noise = rng.uniform(0, rng.uniform(30, 160), (cells, cells, int(rng.choice([1, 3]))))
        layer = cv2.resize(noise.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        image += layer.reshape(size, size, -1)
    return np.clip(image, 0, 255).astype(np.uint8)


def add_clutter(image: np.ndarray, rng: np.random.Generator) -> None:
    """Shapes that a careless detector takes for faces: rings, dots in circles, skin-like spots."""
    size = image.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        centre = tuple(int(v) for v in rng.uniform(0, size, 2))
        radius = int(np.exp(rng.uniform(np.log(8), np.log(size / 3))))
        colour = tuple(float(c) for c in rng.uniform(0, 255, 3))
        axes = (radius, max(2, int(radius * rng.uniform(0.6, 1.4))))
        angle = float(rng.uniform(0, 180))
        filled = -1 if rng.random() < 0.7 else max(1, radius // 10)
        if rng.random() < 0.4:
            level = rng.uniform(50, 240)
            colour = (level * 0.62, level * 0.78, float(level))
        cv2.ellipse(image, centre, axes, angle, 0, 360, colour, filled, cv2.LINE_AA)
        dots = tuple(float(c) for c in rng.uniform(0, 120, 3))
        for _ in range(int(rng.integers(0, 4))):
            place = np.array(centre) + rng.normal(0, 0.4, 2) * radius
            dot = (int(place[0]), int(place[1]))
            cv2.circle(image, dot, max(1, int(radius * rng.uniform(0.08, 0.25))), dots, -1)
