"""Textures of the wet parts: eyeballs, teeth, gums, tongue and the mouth's lining."""

from dataclasses import dataclass

import cv2
import numpy as np

from synthesis.render.patterns import draw_lines, grain, linear, ramp, slopes

EYE_SIZE = 384
MOUTH_SIZE = 256
IRISES = (
    (78, 48, 28),
    (95, 62, 34),
    (52, 32, 22),
    (62, 40, 26),
    (110, 85, 45),
    (95, 105, 70),
    (80, 105, 125),
    (105, 130, 145),
    (70, 90, 80),
    (40, 26, 20),
)
TEETH = ((238, 230, 212), (232, 220, 192), (224, 208, 172), (242, 238, 228), (214, 194, 156))


@dataclass(frozen=True)
class WetLook:
    """One person's eyes and mouth; colours are rows of the tables above."""

    iris: int
    iris_radius: float  # on the eyeball's texture
    pupil: float  # share of the iris
    bloodshot: float
    teeth: int
    teeth_stain: float
    gums_pink: float  # 0 dark, 1 pink
    tongue_coat: float

    @classmethod
    def draw(cls, rng: np.random.Generator, tone: float) -> "WetLook":
        """Light eyes on light skin only, teeth and gums as they come."""
        light_eyed = rng.random() < 0.65 * (1 - 1.6 * tone)
        return cls(
            iris=int(rng.integers(4, 9)) if light_eyed else int(rng.choice([0, 1, 2, 3, 9])),
            iris_radius=float(rng.uniform(0.140, 0.158)),
            pupil=float(rng.uniform(0.3, 0.5)),
            bloodshot=float(rng.beta(1.5, 3)),
            teeth=int(rng.integers(len(TEETH))),
            teeth_stain=float(rng.beta(1.5, 3)),
            gums_pink=float(np.clip(1 - tone * rng.uniform(0.2, 1.1), 0, 1)),
            tongue_coat=float(rng.uniform(0, 0.6)),
        )


def _texture(colour: np.ndarray, relief: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    along_u, along_v = slopes(relief)
    planes = [
        np.clip(colour, 0.002, 0.95),
        along_u[..., None],
        along_v[..., None],
        gloss[..., None],
    ]
    return np.concatenate(planes, axis=2).astype(np.float32)


def paint_eye(look: WetLook, rng: np.random.Generator) -> np.ndarray:
    """Sclera with veins, limbus, iris with fibres and pupil, seen along the eye's axis.

    (size, size, 6)
    """
    axis = (np.arange(EYE_SIZE, dtype=np.float32) + 0.5) / EYE_SIZE - 0.5
    x, y = np.meshgrid(axis, -axis)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    colour = np.ones((EYE_SIZE, EYE_SIZE, 3), np.float32) * linear((208, 199, 191))
    flush = ramp(radius, 0.16, 0.36) * (0.3 + 0.5 * look.bloodshot)
    colour *= 1 - flush[..., None] * np.array([0.42, 0.45, 0.12], np.float32)
    veins = draw_lines((EYE_SIZE, EYE_SIZE), _veins(rng, int(10 + 30 * look.bloodshot)), 1, 0.7)
    colour *= 1 - (veins * (0.25 + 0.6 * look.bloodshot))[..., None] * np.array(
        [0.7, 0.7, 0.2], np.float32
    )
    share = 1 - ramp(radius, look.iris_radius - 0.006, look.iris_radius + 0.012)
    iris = _iris(look, rng, radius / look.iris_radius, angle)
    colour = colour + (iris - colour) * share[..., None]
    gloss = np.full(radius.shape, 0.55, np.float32) + 1.1 * share
    return _texture(colour, np.zeros_like(radius), gloss)


def _veins(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    lines = []
    for _ in range(count):
        angle, reach = (
            rng.choice([0, np.pi]) + rng.normal(0, 0.6),
            np.linspace(0.45, rng.uniform(0.2, 0.3), 8),
        )
        bends = angle + np.cumsum(rng.normal(0, 0.05, 8))
        lines.append(
            (np.column_stack([reach * np.cos(bends), -reach * np.sin(bends)]) + 0.5) * EYE_SIZE
        )
    return lines


def _iris(
    look: WetLook, rng: np.random.Generator, reach: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """Iris and pupil. reach: distance from the middle over the iris's radius"""
    waves = sum(
        rng.normal(0, 0.09) * np.sin(angle * k + rng.uniform(0, 6)) for k in (7, 13, 23, 37, 51, 64)
    )
    fibres = 1 + waves * (1.4 - reach)
    collar = 1 + 0.25 * np.exp(-(((reach - look.pupil - 0.18) / 0.12) ** 2))
    limbus = 1 - 0.72 * ramp(reach, 0.72, 1.0)
    shade = (fibres * collar * limbus)[..., None]
    warm_centre = np.exp(-(((reach - look.pupil) / 0.25) ** 2))[..., None] * np.array(
        [-0.1, 0.05, 0.25]
    )
    iris = linear(IRISES[look.iris]) * 1.25 * shade * (1 + warm_centre)
    pupil = ramp(reach, look.pupil - 0.06, look.pupil + 0.06)[..., None]
    return (0.004 + (iris - 0.004) * pupil).astype(np.float32)


def _plain(
    rng: np.random.Generator, base: np.ndarray, unevenness: float, bumps: float, gloss: float
) -> np.ndarray:
    shape = (MOUTH_SIZE, MOUTH_SIZE)
    noise = 0.7 * grain(rng, shape, 12) + 0.5 * grain(rng, shape, 3)
    colour = base * (1 + unevenness * noise)[..., None]
    return _texture(colour, bumps * grain(rng, shape, 2), np.full(shape, gloss, np.float32))


def paint_teeth(look: WetLook, rng: np.random.Generator) -> np.ndarray:
    """Enamel: ivory, unevenly stained."""
    enamel = linear(TEETH[look.teeth]) * (0.86 - 0.12 * look.teeth_stain)
    texture = _plain(rng, enamel, 0.03 + 0.03 * look.teeth_stain, 0.02, 0.16)
    stain = ramp(grain(rng, texture.shape[:2], 24), 0.2, 2.0) * look.teeth_stain
    texture[..., :3] *= 1 - stain[..., None] * np.array([0.4, 0.22, 0.1], np.float32)
    return texture


def paint_gums(look: WetLook, rng: np.random.Generator) -> np.ndarray:
    """Gums: pink, or with the brown of dark skin."""
    base = look.gums_pink * linear((196, 112, 112)) + (1 - look.gums_pink) * linear((122, 72, 74))
    return _plain(rng, base, 0.06, 0.05, 0.3)


def paint_tongue(look: WetLook, rng: np.random.Generator) -> np.ndarray:
    """Tongue: red-pink, coated, rough."""
    base = (
        linear((188, 96, 98)) * (1 - look.tongue_coat) + linear((205, 148, 142)) * look.tongue_coat
    )
    return _plain(rng, base, 0.09, 0.14, 0.22)


def paint_lining(look: WetLook, rng: np.random.Generator) -> np.ndarray:
    """The inside of the cheeks and the throat; also the hollow round the eyeball."""
    return _plain(rng, linear((146, 62, 62)) * (0.6 + 0.4 * look.gums_pink), 0.05, 0.05, 0.12)


def resize_texture(texture: np.ndarray, size: int) -> np.ndarray:
    """A smaller copy, so that a small picture does not skip texels."""
    if texture.shape[0] <= size:
        return texture
    planes = [
        cv2.resize(texture[..., k : k + 3], (size, size), interpolation=cv2.INTER_AREA)
        for k in (0, 3)
    ]
    return np.concatenate(planes, axis=2)
