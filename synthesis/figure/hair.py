"""Grow the hair of the head strand by strand over the speaker's scalp."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from synthesis.figure.hair_styles import COLOURS, STYLES, HairLook, Style
from synthesis.figure.head import Head, Material
from synthesis.figure.scatter import Roots, scatter_roots
from synthesis.render.patterns import linear, ramp
from synthesis.render.rasteriser import vertex_normals
from synthesis.render.strands import Strands

# The hairline's height (cm) by how far forward a point lies (cm).
LINE_FORWARD = (-10, -6, -2, 0, 2, 3.5, 4.6, 6.0, 8, 9.5, 11.5)
LINE_HEIGHT = (-7.0, -5.5, -2.0, -0.5, 0.2, 3.0, 6.4, 8.4, 9.7, 10.1, 10.6)


def hairline(look: HairLook, positions: np.ndarray) -> np.ndarray:
    """Height above the hairline in cm, positive where hair grows.

    positions: (..., 3) on the neutral head
    """
    x, y, z = np.moveaxis(positions, -1, 0)
    temples = (
        look.recession * np.clip((z - 4) / 4, 0, 1) * np.exp(-(((np.abs(x) - 3.8) / 2.0) ** 2))
    )
    height = y - np.interp(z, LINE_FORWARD, LINE_HEIGHT) - look.line_shift * (z > 3) - temples
    height = height - 0.10 * np.clip(np.abs(x) - 3, 0, 3) * (z > 6)
    if look.style == "horseshoe":
        height = np.minimum(height, 9.2 - y + 0.2 * z * (z < 0))
    return height.astype(np.float32)


def ear_share(uvs: np.ndarray) -> np.ndarray:
    """1 on the ears, by the skin's texture coordinates. uvs: (..., 2)"""
    beside = ramp(np.abs(uvs[..., 0] - 0.5), 0.372, 0.39)
    return beside * ramp(uvs[..., 1], 0.425, 0.445) * ramp(uvs[..., 1], 0.715, 0.695)


def scalp_field(head: Head, look: HairLook) -> np.ndarray:
    """The hairline's height at each vertex, far below it on ears and inside the head. (n,)"""
    height = hairline(look, head.neutral)
    height[~np.isin(head.vertex_materials, (Material.SKIN, Material.SCALP))] = -9
    skin = head.vertex_materials == Material.SKIN
    height[skin & (ear_share(head.skin_uvs) > 0.3)] = -9
    return height


def thicken_scalp(head: Head, look: HairLook, base: np.ndarray) -> np.ndarray:
    """The head with the dense underside of its hair, which the strands cover. (n, 3)"""
    if look.style not in STYLES:
        return base
    style = STYLES[look.style]
    normals = np.zeros_like(base)
    vertex_normals(base, head.triangles, normals)
    thickness = 0.55 * style.volume * look.volume * ramp(scalp_field(head, look), 0.2, 2.6)
    return (base + normals * thickness[:, None]).astype(np.float32)


def grow_hair(
    head: Head, look: HairLook, base: np.ndarray, body: np.ndarray, rng: np.random.Generator
) -> Strands | None:
    """Strands over the thickened scalp.

    body: (m, 3) points of the shoulders that long hair falls upon
    """
    if look.style not in STYLES:
        return None
    style = STYLES[look.style]
    field = scalp_field(head, look)
    roots = scatter_roots(head, base, rng, style.strands, lambda v: ramp(field[v], -0.25, 0.5))
    layers = rng.random(len(roots)).astype(np.float32) ** 0.7
    lengths = style.length * look.length * rng.uniform(0.75, 1.05, len(roots))
    if style.trimmed:
        lengths = lengths * (0.25 + 0.75 * ramp(roots.neutral[:, 1], 5.0, 10.0))
    fringe = "fringe" in look.style
    front = (
        ramp(roots.neutral[:, 2], 3.5, 5.5) * ramp(np.abs(roots.neutral[:, 0]), 5.5, 4.0)
        if fringe
        else 0 * layers
    )
    lengths = lengths + (rng.uniform(6.0, 7.5) - lengths) * front
    crop = _Crop(look, style, roots, layers, lengths, front)
    lines = _grow(crop, _Surface(head, base, body), rng)
    return _finish(crop, lines, lines - base[roots.anchors][:, None], rng)


class _Crop(NamedTuple):
    """The hair of one head before it grows; of each strand but for look and style. (n,)"""

    look: HairLook
    style: Style
    roots: Roots
    layers: np.ndarray  # 0 = innermost, 1 = outermost
    lengths: np.ndarray  # cm
    front: np.ndarray  # how much it is of the fringe


def _grow(crop: _Crop, surface: "_Surface", rng: np.random.Generator) -> np.ndarray:
    """March every strand along the comb, the pull of gravity and its curl, keeping off scalp and
    shoulders.
    """
    look, style, roots, layers, lengths, front = crop
    comb = _comb(look, style, roots, front)
    bundles = _bundle_noise(roots, rng) * style.wildness
    stray = rng.normal(0, style.wildness * 0.35, (len(roots), 3))
    direction = _unit(roots.normals * style.lift + comb + bundles + stray)
    step = (lengths / (style.points - 1))[:, None]
    clearance = 0.06 + style.volume * look.volume * layers
    lines, place = [roots.points], roots.points
    for k in range(1, style.points):
        fall = style.gravity * min(1.6, 0.5 + 0.25 * k)
        held = ramp(place[:, 1:2], -2.0, 5.0) if style.gravity else 1.0
        pull = comb * held * (0.9 if style.gathered else 0.5) + np.array([0, -fall, 0])
        pull = pull + 0.35 * bundles
        if style.gathered:
            pull = pull + _towards_knot(place)
        pull = pull + _off_the_face(place, look.parting, front)
        direction = _unit(direction + pull * np.minimum(step * 0.35, 0.9))
        previous = place
        place = surface.hold(
            place + direction * step, clearance * min(1.0, 0.35 + 0.35 * k), style.lies
        )
        direction = 0.4 * direction + 0.6 * _unit(place - previous)
        lines.append(place)
    lines = _smooth(np.stack(lines, axis=1))
    return lines + _curls(style, roots, lines, rng)


def _smooth(lines: np.ndarray) -> np.ndarray:
    """Rounder bends; roots and tips stay. (s, k, 3)"""
    for _ in range(2):
        middle = 0.5 * lines[:, 1:-1] + 0.25 * (lines[:, :-2] + lines[:, 2:])
        lines = np.concatenate([lines[:, :1], middle, lines[:, -1:]], axis=1)
    return lines


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6)


def _off_the_face(place: np.ndarray, parting: float, front: np.ndarray) -> np.ndarray:
    """A push sideways for what would hang before the eyes and the mouth. (s, 3)"""
    x, y, z = place.T
    before = ramp(z, 3.0, 6.0) * ramp(y, 10.5, 8.0) * ramp(np.abs(x), 7.8, 5.6) * (1 - front)
    push = np.zeros_like(place)
    push[:, 0] = 2.8 * before * np.where(x > 0.5 * parting, 1, -1)
    push[:, 2] = -1.5 * before
    return push


def _comb(look: HairLook, style: Style, roots: Roots, front: np.ndarray) -> np.ndarray:
    """Where each strand is combed, along the scalp. (s, 3)"""
    side = np.sign(roots.neutral[:, 0] - look.parting)
    comb = np.tile(np.array(style.comb, np.float32), (len(roots), 1))
    comb[:, 0] += style.from_parting * side
    comb[:, 0] *= 1 - front
    comb += front[:, None] * np.array([0.0, -0.5, 1.1])
    comb -= roots.normals * (comb * roots.normals).sum(axis=1, keepdims=True)
    return comb


def _towards_knot(place: np.ndarray) -> np.ndarray:
    away = np.array([0.0, 5.5, -11.5]) - place
    return 1.2 * away / (np.linalg.norm(away, axis=1, keepdims=True) + 1.0)


def _bundle_noise(roots: Roots, rng: np.random.Generator) -> np.ndarray:
    """Neighbours stray together: a direction for each of many tufts. (s, 3)"""
    centres = roots.points[rng.integers(0, len(roots), 260)]
    tuft = cKDTree(centres).query(roots.points)[1]
    return rng.normal(0, 1, (260, 3))[tuft]


def _curls(style: Style, roots: Roots, lines: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Helices about the strands, in step within a tuft. (s, k, 3)"""
    if not style.curl:
        return np.zeros_like(lines)
    turns = np.linspace(0, style.points * 0.95, style.points)
    phase = _bundle_noise(roots, rng)[:, :1] * 2 + rng.normal(0, 0.5, (len(roots), 1))
    grow = np.minimum(1, np.arange(style.points) / 3) * style.curl
    return np.stack(
        [
            np.cos(turns + phase) * grow,
            0.4 * np.sin(2 * turns + phase) * grow,
            np.sin(turns + phase) * grow,
        ],
        axis=2,
    )


class _Surface:
    """Scalp, face and shoulders as points with normals, to keep strands outside."""

    def __init__(self, head: Head, base: np.ndarray, body: np.ndarray):
        outer = np.isin(head.vertex_materials, (Material.SKIN, Material.SCALP))
        normals = np.zeros_like(base)
        vertex_normals(base, head.triangles, normals)
        away = body - np.array([0.0, -30.0, -2.5])
        body_normals = away / np.linalg.norm(away, axis=1, keepdims=True)
        self.points = np.concatenate([base[outer], body])
        self.normals = np.concatenate([normals[outer], body_normals])
        self.tree = cKDTree(self.points)

    def hold(self, places: np.ndarray, clearance: np.ndarray, lies: float) -> np.ndarray:
        """Push points that are nearer than `clearance` out, and draw those beyond in by the share
        `lies`.
        """
        nearest = self.tree.query(places)[1]
        normals = self.normals[nearest]
        lacking = clearance - ((places - self.points[nearest]) * normals).sum(axis=1)
        near = np.abs(lacking) < 3
        return (
            places
            + normals
            * np.where(lacking > 0, np.minimum(lacking, 2.0), lies * lacking * near)[:, None]
        )


def _finish(
    crop: _Crop, lines: np.ndarray, offsets: np.ndarray, rng: np.random.Generator
) -> Strands:
    """Colour the strands and say how open to the light each point is."""
    look, style, roots, layers = crop[:4]
    count, points = lines.shape[:2]
    tone = np.exp(rng.normal(0, 0.22, (count, 1)) + 0.10 * _bundle_noise(roots, rng)[:, :1])
    grey = (rng.random((count, 1)) < look.greying) * rng.uniform(0.2, 0.8, (count, 1))
    colours = np.array(look.colour) * tone
    colours = colours + (linear(COLOURS["grey"]) - colours) * grey
    axis = np.array([0.0, 4.0, -1.0])
    low = np.minimum(lines[..., 1] - 4.0, 0)
    outward = lines - axis - np.stack([0 * low, low, 0 * low], axis=2)
    outward /= np.linalg.norm(outward, axis=2, keepdims=True) + 1e-6
    along = np.linspace(0, 1, points)[None]
    openness = (0.35 + 0.65 * layers[:, None]) * (0.55 + 0.45 * np.minimum(1, along * 2.5))
    inner = np.clip(1 - (np.linalg.norm(lines[..., ::2], axis=2) - 6) / 3, 0, 1) * (
        lines[..., 1] < -3
    )
    openness = openness * (1 - 0.7 * inner)
    return Strands(
        anchors=np.repeat(roots.anchors[:, None], points, axis=1),
        offsets=offsets.astype(np.float32),
        colours=colours.astype(np.float32),
        outward=outward.astype(np.float32),
        openness=openness.astype(np.float32),
        width_cm=(style.width * rng.uniform(0.7, 1.3, count)).astype(np.float32),
        shine=look.shine,
    )
