"""Backgrounds, from a plain wall to a cluttered room or the open air, more or less out of focus."""

from dataclasses import dataclass

import cv2
import numpy as np

from synthesis.render.patterns import grain, linear, ramp

KINDS = ("plain", "studio", "wall", "shelves", "window", "room", "foliage", "lights", "clutter")
PAINTED_HEIGHT = 384


@dataclass(frozen=True)
class BackgroundLook:
    """What is behind the speaker. blur: of the lens, as a fraction of the picture's height"""

    kind: str
    blur: float
    brightness: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "BackgroundLook":
        """Any kind, from sharp to far out of focus."""
        kind = str(rng.choice(KINDS))
        sharpest = 0.012 if kind in ("foliage", "clutter", "lights") else 0.002
        return cls(
            kind,
            float(rng.choice([sharpest, rng.uniform(sharpest, 0.05)])),
            float(np.exp(rng.normal(-0.15, 0.35))),
        )


def paint_background(
    look: BackgroundLook, rng: np.random.Generator, width: int, height: int
) -> np.ndarray:
    """The picture behind the head, linear BGR. (height, width, 3) float32"""
    shape = (PAINTED_HEIGHT, max(16, round(PAINTED_HEIGHT * width / height)))
    image = PAINTERS[look.kind](rng, shape)
    image = image * np.float32(look.brightness) * (1 + 0.05 * grain(rng, shape, 40))[..., None]
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(0.5, look.blur * PAINTED_HEIGHT))
    return np.clip(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), 0, 2)


def _colour(
    rng: np.random.Generator, low: float = 20, high: float = 225, spread: float = 18
) -> np.ndarray:
    return linear(tuple(np.clip(rng.uniform(low, high) + rng.normal(0, spread, 3), 5, 245)))


def _slope(
    rng: np.random.Generator, shape: tuple[int, int], first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    along = np.clip(0.5 + (y - 0.5) * rng.uniform(-1, 1) + (x - 0.5) * rng.uniform(-1, 1), 0, 1)
    return (first + (second - first) * along[..., None]).astype(np.float32)


def _box(
    image: np.ndarray, left: float, top: float, width: float, height: float, colour: np.ndarray
) -> None:
    corner = (int(left), int(top)), (int(left + width), int(top + height))
    cv2.rectangle(image, *corner, tuple(float(c) for c in colour), -1)


def _plain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    colour = _colour(rng)
    return _slope(rng, shape, colour, colour * rng.uniform(0.6, 1))


def _studio(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    glow = np.exp(
        -((x - rng.uniform(-0.6, 0.6)) ** 2 + (y - rng.uniform(-0.6, 0.4)) ** 2)
        / rng.uniform(0.4, 2)
    )
    dark, bright = _colour(rng, 8, 90), _colour(rng, 90, 215)
    return (dark + (bright - dark) * glow[..., None]).astype(np.float32)


def _wall(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, *(_colour(rng, 60, 220, 12) for _ in range(2)))
    image *= (
        1 + 0.06 * grain(rng, shape, 60) + 0.04 * grain(rng, shape, 6) + 0.03 * grain(rng, shape, 1)
    )[..., None]
    if rng.random() < 0.5:  # bricks or tiles
        step = int(rng.uniform(14, 60))
        for row in range(0, shape[0], step):
            image[row : row + 2] *= 0.7
            for column in range((row // step % 2) * step, shape[1], 2 * step):
                image[row : row + step, column : column + 2] *= 0.7
    for _ in range(int(rng.integers(0, 3))):  # pictures on the wall
        left, top = rng.uniform(0, shape[1]), rng.uniform(-40, shape[0] * 0.5)
        size = rng.uniform(40, 130, 2)
        _box(image, left, top, *size, _colour(rng, 10, 90))
        _box(image, left + 6, top + 6, *(size - 12), _colour(rng, 60, 220, 40))
    return image


def _shelves(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, *(_colour(rng, 15, 90, 12) for _ in range(2)))
    gap = rng.uniform(60, 110)
    board = _colour(rng, 40, 200, 15)
    for bottom in np.arange(rng.uniform(20, gap), shape[0] + gap, gap):
        left = 0.0
        while left < shape[1]:
            thick = rng.uniform(5, 22)
            if rng.random() < 0.86:
                tall = gap * rng.uniform(0.5, 0.9)
                _box(image, left, bottom - tall, thick - 1, tall, _colour(rng, 15, 215, 45))
            left += thick
        _box(image, 0, bottom, shape[1], 6, board)
    return image


def _window(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, *(_colour(rng, 50, 190, 12) for _ in range(2)))
    left, top = rng.uniform(-0.2, 0.7) * shape[1], rng.uniform(-0.3, 0.2) * shape[0]
    width, height = rng.uniform(0.3, 0.7) * shape[1], rng.uniform(0.5, 0.9) * shape[0]
    frame = _colour(rng, 90, 230, 8)
    _box(image, left - 8, top - 8, width + 16, height + 16, frame)
    _box(image, left, top, width, height, linear((205, 222, 240)) * rng.uniform(0.9, 1.5))
    _box(image, left, top + height * 0.6, width, height * 0.4, _colour(rng, 70, 160, 30))
    for k in range(1, int(rng.integers(2, 4))):
        _box(image, left + width * k / 3, top, 6, height, frame)
    if rng.random() < 0.4:
        image[:: int(rng.integers(6, 14))] *= 0.55  # blinds
    return image


def _room(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _wall(rng, shape)
    floor = shape[0] * rng.uniform(0.6, 0.95)
    _box(image, 0, floor, shape[1], shape[0], _colour(rng, 40, 150, 15))
    for _ in range(int(rng.integers(3, 9))):
        width, height = rng.uniform(25, 160), rng.uniform(30, 220)
        _box(
            image,
            rng.uniform(-40, shape[1]),
            floor - height * rng.uniform(0.4, 1),
            width,
            height,
            _colour(rng, 15, 200, 25),
        )
    return image


def _foliage(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, linear((190, 212, 238)) * 1.2, linear((120, 150, 90)))
    horizon = np.linspace(-1, 1, shape[0])[:, None] * 2 + rng.uniform(-0.5, 1.0)
    for _ in range(5):
        leaves = grain(rng, shape, rng.uniform(6, 40)) + 0.5 * grain(rng, shape, 3) + horizon
        green = linear((rng.uniform(25, 120), rng.uniform(60, 150), rng.uniform(15, 70)))
        image += (green - image) * ramp(leaves, 0.3, 0.8)[..., None]
    return image


def _lights(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, *(_colour(rng, 5, 45, 8) for _ in range(2)))
    for _ in range(int(rng.integers(15, 70))):
        centre = (int(rng.uniform(0, shape[1])), int(rng.uniform(0, shape[0])))
        spot = np.zeros_like(image)
        cv2.circle(
            spot,
            centre,
            int(rng.uniform(3, 22)),
            tuple(float(c) for c in _colour(rng, 80, 255, 60)),
            -1,
        )
        image += spot * rng.uniform(0.2, 0.9)
    return image


def _clutter(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    image = _slope(rng, shape, *(_colour(rng, 30, 200, 25) for _ in range(2)))
    for _ in range(int(rng.integers(15, 60))):
        points = rng.uniform(0, 1, (1, 2)) * shape[::-1] + rng.normal(
            0, rng.uniform(8, 70), (int(rng.integers(3, 6)), 2)
        )
        hull = cv2.convexHull(points.astype(np.int32))
        cv2.fillConvexPoly(
            image, hull, tuple(float(c) for c in _colour(rng, 10, 235, 35)), cv2.LINE_AA
        )
    return image * (1 + 0.08 * grain(rng, shape, 2))[..., None]


PAINTERS = dict(
    zip(
        KINDS,
        (_plain, _studio, _wall, _shelves, _window, _room, _foliage, _lights, _clutter),
        strict=True,
    )
)
