"""Glasses: rims, bridge and temples as tubes round the speaker's own eyes, nose and ears; dark
lenses or none.
"""

from dataclasses import dataclass

import numpy as np

from synthesis.figure.head import Head, Material
from synthesis.render.patterns import linear, smooth_curve

TUBE_SIDES = 6
RIM_POINTS = 36
FRAME_COLOURS = (
    (14, 14, 16),
    (52, 32, 22),
    (120, 98, 60),
    (150, 150, 155),
    (90, 20, 25),
    (25, 35, 70),
    (95, 70, 45),
)


@dataclass(frozen=True)
class GlassesLook:
    """Shape in cm, colour as a row of FRAME_COLOURS."""

    width: float  # of one lens
    height: float
    squareness: float  # 2 = ellipse, more = square
    tube: float  # radius of the frame
    colour: int
    sun: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "GlassesLook":
        """From thin wire to thick horn; one in twelve is dark."""
        return cls(
            width=float(rng.uniform(4.6, 5.6)),
            height=float(rng.uniform(3.2, 4.8)),
            squareness=float(rng.uniform(2, 5)),
            tube=float(np.exp(rng.uniform(np.log(0.06), np.log(0.24)))),
            colour=int(rng.integers(len(FRAME_COLOURS))),
            sun=bool(rng.random() < 0.08),
        )


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of mesh with its material."""

    points: np.ndarray
    triangles: np.ndarray
    material: Material


def build_glasses(head: Head, look: GlassesLook, base: np.ndarray) -> list[Part]:
    """Frame and, if dark, lenses. base: (n, 3) the speaker's head"""
    marks = base[head.landmarks]
    eyes = marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)
    front = max(marks[27, 2] + 0.3, marks[[37, 44], 2].max() + 1.3, marks[[19, 24], 2].max() + 0.25)
    parts = []
    for eye, side in zip(eyes, (-1, 1), strict=True):
        rim = _rim(look, eye, side, front)
        parts.append(_tube(rim, look.tube, closed=True))
        if look.sun:
            parts.append(_lens(rim))
        outer = rim[np.argmax(side * rim[:, 0])]
        temple = np.abs(marks[[0, 16], 0]).mean() + 0.35
        hinge, ear = (
            outer + [side * 0.2, 0.5, -0.3],
            np.array([side * temple, marks[0, 1] + 0.2, 0.5]),
        )
        knee = np.array([side * max(abs(outer[0]) + 0.1, temple - 0.3), hinge[1], hinge[2] - 2.5])
        parts.append(
            _tube(
                np.stack([outer, hinge, knee, ear, ear + [0, -1.5, -2.0]]), look.tube, closed=False
            )
        )
    inner = [
        _rim(look, eye, side, front)[k]
        for eye, side, k in zip(eyes, (-1, 1), (0, RIM_POINTS // 2), strict=True)
    ]
    top = np.array([0, inner[0][1] + 0.5, max(front, marks[27, 2] + 0.3) + 0.25])
    bridge = smooth_curve(np.stack([inner[0] + [0, 0.2, 0], top, inner[1] + [0, 0.2, 0]]), 9)
    parts.append(_tube(bridge, look.tube, closed=False))
    return parts


def frame_colour(look: GlassesLook) -> np.ndarray:
    """Albedo of the frame. (3,) linear BGR"""
    return linear(FRAME_COLOURS[look.colour])


def _rim(look: GlassesLook, eye: np.ndarray, side: int, front: float) -> np.ndarray:
    """The lens's outline, bent back towards the temple. (RIM_POINTS, 3)"""
    turn = np.linspace(0, 2 * np.pi, RIM_POINTS, endpoint=False)
    power = 2 / look.squareness
    x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power * look.width / 2
    y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power * look.height / 2
    across = eye[0] + side * 0.15 + x
    return np.column_stack([across, eye[1] - 0.1 + y, front - 0.035 * across**2])


def _tube(path: np.ndarray, radius: float, *, closed: bool) -> Part:
    """A round tube along a path. path: (n, 3)"""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    aside = np.cross(ahead, np.where(np.abs(ahead[:, 2:]) > 0.8, [[0.0, 1, 0]], [[0.0, 0, 1]]))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True) + 1e-9
    above = np.cross(ahead, aside)
    turn = np.linspace(0, 2 * np.pi, TUBE_SIDES, endpoint=False)[None, :, None]
    points = path[:, None] + radius * (
        np.cos(turn) * aside[:, None] + np.sin(turn) * above[:, None]
    )
    count = len(path)
    triangles = []
    for i in range(count if closed else count - 1):
        for k in range(TUBE_SIDES):
            a, b = i * TUBE_SIDES + k, i * TUBE_SIDES + (k + 1) % TUBE_SIDES
            c, d = (a + TUBE_SIDES) % (count * TUBE_SIDES), (b + TUBE_SIDES) % (count * TUBE_SIDES)
            triangles += [(a, c, b), (b, c, d)]
    return Part(
        points.reshape(-1, 3).astype(np.float32), np.array(triangles, np.int32), Material.FRAME
    )


def _lens(rim: np.ndarray) -> Part:
    points = np.concatenate([rim, rim.mean(axis=0, keepdims=True) + [[0, 0, 0.15]]])
    last = len(rim)
    triangles = [(last, k, (k + 1) % last) for k in range(last)]
    return Part(points.astype(np.float32), np.array(triangles, np.int32), Material.LENS)
