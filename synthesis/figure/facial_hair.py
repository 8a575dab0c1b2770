"""Brows, lashes, beards and stubble: short strands that move with the skin, and the shade under
them.
"""

from dataclasses import dataclass

import numpy as np

from synthesis.figure.head import Head, Material
from synthesis.figure.scatter import Roots, scatter_roots
from synthesis.render.patterns import ramp, smooth_curve
from synthesis.render.strands import Strands

BEARDS = ("none", "stubble", "short", "full", "moustache", "goatee")
POINTS = 4


@dataclass(frozen=True)
class FacialHairLook:
    """Brows, lashes and beard of one person."""

    brow_height: float  # cm, of the band at its widest
    brow_density: float
    brow_lift: float  # cm
    brow_shade: float  # 0 as dark as can be, 1 the hair's colour
    lash_cm: float
    lash_thick: float
    beard: str
    beard_length: float  # cm

    @classmethod
    def draw(cls, rng: np.random.Generator, feminine: bool) -> "FacialHairLook":
        """Thinner brows and longer lashes on the feminine side, beards on the other."""
        beard = (
            "none" if feminine else str(rng.choice(BEARDS, p=(0.38, 0.24, 0.13, 0.1, 0.07, 0.08)))
        )
        return cls(
            brow_height=float(rng.uniform(0.3, 0.5) if feminine else rng.uniform(0.4, 0.75)),
            brow_density=float(rng.uniform(0.4, 1)),
            brow_lift=float(rng.normal(0.15, 0.12)),
            brow_shade=float(rng.uniform(0.2, 1)),
            lash_cm=float(rng.uniform(0.6, 1.0) if feminine else rng.uniform(0.35, 0.7)),
            lash_thick=float(rng.uniform(0.5, 1) if feminine else rng.uniform(0.2, 0.6)),
            beard=beard,
            beard_length=float(rng.uniform(0.5, 1.4) if beard == "full" else rng.uniform(0.2, 0.6)),
        )


def beard_field(look: FacialHairLook, positions: np.ndarray) -> np.ndarray:
    """How densely the beard grows, 0 to 1, lips left free.

    positions: (..., 3) on the neutral head
    """
    x, y, z = np.moveaxis(positions, -1, 0)
    side = np.abs(x)
    if look.beard == "none":
        return np.zeros_like(x)
    cheek_line = np.interp(side, (0, 2.5, 4.5, 6.5, 7.6), (-1.5, -2.2, -2.9, -1.0, 3.0))
    jaw = ramp(y - cheek_line, 0.35, -0.5) * ramp(y, -10.5, -8.8) * ramp(z, 2.4, 3.6)
    lips = ramp(np.hypot(x / 2.75, (y + 3.45) / 1.15), 0.92, 1.12)
    moustache = ramp(side, 2.9, 2.4) * ramp(y, -1.0, -1.4) * ramp(y, -4.2, -3.6) * ramp(z, 9.0, 9.6)
    goatee = ramp(side, 2.6, 2.0) * ramp(y, -8.8, -8.0) * ramp(y, -3.0, -3.8) * ramp(z, 6.5, 8.0)
    chosen = {"moustache": moustache, "goatee": np.maximum(goatee, moustache)}.get(
        look.beard, np.maximum(jaw, moustache)
    )
    return (chosen * lips).astype(np.float32)


def brow_field(head: Head, look: FacialHairLook, positions: np.ndarray) -> np.ndarray:
    """How densely the brows grow, 0 to 1. positions: (..., 3) on the neutral head"""
    curve = smooth_curve(head.neutral[head.landmarks[17:22]], 40)  # from the outer end to the inner
    order = np.argsort(curve[:, 0])
    side = -np.abs(positions[..., 0])
    middle = np.interp(side, curve[order, 0], curve[order, 1]) + look.brow_lift - 0.3
    along = (side - curve[0, 0]) / (curve[-1, 0] - curve[0, 0])
    half = 0.5 * look.brow_height * (0.35 + 0.65 * ramp(along, 0.0, 0.55)) * ramp(along, 1.12, 0.85)
    band = ramp(np.abs(positions[..., 1] - middle), half + 0.12, half * 0.5)
    ends = ramp(along, -0.05, 0.08) * ramp(along, 1.08, 0.98) * (positions[..., 2] > 5)
    return (band * ends).astype(np.float32)


def grow_facial_hair(
    head: Head,
    look: FacialHairLook,
    base: np.ndarray,
    hair: np.ndarray,
    skin: np.ndarray,
    rng: np.random.Generator,
) -> list[Strands]:
    """Brows, lashes and beard. hair, skin: albedos (3,) that their colours are taken from"""
    dark = np.minimum(hair * 0.9, skin * 0.42)
    brow = dark * (1 - look.brow_shade) * 0.6 + dark * look.brow_shade
    strands = [_brows(head, look, base, brow, rng), _lashes(head, look, rng)]
    if look.beard not in ("none", "stubble"):
        strands.append(_beard(head, look, base, np.minimum(hair, skin * 0.5), rng))
    return strands


def _short_strands(
    roots: Roots,
    direction: np.ndarray,
    lengths: np.ndarray,
    colour: np.ndarray,
    base: np.ndarray,
    rng: np.random.Generator,
    *,
    width: float,
) -> Strands:
    """Strands from `roots` that bend from the skin's normal into `direction`."""
    along = np.linspace(0, 1, POINTS)[None, :, None]
    reach = lengths[:, None, None] * along
    rise = roots.normals[:, None] * (0.03 + 0.35 * reach * (1 - 0.5 * along))
    lines = roots.points[:, None] + rise + direction[:, None] * reach
    count = len(roots)
    return Strands(
        anchors=np.repeat(roots.anchors[:, None], POINTS, axis=1),
        offsets=(lines - base[roots.anchors][:, None]).astype(np.float32),
        colours=(colour * np.exp(rng.normal(0, 0.2, (count, 1)))).astype(np.float32),
        outward=np.repeat(roots.normals[:, None], POINTS, axis=1).astype(np.float32),
        openness=np.full((count, POINTS), 0.8, np.float32),
        width_cm=np.full(count, width, np.float32),
        shine=0.2,
        fine=True,
    )


def _brows(
    head: Head, look: FacialHairLook, base: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> Strands:
    field = brow_field(head, look, head.neutral) * (head.vertex_materials == Material.SKIN)
    roots = scatter_roots(head, base, rng, int(700 * look.brow_density), lambda v: field[v])
    side = np.sign(roots.points[:, :1])
    inner = ramp(np.abs(roots.neutral[:, :1]), 3.5, 1.0)
    direction = np.concatenate(
        [side * (1 - 0.7 * inner), 0.15 + 0.9 * inner, -0.25 + 0 * inner], axis=1
    )
    direction += rng.normal(0, 0.18, direction.shape)
    return _short_strands(
        roots, direction, rng.uniform(0.18, 0.42, len(roots)), colour, base, rng, width=0.045
    )


def _beard(
    head: Head, look: FacialHairLook, base: np.ndarray, colour: np.ndarray, rng: np.random.Generator
) -> Strands:
    field = beard_field(look, head.neutral) * (head.vertex_materials == Material.SKIN)
    roots = scatter_roots(head, base, rng, 4500, lambda v: field[v])
    direction = np.array([0.0, -0.8, 0.15]) + rng.normal(0, 0.28, (len(roots), 3))
    longest = min(look.beard_length, 0.35) if look.beard == "moustache" else look.beard_length
    lengths = longest * rng.uniform(0.6, 1.2, len(roots))
    return _short_strands(roots, direction, lengths, colour, base, rng, width=0.06)


def _lashes(head: Head, look: FacialHairLook, rng: np.random.Generator) -> Strands:
    """Lashes run along the head's own lash vertices, so that they close with the lids."""
    columns = np.concatenate([head.lashes] * 3)
    count, points = columns.shape
    neighbour = np.concatenate([head.lashes] + [np.roll(head.lashes, 1, axis=0)] * 2)
    share = np.repeat([0.0, 0.33, 0.67], len(head.lashes))[:, None, None]
    own, next_one = head.neutral[columns], head.neutral[neighbour]
    near = np.linalg.norm(next_one[:, :1] - own[:, :1], axis=2, keepdims=True) < 0.6
    lines = own + (next_one - own) * share * near
    lines = lines[:, :1] + (lines - lines[:, :1]) * look.lash_cm * rng.uniform(
        0.7, 1.1, (count, 1, 1)
    )
    shade = np.tile(np.array([0.006, 0.006, 0.008], np.float32), (count, 1))
    return Strands(
        anchors=columns.astype(np.int32),
        offsets=(lines - own).astype(np.float32),
        colours=shade,
        outward=np.tile(np.array([0, 0, 1], np.float32), (count, points, 1)),
        openness=np.full((count, points), 0.6, np.float32),
        width_cm=np.full(count, 0.02 + 0.03 * look.lash_thick, np.float32),
        shine=0.1,
        fine=True,
    )
