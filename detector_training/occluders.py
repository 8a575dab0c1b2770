"""What stands before faces: hands, microphones, cups, patches of anything, lines of text."""

import math
from collections.abc import Callable

import cv2
import numpy as np

WORDS = ("LIVE", "Subtitle of what is said", "00:12:48", "NEWS", "www", "Guten Tag")
HIDDEN = 255  # what `owner` says of a pixel that shows none of the heads


class Brush:
    """Draws on a picture and notes in `owner` where: both change in place."""

    def __init__(self, image: np.ndarray, owner: np.ndarray) -> None:
        self.image, self.owner = image, owner

    def draw(self, function: Callable, *places, colour: np.ndarray, thickness: int) -> None:
        """One of cv2's drawing functions that take (image, *places, colour, thickness)."""
        function(self.image, *places, tuple(float(c) for c in colour), thickness)
        function(self.owner, *places, HIDDEN, thickness)


def draw_occluder(
    brush: Brush, centre: np.ndarray, size: float, background: np.ndarray, rng: np.random.Generator
) -> None:
    """Something before a face of this size (its height) and place; background: any picture."""
    kind = rng.choice(4, p=(0.35, 0.25, 0.3, 0.1))
    if kind == 0:
        _draw_hand(brush, centre, size, rng)
    elif kind == 1:
        _draw_microphone(brush, centre, size, rng)
    elif kind == 2:
        _lay_patch(brush, centre, size, background, rng)
    else:
        _draw_bar(brush, centre, size, rng)


def _ints(*values: float) -> tuple[int, ...]:
    return tuple(int(round(v)) for v in values)


def _skin(rng: np.random.Generator) -> np.ndarray:
    level = rng.uniform(50, 230)
    return np.array([level * rng.uniform(0.5, 0.75), level * rng.uniform(0.65, 0.85), level])


def _draw_hand(brush: Brush, centre: np.ndarray, size: float, rng: np.random.Generator) -> None:
    """A palm with an arm, and four fingers that point at or across the face."""
    colour = _skin(rng)
    turn = rng.uniform(0, 2 * math.pi)
    way = np.array([math.cos(turn), math.sin(turn)])
    across = np.array([-way[1], way[0]])
    palm = centre + way * size * rng.uniform(0.35, 0.75)
    unit = size * rng.uniform(0.16, 0.24)
    wide = max(1, int(unit * 1.7))
    brush.draw(
        cv2.line, _ints(*palm), _ints(*(palm + way * size * 3)), colour=colour, thickness=wide
    )
    for finger in range(4):
        shade = np.clip(colour * rng.uniform(0.8, 1.1), 0, 255)
        root = palm + across * unit * (finger - 1.5) * 0.55
        tip = root - way * unit * rng.uniform(1.2, 2.4)
        brush.draw(
            cv2.line, _ints(*root), _ints(*tip), colour=shade, thickness=max(1, int(unit * 0.5))
        )


def _draw_microphone(
    brush: Brush, centre: np.ndarray, size: float, rng: np.random.Generator
) -> None:
    dark = np.clip(rng.uniform(5, 90) + rng.normal(0, 8, 3), 0, 255)
    head = centre + size * np.array([rng.normal(0, 0.2), rng.uniform(0.15, 0.5)])
    radius = size * rng.uniform(0.08, 0.2)
    foot = head + size * np.array([rng.normal(0, 0.6), rng.uniform(0.6, 2)])
    stick = max(1, int(radius * 0.9))
    brush.draw(cv2.line, _ints(*head), _ints(*foot), colour=dark, thickness=stick)
    light = np.clip(dark + rng.uniform(0, 80), 0, 255)
    brush.draw(cv2.circle, _ints(*head), max(1, int(radius)), colour=light, thickness=-1)


def _draw_bar(brush: Brush, centre: np.ndarray, size: float, rng: np.random.Generator) -> None:
    """A pole, a rail or a frame right across the picture."""
    turn = rng.uniform(0, math.pi)
    way = np.array([math.cos(turn), math.sin(turn)]) * 2000
    place = centre + rng.normal(0, 0.3, 2) * size
    wide = max(1, int(size * rng.uniform(0.04, 0.25)))
    colour = rng.uniform(0, 255, 3)
    ends = _ints(*(place - way)), _ints(*(place + way))
    brush.draw(cv2.line, *ends, colour=colour, thickness=wide)


def _lay_patch(
    brush: Brush, centre: np.ndarray, size: float, background: np.ndarray, rng: np.random.Generator
) -> None:
    """A rectangle of another picture, over an edge of the face."""
    width, height = size * rng.uniform(0.3, 0.9, 2)
    turn = rng.uniform(0, 2 * math.pi)
    middle = centre + np.array([math.cos(turn), math.sin(turn)]) * size * rng.uniform(0.3, 0.6)
    rows, columns = brush.owner.shape
    left, right = np.clip(_ints(middle[0] - width / 2, middle[0] + width / 2), 0, columns)
    top, bottom = np.clip(_ints(middle[1] - height / 2, middle[1] + height / 2), 0, rows)
    if right - left < 2 or bottom - top < 2:
        return
    x, y = (int(rng.integers(0, side // 2)) for side in background.shape[1::-1])
    piece = cv2.resize(background[y:, x:], (int(right - left), int(bottom - top)))
    brush.image[top:bottom, left:right] = piece
    brush.owner[top:bottom, left:right] = HIDDEN


def write_words(image: np.ndarray, rng: np.random.Generator) -> None:
    """A subtitle, a clock or a logo; what it hides of a face is little."""
    rows, columns = image.shape[:2]
    place = _ints(rng.uniform(0, 0.6) * columns, rng.uniform(0.05, 1) * rows)
    colour = tuple(rng.uniform(0, 255, 3)) if rng.random() < 0.3 else (255.0,) * 3
    scale, text = float(rng.uniform(0.3, 1.3)), str(rng.choice(WORDS))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX]))
    cv2.putText(image, text, place, font, scale, colour, int(rng.integers(1, 3)), cv2.LINE_AA)
