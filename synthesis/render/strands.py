"""Strands: polylines of hair that hang on the head's vertices, grown along a flow and lit as thin
fibres.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthesis.render.rasteriser import kernel


@dataclass(frozen=True, eq=False)
class Strands:
    """Hairs of k points each.

    anchors: vertices they move with; offsets: from these, in the head's frame, in cm.
    """

    anchors: np.ndarray  # (s, k) int32
    offsets: np.ndarray  # (s, k, 3) float32
    colours: np.ndarray  # (s, 3) float32, linear BGR
    outward: np.ndarray  # (s, k, 3) float32, away from the head: how the mass of hair is lit
    openness: np.ndarray  # (s, k) float32: 1 on the outside of the mass of hair, 0 deep within
    width_cm: np.ndarray  # (s,) float32
    shine: float
    fine: bool = False  # single hairs on skin: seen from afar they pale instead of growing fewer

    @property
    def cover(self) -> np.ndarray:
        """Opacity along a strand, thinner towards the tip. (k,)"""
        along = np.linspace(0, 1, self.anchors.shape[1])
        return (0.95 - 0.7 * along**3).astype(np.float32)

    def __len__(self) -> int:
        return len(self.anchors)


@kernel
def place_strands(anchors, offsets, points, rotation, out):
    """Camera-space points: the anchor's place plus the turned offset. out: (s, k, 3)"""
    for s in range(out.shape[0]):
        for k in range(out.shape[1]):
            anchor = anchors[s, k]
            x, y, z = offsets[s, k, 0], offsets[s, k, 1], offsets[s, k, 2]
            for axis in range(3):
                out[s, k, axis] = (
                    points[anchor, axis]
                    + rotation[axis, 0] * x
                    + rotation[axis, 1] * y
                    + rotation[axis, 2] * z
                )


@kernel
def off_screen(screen, s, height, width):
    """Whether strand s lies wholly beside the picture. screen: (s, k, 3) pixels"""
    left, right, above, below = True, True, True, True
    for k in range(screen.shape[1]):
        left &= screen[s, k, 0] < 0
        right &= screen[s, k, 0] >= width
        above &= screen[s, k, 1] < 0
        below &= screen[s, k, 1] >= height
    return left or right or above or below


@kernel
def shadow_at(x, y, z, shadows, view):
    """The share of the key that reaches a point in the hair, from five taps of the shadow map."""
    size = shadows.shape[0]
    column = int(view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3])
    row = int(view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3])
    depth = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + np.float32(0.25)
    if column < 2 or row < 2 or column >= size - 2 or row >= size - 2:
        return np.float32(1)
    blocked = np.float32(0)
    for dx, dy in ((0, 0), (-2, 0), (2, 0), (0, -2), (0, 2)):
        gap = (shadows[row + dy, column + dx] - depth) * np.float32(0.7)
        blocked += min(np.float32(1), max(np.float32(0), gap))
    return np.float32(1) - blocked * np.float32(0.2)


@kernel
def light_fibre(t, n, s, k, colours, depth, lit, shine, rig, out):
    """Kajiya and Kay's fibre on a rounded mass of hair, for point k of strand s.

    t: tangent, n: the mass's normal; rig: as `light_strands` has it.
    """
    directions, halves, lights, sky, ground = rig
    tx, ty, tz, nx, ny, nz = t[0], t[1], t[2], n[0], n[1], n[2]
    up = np.float32(0.5) + np.float32(0.5) * ny
    for c in range(3):
        out[s, k, c] = colours[s, c] * depth * (sky[c] * up + ground[c] * (np.float32(1) - up))
    for light in range(directions.shape[0]):
        lx, ly, lz = directions[light, 0], directions[light, 1], directions[light, 2]
        along, facing = tx * lx + ty * ly + tz * lz, nx * lx + ny * ly + nz * lz
        share = facing * np.float32(0.75) + np.float32(0.3)
        if share <= 0:
            continue
        share = min(np.float32(1), share) * depth * (lit if light == 0 else np.float32(1))
        diffuse = np.float32(math.sqrt(max(np.float32(0), np.float32(1) - along * along))) * share
        half = tx * halves[light, 0] + ty * halves[light, 1] + tz * halves[light, 2]
        gleam = max(np.float32(0), np.float32(1) - half * half)
        for _ in range(4):
            gleam *= gleam
        gleam *= share * shine
        for c in range(3):
            own = colours[s, c] * (diffuse * np.float32(0.9) + gleam * np.float32(1.6))
            out[s, k, c] += lights[light, c] * (own + gleam * np.float32(0.05))


@kernel
def light_strands(
    points,
    screen,
    height,
    width,
    outward,
    openness,
    colours,
    shadows,
    view,
    shadow_depth,
    rotation,
    shine,
    rig,
    out,
):
    """Colour each point of the strands that are in the picture. out: (s, k, 3)

    rig: directions, half vectors and colours of the lights (l, 3 each), sky and ground (3,).
    """
    last = points.shape[1] - 1
    tangent, normal = np.empty(3, np.float32), np.empty(3, np.float32)
    for s in range(points.shape[0]):
        if off_screen(screen, s, height, width):
            continue
        for k in range(last + 1):
            before, after = max(0, k - 1), min(last, k + 1)
            length = np.float32(1e-6)
            for axis in range(3):
                tangent[axis] = points[s, after, axis] - points[s, before, axis]
                length += tangent[axis] * tangent[axis]
                normal[axis] = (
                    rotation[axis, 0] * outward[s, k, 0]
                    + rotation[axis, 1] * outward[s, k, 1]
                    + rotation[axis, 2] * outward[s, k, 2]
                )
            scale = np.float32(1) / np.float32(math.sqrt(length))
            for axis in range(3):
                tangent[axis] *= scale
            half = np.float32(0.5)
            lit = shadow_at(
                points[s, k, 0] + half * normal[0],
                points[s, k, 1] + half * normal[1],
                points[s, k, 2] + half * normal[2],
                shadows,
                view,
            )
            lit = np.float32(1) - shadow_depth * (np.float32(1) - lit)
            light_fibre(tangent, normal, s, k, colours, openness[s, k], lit, shine, rig, out)
