"""What is drawn and no face: logos, round icons, cartoon faces, patterns of clothing."""

from collections.abc import Callable

import cv2
import numpy as np

SHARE = 0.35  # of the scenes have some
MOST = 4
SMALLEST = 14.0  # pixels of the side
FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
CANVAS = 160  # pixels in which each is drawn, before it is turned and laid on the scene

Cutout = tuple[np.ndarray, np.ndarray]  # BGR uint8 (CANVAS, CANVAS, 3), cover uint8


def add_negatives(image: np.ndarray, rng: np.random.Generator) -> None:
    """Lay some on a scene, in place, before its heads come."""
    for _ in range(int(rng.integers(1, MOST + 1))):
        picture, cover = DRAWN[rng.integers(len(DRAWN))](rng)
        side = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(image.shape[0] * 0.6))))
        _lay(image, picture, cover, side, rng)


def _lay(
    image: np.ndarray, picture: np.ndarray, cover: np.ndarray, side: float, rng: np.random.Generator
) -> None:
    size = max(4, round(side))
    turn = cv2.getRotationMatrix2D((CANVAS / 2, CANVAS / 2), rng.normal(0, 12), 1.0)
    both = np.dstack([picture, cover])
    both = cv2.warpAffine(both, turn, (CANVAS, CANVAS))
    shape = (size, max(4, round(size * np.exp(rng.normal(0, 0.12)))))
    both = cv2.resize(both, shape, interpolation=cv2.INTER_AREA)
    left, top = (int(v) for v in rng.uniform(-0.2, 0.95, 2) * image.shape[0])
    begin_x, begin_y = max(left, 0), max(top, 0)
    part = image[begin_y : max(top + shape[1], 0), begin_x : max(left + shape[0], 0)]
    if not part.size:
        return
    piece = both[begin_y - top :, begin_x - left :][: part.shape[0], : part.shape[1]]
    share = piece[..., 3:].astype(np.float32) / 255
    part[:] = (part + (piece[..., :3].astype(np.float32) - part) * share).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Vivid, white, black or skin-like."""
    kind = rng.random()
    if kind < 0.2:
        return (int(rng.integers(220, 256)),) * 3
    if kind < 0.3:
        return (int(rng.integers(0, 40)),) * 3
    if kind < 0.5:
        level = rng.uniform(60, 240)
        return int(level * 0.62), int(level * 0.78), int(level)
    hue = np.uint8([[[rng.integers(180), rng.integers(120, 256), rng.integers(120, 256)]]])
    return tuple(int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0])


def _blank() -> Cutout:
    return np.zeros((CANVAS, CANVAS, 3), np.uint8), np.zeros((CANVAS, CANVAS), np.uint8)


def draw_icon(rng: np.random.Generator) -> Cutout:
    """A disk, a ring, a shield or a tile with a sign in it."""
    picture, cover = _blank()
    middle, radius = (CANVAS // 2, CANVAS // 2), int(CANVAS * rng.uniform(0.38, 0.49))
    colour = _colour(rng)
    if rng.random() < 0.7:
        for canvas, shade in ((picture, colour), (cover, 255)):
            cv2.circle(canvas, middle, radius, shade, -1, cv2.LINE_AA)
        for _ in range(int(rng.integers(0, 3))):
            inner = int(radius * rng.uniform(0.5, 0.95))
            cv2.circle(picture, middle, inner, _colour(rng), int(rng.integers(2, 14)), cv2.LINE_AA)
    else:
        corner = CANVAS // 2 - radius
        cv2.rectangle(picture, (corner,) * 2, (CANVAS - corner,) * 2, colour, -1)
        cv2.rectangle(cover, (corner,) * 2, (CANVAS - corner,) * 2, 255, -1)
    for _ in range(int(rng.integers(1, 4))):
        _sign(picture, radius, rng)
    return picture, cover


def _sign(picture: np.ndarray, radius: int, rng: np.random.Generator) -> None:
    """A polygon (the triangle of a player, a star), a blob or letters."""
    middle = np.array([CANVAS / 2, CANVAS / 2]) + rng.normal(0, 0.12, 2) * radius
    kind, colour = rng.random(), _colour(rng)
    if kind < 0.6:
        corners = int(rng.integers(3, 11))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 6.3)
        lengths = radius * rng.uniform(0.3, 0.85) * np.where(np.arange(corners) % 2, 1, 0.5)
        if rng.random() < 0.5 or corners < 5:
            lengths = np.full(corners, lengths.max())
        points = middle + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(picture, [points.astype(np.int32)], colour, cv2.LINE_AA)
    elif kind < 0.8:
        axes = tuple(int(v) for v in rng.uniform(0.1, 0.5, 2) * radius)
        place = (int(middle[0]), int(middle[1]))
        cv2.ellipse(picture, place, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    else:
        text = "".join(chr(c) for c in rng.integers(65, 91, int(rng.integers(1, 4))))
        scale = radius / 28 / len(text)
        place = (int(CANVAS / 2 - radius * 0.6), int(CANVAS / 2 + radius * 0.35))
        font = FONTS[rng.integers(len(FONTS))]
        cv2.putText(picture, text, place, font, scale, colour, int(rng.integers(2, 9)))


def draw_cartoon(rng: np.random.Generator) -> Cutout:
    """A drawn face: flat colour, dots or rings for eyes, a line for a mouth."""
    picture, cover = _blank()
    middle = (CANVAS // 2, CANVAS // 2)
    axes = (int(CANVAS * rng.uniform(0.36, 0.48)), int(CANVAS * rng.uniform(0.38, 0.48)))
    for canvas, shade in ((picture, _colour(rng)), (cover, 255)):
        cv2.ellipse(canvas, middle, axes, 0, 0, 360, shade, -1, cv2.LINE_AA)
    dark = _colour(rng) if rng.random() < 0.3 else (int(rng.integers(0, 60)),) * 3
    if rng.random() < 0.6:
        cv2.ellipse(picture, middle, axes, 0, 0, 360, dark, int(rng.integers(2, 7)), cv2.LINE_AA)
    apart, height = axes[0] * rng.uniform(0.3, 0.5), axes[1] * rng.uniform(0.1, 0.35)
    eye = int(axes[0] * rng.uniform(0.06, 0.24))
    for side in (-1, 1):
        place = (int(middle[0] + side * apart), int(middle[1] - height))
        if eye > 12:
            cv2.circle(picture, place, eye, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(picture, place, max(2, eye // 2), dark, -1, cv2.LINE_AA)
        else:
            cv2.circle(picture, place, max(2, eye), dark, -1, cv2.LINE_AA)
    mouth = (middle[0], int(middle[1] + axes[1] * rng.uniform(0.1, 0.4)))
    spread = (int(axes[0] * rng.uniform(0.25, 0.6)), int(axes[1] * rng.uniform(0.05, 0.35)))
    begin = 0 if rng.random() < 0.75 else 180
    filled = -1 if rng.random() < 0.3 else int(rng.integers(2, 7))
    cv2.ellipse(picture, mouth, spread, 0, begin, begin + 180, dark, filled, cv2.LINE_AA)
    return picture, cover


def draw_pattern(rng: np.random.Generator) -> Cutout:
    """A piece of cloth: dots, flowers, checks, stripes or camouflage, with soft folds."""
    picture, cover = _blank()
    picture[:] = _colour(rng)
    kind = rng.integers(4)
    step = int(rng.integers(10, 46))
    if kind == 0:
        _scatter_flowers(picture, step, rng)
    elif kind == 1:
        for at in range(0, CANVAS, step):
            width = max(1, int(step * rng.uniform(0.1, 0.6)))
            cv2.line(picture, (at, 0), (at, CANVAS), _colour(rng), width)
            if rng.random() < 0.7:
                cv2.line(picture, (0, at), (CANVAS, at), _colour(rng), width)
    elif kind == 2:
        cells = rng.integers(3, 12)
        noise = rng.random((cells, cells)).astype(np.float32)
        smooth = cv2.resize(noise, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        for level in (0.4, 0.6):
            picture[smooth > level] = _colour(rng)
    else:
        colour = _colour(rng)
        for row, y in enumerate(range(step // 2, CANVAS, step)):
            for x in range(step // 2 * (1 + row % 2), CANVAS, step):
                cv2.circle(picture, (x, y), max(2, step // 4), colour, -1, cv2.LINE_AA)
    folds = cv2.resize(rng.uniform(0.6, 1.15, (3, 4)), (CANVAS, CANVAS))
    picture = np.clip(picture * folds[..., None], 0, 255).astype(np.uint8)
    axes = tuple(int(v) for v in CANVAS * rng.uniform(0.3, 0.49, 2))
    cv2.ellipse(cover, (CANVAS // 2,) * 2, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        cover[:] = 255
    return picture, cover


def _scatter_flowers(picture: np.ndarray, step: int, rng: np.random.Generator) -> None:
    colours = [_colour(rng) for _ in range(3)]
    for _ in range(int(3 * (CANVAS / step) ** 2)):
        x, y = rng.uniform(0, CANVAS, 2)
        petals, radius = int(rng.integers(4, 8)), step * rng.uniform(0.2, 0.5)
        colour = colours[rng.integers(3)]
        for angle in np.linspace(0, 2 * np.pi, petals, endpoint=False):
            place = (int(x + radius * np.cos(angle)), int(y + radius * np.sin(angle)))
            cv2.circle(picture, place, max(1, int(radius * 0.5)), colour, -1, cv2.LINE_AA)
        cv2.circle(picture, (int(x), int(y)), max(1, int(radius * 0.4)), _colour(rng), -1)


DRAWN: tuple[Callable[[np.random.Generator], Cutout], ...] = (
    draw_icon,
    draw_icon,
    draw_cartoon,
    draw_pattern,
)
