"""Clothes: a torso that starts at the speaker's own neck, and the cloth that is painted on it."""

from dataclasses import dataclass

import numpy as np

from synthesis.render.patterns import grain, linear, ramp, slopes

AROUND = 72  # vertices around the body
CLOTH_SIZE = 512
NECK_HEIGHT = -10.5  # cm, where the neck is measured
CUTS = ("crew", "v", "scoop", "turtleneck", "polo", "shirt", "suit", "hoodie")
PATTERNS = ("plain", "plain", "plain", "stripes", "hoops", "checks", "dots", "heather", "print")
# Rings of the torso from the collar down: half width, front and back depth, height at the side,
# front and back (cm).
RINGS = np.array(
    [
        (0.0, 0.0, 0.0, -10.6, -12.6, -10.0),
        (1.3, 0.5, 0.5, -11.6, -13.6, -10.8),
        (3.4, 1.2, 1.2, -12.8, -15.2, -12.0),
        (6.6, 2.4, 2.0, -14.0, -17.6, -14.0),
        (10.2, 3.6, 2.6, -15.6, -20.5, -16.5),
        (13.2, 4.6, 3.0, -17.8, -24.0, -20.0),
        (15.2, 5.4, 3.2, -21.5, -28.0, -25.0),
        (16.2, 6.0, 3.3, -27.0, -33.0, -31.0),
        (16.6, 6.2, 3.3, -35.0, -40.0, -39.0),
        (16.4, 6.2, 3.3, -52.0, -54.0, -54.0),
    ],
    np.float32,
)
ROWS = 40  # rings after smoothing


@dataclass(frozen=True)
class ClothesLook:
    """What a person wears; colours are sRGB."""

    cut: str
    pattern: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    scale: float  # of the pattern
    shoulders: float  # breadth against the mean

    @classmethod
    def draw(cls, rng: np.random.Generator, feminine: bool) -> "ClothesLook":
        """Mostly muted colours, a few loud ones."""
        likely = np.array([3, 2, 2.5 if feminine else 0.4, 1, 1, 2, 0.8 if feminine else 2.2, 1.5])
        return cls(
            cut=str(rng.choice(CUTS, p=likely / likely.sum())),
            pattern=str(rng.choice(PATTERNS)),
            colour=draw_cloth_colour(rng),
            second=draw_cloth_colour(rng),
            scale=float(np.exp(rng.uniform(np.log(0.6), np.log(2.2)))),
            shoulders=float(rng.normal(0.96 if feminine else 1.08, 0.05)),
        )


def draw_cloth_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Black, grey and white, muted, or loud. sRGB"""
    level = rng.uniform(18, 225)
    spread = rng.choice([3.0, 22.0, 60.0], p=[0.4, 0.42, 0.18])
    return tuple(float(c) for c in np.clip(level + rng.normal(0, spread, 3), 12, 238))


@dataclass(frozen=True, eq=False)
class Torso:
    """The torso's mesh.

    points: (rows * AROUND, 3), uvs by vertex, collar: height of the neck's cut by angle.
    """

    points: np.ndarray
    triangles: np.ndarray
    corner_uvs: np.ndarray

    def front(self) -> np.ndarray:
        """The surface's place at each texel of its texture. (size, size, 3)"""
        import cv2

        grid = self.points.reshape(ROWS, AROUND, 3)
        grid = np.concatenate([grid, grid[:, :1]], axis=1)
        return cv2.resize(grid, (CLOTH_SIZE, CLOTH_SIZE), interpolation=cv2.INTER_LINEAR)


def build_torso(neck: np.ndarray, look: ClothesLook) -> Torso:
    """A torso around this neck. neck: (n, 3) the head's vertices near NECK_HEIGHT"""
    half = np.abs(neck[:, 0]).max()
    front, back = neck[:, 2].max(), neck[:, 2].min()
    middle = (front + back) / 2
    rings = np.stack(
        [
            np.interp(
                np.linspace(0, 1, ROWS) ** 1.25 * (len(RINGS) - 1), np.arange(len(RINGS)), column
            )
            for column in RINGS.T
        ],
        axis=1,
    )
    angles = (
        np.linspace(0, 2 * np.pi, AROUND, endpoint=False) - np.pi
    )  # from the back, by the left, to the front
    sine, cosine = np.sin(angles), np.cos(angles)
    inset = -0.35 if look.cut in ("v", "scoop") else 0.25
    points = np.zeros((ROWS, AROUND, 3), np.float32)
    share_front = ramp(cosine, -0.9, 0.9)
    for row, (width, deep, back_deep, side, front_y, back_y) in enumerate(rings):
        reach = (half + inset + width * look.shoulders, (front - back) / 2 + inset)
        depth = np.where(cosine > 0, reach[1] + deep, reach[1] + back_deep)
        points[row, :, 0] = reach[0] * np.sign(sine) * np.abs(sine) ** 0.85
        points[row, :, 2] = middle + depth * np.sign(cosine) * np.abs(cosine) ** 0.9
        ends = front_y * share_front + back_y * (1 - share_front)
        points[row, :, 1] = ends + (side - ends) * sine**2
    if look.cut == "turtleneck":
        points[:4, :, 1] += np.array([4.0, 3.0, 1.5, 0.6])[:, None]
        points[:3, :, 0] *= 0.97
    return _grid_mesh(points)


def _grid_mesh(points: np.ndarray) -> Torso:
    triangles, uvs = [], []
    for row in range(ROWS - 1):
        for k in range(AROUND):
            following = (k + 1) % AROUND
            a, b = row * AROUND + k, row * AROUND + following
            c, d = a + AROUND, b + AROUND
            left, right = k / AROUND, (k + 1) / AROUND
            top, bottom = 1 - row / (ROWS - 1), 1 - (row + 1) / (ROWS - 1)
            triangles += [(a, c, b), (b, c, d)]
            uvs += [
                ((left, top), (left, bottom), (right, top)),
                ((right, top), (left, bottom), (right, bottom)),
            ]
    return Torso(points.reshape(-1, 3), np.array(triangles, np.int32), np.array(uvs, np.float32))


def paint_cloth(
    look: ClothesLook, torso: Torso, skin: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The torso's texture: cloth with its pattern, bare skin above the neckline, collar, lapels,
    tie. (s, s, 6)
    """
    place = torso.front()
    colour, relief = _weave(look, place, rng)
    gloss = np.full(colour.shape[:2], 0.012, np.float32)
    colour, relief = _tailor(look, place, colour, relief, rng)
    bare = _bare_share(look, place)
    edge = np.exp(-(((bare - 0.5) / 0.25) ** 2)) * (bare > 0) * (bare < 1)
    colour = colour * (1 - 0.35 * edge)[..., None]
    colour = colour + (skin - colour) * bare[..., None]
    relief = relief * (1 - bare) - 3 * bare
    gloss = gloss * (1 - bare) + 0.08 * bare
    along_u, along_v = slopes(relief)
    planes = [np.clip(colour, 0.003, 0.9), along_u[..., None], along_v[..., None], gloss[..., None]]
    return np.concatenate(planes, axis=2).astype(np.float32)


def _weave(
    look: ClothesLook, place: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Cloth with threads, folds and its pattern: colour and relief."""
    x, y = place[..., 0], place[..., 1]
    first, second = linear(look.colour), linear(look.second)
    period = 2.2 * look.scale
    share = {
        "stripes": lambda: ramp(np.sin(2 * np.pi * x / period), 0.1, 0.4),
        "hoops": lambda: ramp(np.sin(2 * np.pi * y / period), 0.1, 0.4),
        "checks": lambda: (
            0.5 * ramp(np.sin(2 * np.pi * x / period), 0, 0.3)
            + 0.5 * ramp(np.sin(2 * np.pi * y / period), 0, 0.3)
        ),
        "dots": lambda: ramp(
            np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period), 0.55, 0.7
        ),
        "heather": lambda: np.clip(0.5 + 0.3 * grain(rng, x.shape, 1.2), 0, 1) * 0.6,
        "print": lambda: ramp(
            grain(rng, x.shape, 26 * look.scale) + 0.6 * grain(rng, x.shape, 9), 0.6, 0.9
        ),
    }.get(look.pattern, lambda: np.zeros_like(x))()
    colour = first + (second - first) * share[..., None].astype(np.float32)
    folds = (
        grain(rng, x.shape, 60)
        + 0.6 * grain(rng, x.shape, 24)
        + 0.5 * np.sin(x * 0.9 + 2 * grain(rng, x.shape, 80)) * ramp(y, -16, -24)
    )
    relief = 1.5 * folds + 0.12 * grain(rng, x.shape, 0.8)
    shade = 1 + 0.05 * grain(rng, x.shape, 1.0) + 0.07 * folds
    return (colour * np.clip(shade, 0.5, 1.4)[..., None]).astype(np.float32), relief.astype(
        np.float32
    )


def _bare_share(look: ClothesLook, place: np.ndarray) -> np.ndarray:
    """Where the neckline leaves skin. (size, size) in [0, 1]"""
    x, y, z = np.moveaxis(place, -1, 0)
    if look.cut == "v":
        line = -19.5 + 1.15 * np.abs(x)
        line = np.where(z > 0, line, -11.5 + 0.0 * x)
    elif look.cut == "scoop":
        line = np.where(z > -1, -18.0 + 0.055 * x**2, -12.8 + 0.0 * x)
    else:
        return np.zeros_like(x)
    return ramp(y - line, -0.12, 0.12)


def _tailor(
    look: ClothesLook,
    place: np.ndarray,
    colour: np.ndarray,
    relief: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Sew on what the cut has: collars, plackets with buttons, lapels, ties, a hood."""
    x, y, z = np.moveaxis(place, -1, 0)
    drop = _below_collar(place)
    if look.cut == "suit":
        return _suit(place, drop, colour, relief, rng)
    if look.cut in ("shirt", "polo"):
        flap = ramp(drop, 4.0, 3.7) * ramp(np.abs(x) - 0.20 * drop, 0.0, 0.25)
        placket = (
            ramp(np.abs(x), 1.5, 1.35)
            * ramp(drop, 0.0, 0.3)
            * (z > 0)
            * (1 if look.cut == "shirt" else y > -26)
        )
        relief = relief + 5 * flap + 2.0 * placket
        for height in np.arange(-16, -50, -5.0):
            button = ramp(np.hypot(x, y - height), 0.42, 0.3) * (z > 0) * (placket > 0.5)
            colour = colour * (1 - 0.55 * button)[..., None]
        edge = np.exp(-(((drop - 3.85) / 0.18) ** 2)) * (flap > 0.02)
        gap = ramp(np.abs(x), 0.20 * np.maximum(drop, 0) + 0.1, 0) * ramp(drop, 3.0, 2.0) * (z > 0)
        colour = colour * (1 - 0.45 * edge - 0.6 * gap)[..., None] * (1 + 0.06 * flap)[..., None]
    elif look.cut in ("crew", "hoodie", "turtleneck", "scoop", "v"):
        width = {"hoodie": 4.5, "turtleneck": 6.0}.get(look.cut, 1.6)
        band = ramp(drop, width, width - 0.4)
        ribs = np.sin(np.arctan2(x, z) * 150) * (look.cut != "hoodie")
        relief = relief + band * (3.0 + 0.25 * ribs)
        seam = np.exp(-(((drop - width) / 0.2) ** 2))
        colour = colour * (1 - 0.4 * seam)[..., None]
        if look.cut == "hoodie":
            cord = (
                ramp(np.abs(np.abs(x) - 2.6 - 0.05 * drop), 0.35, 0.2) * (z > 0) * ramp(y, -30, -29)
            )
            colour = colour + (0.6 - colour) * cord[..., None]
    return colour.astype(np.float32), relief.astype(np.float32)


def _below_collar(place: np.ndarray) -> np.ndarray:
    """How far below the collar's edge a texel lies, along the cloth in cm. (size, size)"""
    steps = np.linalg.norm(np.diff(place, axis=0), axis=-1)
    return np.concatenate([np.zeros((1, place.shape[1]), np.float32), np.cumsum(steps, axis=0)])


def _suit(
    place: np.ndarray,
    drop: np.ndarray,
    colour: np.ndarray,
    relief: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A jacket with lapels over a light shirt, with or without a tie."""
    x, y, z = np.moveaxis(place, -1, 0)
    opening = 0.5 + np.clip((y + 40) * 0.24, 0, None)
    shirt = ramp(np.abs(x), opening + 0.1, opening - 0.1) * (z > 0)
    shirt = np.maximum(shirt, ramp(drop, 1.7, 1.5))
    lapel = (
        ramp(np.abs(x), opening + 3.4, opening + 3.2)
        * (z > -2)
        * (1 - shirt)
        * ramp(drop, 1.0, 1.8)
    )
    edge = np.exp(-(((np.abs(x) - opening - 3.35) / 0.16) ** 2)) * (z > -2) * (1 - shirt)
    colour = colour * (1 + 0.10 * lapel - 0.5 * edge)[..., None]
    white = linear(tuple(rng.uniform(190, 240) + rng.normal(0, 6, 3)))
    colour = colour + (white - colour) * shirt[..., None]
    if rng.random() < 0.65:
        tie = (
            ramp(np.abs(x), 1.0 + 0.055 * drop, 0.85 + 0.055 * drop)
            * (z > 0)
            * ramp(drop, 0.6, 0.9)
        )
        knot = (
            ramp(np.abs(x), 1.5 - 0.12 * drop, 1.3 - 0.12 * drop) * (z > 0) * ramp(drop, 3.2, 2.9)
        )
        tie = np.maximum(tie, knot)
        colour = colour + (linear(draw_cloth_colour(rng)) - colour) * tie[..., None]
        relief = relief + 3 * tie
    shadow = np.exp(-(((np.abs(x) - opening) / 0.5) ** 2)) * (z > 0) * shirt
    return colour * (1 - 0.35 * shadow)[..., None], relief + 3 * lapel - 2 * shirt
