"""Lights: a key, fills and the sky, the key's shadow, and how much of the sky each point sees."""

import math
from dataclasses import dataclass

import numpy as np

from synthesis.render.rasteriser import FAR, kernel, splat_depth, splat_points, vertex_normals

SHADOW_MAP_SIZE = 144
SHADOW_REACH_CM = 48.0  # what the shadow map covers
OCCLUSION_DIRECTIONS = 40


@dataclass(frozen=True)
class Lights:
    """Directions (to the light, camera space) and linear BGR strengths; the first light is the key
    and casts shadows.
    """

    directions: tuple[tuple[float, float, float], ...]
    colours: tuple[tuple[float, float, float], ...]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    shadow_depth: float  # 0 = none, 1 = black
    softness_cm: float  # width of the shadow's edge

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Lights":
        """A room, a studio, a window or the open air: hard or soft, warm or cool, from anywhere in
        front.
        """
        side = rng.uniform(-1.1, 1.1)
        key = (side, rng.uniform(0.05, 1.1), rng.uniform(0.45, 1.1))
        fill = (
            -np.sign(side) * rng.uniform(0.3, 1.2),
            rng.uniform(-0.3, 0.6),
            rng.uniform(0.3, 1.0),
        )
        rim = (
            rng.choice([-1, 1]) * rng.uniform(0.7, 1.2),
            rng.uniform(0.1, 0.9),
            -rng.uniform(0.3, 0.9),
        )
        contrast = rng.beta(2, 2)
        warmth = rng.normal(0, 0.09)
        strengths = (
            0.55 + 0.75 * contrast,
            rng.uniform(0.05, 0.4) * (1.2 - contrast),
            rng.choice([0.0, rng.uniform(0.2, 0.9)]),
        )
        ambient = rng.uniform(0.35, 0.55) * (1.25 - 0.75 * contrast)
        warmths = (warmth, rng.normal(0, 0.1), rng.normal(0, 0.15))
        return cls(
            directions=tuple(_unit(v) for v in (key, fill, rim)),
            colours=tuple(_tinted(s, w) for s, w in zip(strengths, warmths, strict=True)),
            sky=_tinted(ambient, -0.5 * warmth - 0.03),
            ground=_tinted(ambient * rng.uniform(0.35, 0.8), 0.06),
            shadow_depth=float(rng.uniform(0.35, 0.95)),
            softness_cm=float(np.exp(rng.uniform(np.log(0.5), np.log(3.0)))),
        )

    def arriving(self, facing: np.ndarray) -> np.ndarray:
        """Light that falls on an open surface turned towards `facing`. (3,) linear BGR"""
        up = 0.5 + 0.5 * facing[1]
        total = np.array(self.sky) * up + np.array(self.ground) * (1 - up)
        for direction, colour in zip(self.directions, self.colours, strict=True):
            total = total + max(0.0, float(np.dot(facing, direction))) * np.array(colour)
        return total


def _unit(vector: tuple[float, ...]) -> tuple[float, float, float]:
    length = math.sqrt(sum(x * x for x in vector))
    return tuple(float(x / length) for x in vector)


def _tinted(strength: float, warmth: float) -> tuple[float, float, float]:
    return (float(strength * (1 - warmth)), float(strength), float(strength * (1 + warmth)))


def light_view(direction: np.ndarray, size: int, centre: np.ndarray) -> np.ndarray:
    """The 3x4 matrix that takes a point to the light's map: x, y in its pixels, z in cm towards the
    light.
    """
    direction = np.asarray(direction, np.float64)
    up = np.array([0.0, 1.0, 0.0]) if abs(direction[1]) < 0.95 else np.array([1.0, 0.0, 0.0])
    right = np.cross(up, direction)
    right /= np.linalg.norm(right)
    scale = size / SHADOW_REACH_CM
    view = np.zeros((3, 4))
    view[0, :3], view[1, :3], view[2, :3] = (
        right * scale,
        -np.cross(direction, right) * scale,
        direction,
    )
    view[:2, 3] = size / 2 - view[:2, :3] @ centre
    return view.astype(np.float32)


def shadow_map(
    points: np.ndarray,
    triangles: np.ndarray,
    hair: np.ndarray,
    view: np.ndarray,
    size: int = SHADOW_MAP_SIZE,
) -> np.ndarray:
    """Depth towards the light of the nearest surface. hair: (points, 3) that also cast shadows"""
    depth = np.full((size, size), FAR, np.float32)
    splat_depth(points @ view[:, :3].T + view[:, 3], triangles, depth)
    if len(hair):
        splat_points(hair @ view[:, :3].T + view[:, 3], depth)
    return depth


@kernel
def lit_share(points, normals, depth, view, softness_cm, out):
    """The share of a light that reaches each point, from nine taps of its depth map. out: (n,)"""
    size = depth.shape[0]
    bias, half = np.float32(0.35), np.float32(0.5)
    spread = max(np.float32(1.0), np.float32(softness_cm * size / SHADOW_REACH_CM * 0.5))
    for i in range(points.shape[0]):
        x, y, z = (
            points[i, 0] + normals[i, 0] * bias,
            points[i, 1] + normals[i, 1] * bias,
            points[i, 2] + normals[i, 2] * bias,
        )
        u = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
        v = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
        w = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + np.float32(0.25)
        lit = np.float32(0)
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                column, row = int(u + dx * spread + half), int(v + dy * spread + half)
                if column < 0 or row < 0 or column >= size or row >= size:
                    lit += 1
                else:
                    blocked = (depth[row, column] - w) * np.float32(2)
                    lit += np.float32(1) - min(np.float32(1), max(np.float32(0), blocked))
        out[i] = lit / np.float32(9)


def sky_share(points: np.ndarray, triangles: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """Ambient occlusion: the cosine-weighted share of all directions that each vertex sees.

    (n,) in [0, 1]
    """
    normals = np.zeros_like(points)
    vertex_normals(points, triangles, normals)
    centre = np.array([0.0, -2.0, 0.0])
    seen, total = np.zeros(len(points)), np.full(len(points), 1e-6)
    share = np.empty(len(points), np.float32)
    for k in range(OCCLUSION_DIRECTIONS):
        height = 1 - 2 * (k + 0.5) / OCCLUSION_DIRECTIONS
        turn, flat = math.pi * (1 + 5**0.5) * k, math.sqrt(1 - height * height)
        direction = np.array([math.cos(turn) * flat, height, math.sin(turn) * flat], np.float32)
        view = light_view(direction, SHADOW_MAP_SIZE, centre)
        lit_share(points, normals, shadow_map(points, triangles, hair, view), view, 0.6, share)
        weight = np.clip(normals @ direction, 0, None)
        seen += weight * share
        total += weight
    return (seen / total).astype(np.float32)


def exposure(lights: Lights, skin: np.ndarray) -> float:
    """The camera's gain: it looks at the light on the face, and only a little at the skin's albedo
    (3,).
    """
    light = float(lights.arriving(np.array([0.0, 0.2, 0.98])).mean())
    return float(0.92 / light * (0.30 / float(skin.mean())) ** 0.28)


def development_curve() -> np.ndarray:
    """8-bit sRGB with a soft shoulder, by the square root of the light: entry i is light (i /
    1023.5) ** 2. (2048,)
    """
    light = (np.arange(2048) / 2047 * 2) ** 2
    rolled = np.where(light > 0.55, 0.55 + 0.45 * np.tanh((light - 0.55) / 0.6), light)
    return (np.clip(rolled, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)
