"""One speaker made drawable: shape, textures, strands, clothes and glasses, put together once."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from synthesis.figure.clothes import NECK_HEIGHT, build_torso, paint_cloth
from synthesis.figure.facial_hair import beard_field, brow_field, grow_facial_hair
from synthesis.figure.glasses import Part, build_glasses, frame_colour
from synthesis.figure.hair import ear_share, grow_hair, hairline, thicken_scalp
from synthesis.figure.head import Head, Material
from synthesis.figure.mouth_and_eyes import (
    paint_eye,
    paint_gums,
    paint_lining,
    paint_teeth,
    paint_tongue,
)
from synthesis.figure.skin import PAINT_SIZE, Canvas, paint_skin
from synthesis.figure.speaker import Speaker
from synthesis.render.lights import sky_share
from synthesis.render.patterns import grain, ramp
from synthesis.render.strands import Strands

NECK_PIVOT = np.array([0.0, -5.0, -1.5], np.float32)  # about which the head turns, cm
TWO_SIDED = (Material.CLOTH, Material.FRAME, Material.LENS)


@dataclass(frozen=True, eq=False)
class Figure:
    """A speaker's mesh. The first `head_vertices` points are the head's and take the expressions.

    follow: 1 = moves with the head, 0 = stays with the body, between on the neck.
    """

    head: Head
    base: np.ndarray  # (n, 3)
    triangles: np.ndarray  # (t, 3)
    corner_uvs: np.ndarray  # (t, 3, 2)
    materials: np.ndarray  # (t,)
    vertex_materials: np.ndarray  # (n,)
    two_sided: np.ndarray  # (t,) bool
    follow: np.ndarray  # (n,)
    occlusion: np.ndarray  # (n,)
    textures: dict[Material, np.ndarray]
    strands: list[Strands]

    @property
    def head_vertices(self) -> int:
        """How many of the points are the head's."""
        return len(self.head.neutral)


@lru_cache(maxsize=2)
def build_figure(head: Head, speaker: Speaker) -> Figure:
    """Grow, dress and paint a speaker; the last two are remembered, for their next clips."""
    rng = np.random.default_rng(speaker.seed)
    modes = min(len(head.identities), len(speaker.identity))
    shape = head.neutral + np.tensordot(
        np.array(speaker.identity[:modes], np.float32), head.identities[:modes], axes=1
    )
    capped = thicken_scalp(head, speaker.hair, shape.astype(np.float32))
    neck = shape[
        (np.abs(head.neutral[:, 1] - NECK_HEIGHT) < 0.7) & (head.vertex_materials <= Material.SCALP)
    ]
    torso = build_torso(neck, speaker.clothes)
    parts = [Part(torso.points, torso.triangles, Material.CLOTH)]
    if speaker.glasses:
        parts += build_glasses(head, speaker.glasses, capped)
    hair = grow_hair(head, speaker.hair, capped, torso.points, rng)
    strands = grow_facial_hair(
        head, speaker.facial_hair, capped, np.array(speaker.hair.colour), speaker.skin.base, rng
    )
    textures = paint_textures(head, speaker, torso, rng)
    mesh = _join(head, capped, parts, torso.corner_uvs)
    shaders = (
        hair.offsets.reshape(-1, 3) + mesh["base"][hair.anchors.ravel()]
        if hair
        else np.zeros((0, 3), np.float32)
    )
    return Figure(
        head=head,
        textures=textures,
        **mesh,
        occlusion=_occlusion(head, mesh, shaders.astype(np.float32)),
        strands=([hair] if hair else []) + strands,
    )


def _join(
    head: Head, base: np.ndarray, parts: list[Part], torso_uvs: np.ndarray
) -> dict[str, np.ndarray]:
    """Head and parts as one mesh, less what the clothes hide."""
    seen = ~_under_clothes(head, base)
    points, triangles, materials = [base], [head.triangles[seen]], [head.materials[seen]]
    uvs = [head.corner_uvs[seen], torso_uvs]
    start = len(base)
    for part in parts:
        points.append(part.points)
        triangles.append(part.triangles + start)
        materials.append(np.full(len(part.triangles), part.material, np.uint8))
        if part.material != Material.CLOTH:
            uvs.append(np.full((len(part.triangles), 3, 2), 0.5, np.float32))
        start += len(part.points)
    materials, triangles = (
        np.concatenate(materials),
        np.ascontiguousarray(np.concatenate(triangles), np.int32),
    )
    base = np.concatenate(points).astype(np.float32)
    vertex_materials = np.zeros(len(base), np.uint8)
    vertex_materials[triangles.ravel()] = np.repeat(materials, 3)
    follow = np.where(np.arange(len(base)) < len(head.neutral), _neck_follow(head, base), 1.0)
    return {
        "base": base,
        "triangles": triangles,
        "corner_uvs": np.ascontiguousarray(np.concatenate(uvs), np.float32),
        "materials": materials,
        "vertex_materials": vertex_materials,
        "two_sided": np.isin(materials, TWO_SIDED),
        "follow": np.where(vertex_materials == Material.CLOTH, 0, follow).astype(np.float32),
    }


def _neck_follow(head: Head, base: np.ndarray) -> np.ndarray:
    share = np.ones(len(base), np.float32)
    share[: len(head.neutral)] = ramp(head.neutral[:, 1], -13.5, -7.0)
    share[: len(head.neutral)][head.vertex_materials > Material.SCALP] = 1
    return share


def _under_clothes(head: Head, base: np.ndarray) -> np.ndarray:
    """Triangles of the bust that lie below the collar: lower in front than behind. (t,) bool"""
    x, y, z = head.neutral.T
    below = y < np.interp(z, (-8, -2, 5), (-12.0, -12.4, -14.6))
    flared = (np.abs(x) > 6.7) & (y < -10.5)  # where the neck widens into the shoulders
    hidden = below[head.triangles].all(axis=1) | flared[head.triangles].any(axis=1)
    return hidden & (head.materials <= Material.SCALP)


def _occlusion(head: Head, mesh: dict[str, np.ndarray], hair: np.ndarray) -> np.ndarray:
    """The sky's share with lips a little open; the eyes' lids are allowed for frame by frame."""
    points = mesh["base"].copy()
    if "jawOpen" in head.expression_index:
        points[: len(head.neutral)] += 0.15 * head.expressions[head.expression_index["jawOpen"]]
    share = sky_share(points, mesh["triangles"], hair)
    scalp = hairline_share(head)
    share[: len(scalp)] = np.maximum(share[: len(scalp)], 0.25 * scalp)
    return np.clip(share * 1.08, 0.04, 1).astype(np.float32)


def hairline_share(head: Head) -> np.ndarray:
    """1 on the outer head: its skin is never quite black under the hair. (n,)"""
    return (head.vertex_materials <= Material.SCALP).astype(np.float32)


def paint_textures(
    head: Head, speaker: Speaker, torso: object, rng: np.random.Generator
) -> dict[Material, np.ndarray]:
    """All textures of a speaker by material."""
    seeds = rng.integers(2**62, size=2)
    faces = {}
    for material in (Material.SKIN, Material.SCALP):
        canvas = paint_skin(head, speaker.skin, np.random.default_rng(seeds[0]), material)
        paint_hair_base(head, speaker, canvas, np.random.default_rng(seeds[1]), material)
        faces[material] = canvas.finish(0.55)
    frame = frame_colour(speaker.glasses) if speaker.glasses else np.zeros(3)
    return {
        **faces,
        Material.GUMS: paint_gums(speaker.wet, rng),
        Material.TONGUE: paint_tongue(speaker.wet, rng),
        Material.TEETH: paint_teeth(speaker.wet, rng),
        Material.EYE: paint_eye(speaker.wet, rng),
        Material.SOCKET: paint_lining(speaker.wet, rng),
        Material.CLOTH: paint_cloth(speaker.clothes, torso, speaker.skin.base, rng),
        Material.FRAME: _flat(frame, 0.35),
        Material.LENS: _flat(np.array([0.012, 0.010, 0.010]), 0.8),
    }


def _flat(colour: np.ndarray, gloss: float) -> np.ndarray:
    texture = np.zeros((4, 4, 6), np.float32)
    texture[..., :3], texture[..., 5] = colour, gloss
    return texture


def paint_hair_base(
    head: Head, speaker: Speaker, canvas: Canvas, rng: np.random.Generator, material: Material
) -> None:
    """The shade of hair on the skin: scalp under the strands, shaven heads, stubble, the brows'
    ground.
    """
    axis = (np.arange(PAINT_SIZE, dtype=np.float32) + 0.5) / PAINT_SIZE
    uvs = np.stack(np.meshgrid(axis, 1 - axis), axis=2)
    hair = np.array(speaker.hair.colour, np.float32)
    fine = np.clip(0.55 + 0.35 * grain(rng, canvas.shape, 1.4), 0, 1)
    if speaker.hair.style != "none":
        soft = 0.35 * grain(rng, canvas.shape, 5)
        share = ramp(hairline(speaker.hair, canvas.positions) + soft, -0.35, 1.3)
        if material == Material.SKIN:
            share = share * (1 - ear_share(uvs))
        shaven = speaker.hair.style == "shaved"
        canvas.cover(share * (0.45 * fine if shaven else 0.93), hair * (0.5 if not shaven else 0.8))
        canvas.gloss *= 1 - 0.8 * share * (not shaven)
    if material == Material.SKIN:
        beard = speaker.facial_hair.beard
        share = beard_field(speaker.facial_hair, canvas.positions)
        depth = {"none": 0, "stubble": 0.5}.get(beard, 0.75)
        canvas.cover(share * depth * fine, np.minimum(hair * 0.7, speaker.skin.base * 0.35))
        canvas.gloss *= 1 - 0.6 * share
        brows = brow_field(head, speaker.facial_hair, canvas.positions)
        ground = cv2.GaussianBlur(brows * fine, (0, 0), 2.0) * (
            0.35 + 0.45 * speaker.facial_hair.brow_density
        )
        canvas.cover(ground, np.minimum(hair * 0.6, speaker.skin.base * 0.3))
