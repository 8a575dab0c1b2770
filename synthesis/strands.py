"""Strands: polylines of hair that hang on the head's vertices, grown along a flow and lit as thin fibres."""

import math
from dataclasses import dataclass

import numpy as np

from synthesis.rasteriser import kernel


@dataclass(frozen=True, eq=False)
class Strands:
    """Hairs of k points each. anchors: vertices they move with; offsets: from these, in the head's frame, in cm."""

    anchors: np.ndarray  # (s, k) int32
    offsets: np.ndarray  # (s, k, 3) float32
    colours: np.ndarray  # (s, 3) float32, linear BGR
    outward: np.ndarray  # (s, k, 3) float32, away from the head: how the mass of hair is lit
    openness: np.ndarray  # (s, k) float32: 1 on the outside of the mass of hair, 0 deep within
    width_cm: np.ndarray  # (s,) float32
    shine: float

    def __len__(self) -> int:
        return len(self.anchors)


@kernel
def place_strands(anchors, offsets, points, rotation, out):
    """Camera-space points of the strands: the anchor's place plus the turned offset. out: (s, k, 3)"""
    for s in range(anchors.shape[0]):
        for k in range(anchors.shape[1]):
            x, y, z = offsets[s, k]
            anchor = points[anchors[s, k]]
            for axis in range(3):
                out[s, k, axis] = (
                    anchor[axis]
                    + rotation[axis, 0] * x
                    + rotation[axis, 1] * y
                    + rotation[axis, 2] * z
                )


@kernel
def light_strands(
    points, outward, openness, colours, lit, rotation, shine, directions, lights, sky, ground, out
):
    """Colour of each point of each strand: Kajiya and Kay's fibre over a rounded mass. out: (s, k, 3)"""
    last = points.shape[1] - 1
    for s in range(points.shape[0]):
        for k in range(last + 1):
            low, high = max(0, k - 1), min(last, k + 1)
            tx = points[s, high, 0] - points[s, low, 0]
            ty = points[s, high, 1] - points[s, low, 1]
            tz = points[s, high, 2] - points[s, low, 2]
            scale = 1 / math.sqrt(tx * tx + ty * ty + tz * tz + np.float32(1e-9))
            tx, ty, tz = tx * scale, ty * scale, tz * scale
            ox, oy, oz = outward[s, k]
            nx = rotation[0, 0] * ox + rotation[0, 1] * oy + rotation[0, 2] * oz
            ny = rotation[1, 0] * ox + rotation[1, 1] * oy + rotation[1, 2] * oz
            nz = rotation[2, 0] * ox + rotation[2, 1] * oy + rotation[2, 2] * oz
            depth = openness[s, k]
            up = 0.5 + 0.5 * ny
            for channel in range(3):
                out[s, k, channel] = (
                    colours[s, channel] * depth * (sky[channel] * up + ground[channel] * (1 - up))
                )
            for light in range(directions.shape[0]):
                lx, ly, lz = directions[light]
                along = tx * lx + ty * ly + tz * lz
                facing = nx * lx + ny * ly + nz * lz
                share = min(
                    np.float32(1), max(np.float32(0), facing * np.float32(0.75) + np.float32(0.3))
                )
                share *= depth * (lit[s, k] if light == 0 else np.float32(1))
                diffuse = math.sqrt(max(np.float32(0), 1 - along * along)) * share
                hx, hy, hz = lx, ly, lz + 1
                half = (tx * hx + ty * hy + tz * hz) / math.sqrt(
                    hx * hx + hy * hy + hz * hz + np.float32(1e-9)
                )
                gleam = max(np.float32(0), 1 - half * half) ** 24 * share * shine
                for channel in range(3):
                    out[s, k, channel] += lights[light, channel] * (
                        colours[s, channel] * (diffuse * np.float32(0.9) + gleam * np.float32(1.6))
                        + gleam * np.float32(0.05)
                    )
