"""Skin: its tone over all human tones, and everything that is painted upon it, lips included."""

from dataclasses import dataclass

import cv2
import numpy as np

from synthesis.figure.head import Head, Material
from synthesis.render.patterns import (
    blob,
    draw_lines,
    grain,
    linear,
    mix,
    slopes,
    smooth_curve,
    solid_noise,
)

PAINT_SIZE = 1024
# sRGB from the lightest to the darkest skin.
TONES = (
    (244, 214, 198),
    (236, 196, 172),
    (224, 178, 148),
    (205, 155, 121),
    (180, 128, 94),
    (150, 102, 72),
    (118, 77, 54),
    (88, 57, 42),
    (64, 42, 33),
)
LIPSTICKS = (
    (150, 30, 45),
    (180, 45, 60),
    (120, 20, 50),
    (190, 85, 85),
    (160, 70, 90),
    (95, 30, 45),
)


@dataclass(frozen=True)
class SkinLook:
    """One person's skin. Amounts are 0 (none) to 1 (much) unless said."""

    tone: float  # 0 lightest, 1 darkest
    undertone: float  # below 0 rosy, above 0 olive
    redness: float
    mottling: float
    freckles: float
    moles: int
    age: float  # wrinkles
    pores: float
    oil: float
    tired: float  # dark round the eyes
    liner: float  # dark rim of the lids
    blush: float
    lip_redness: float
    lipstick: int | None  # which of LIPSTICKS
    lip_gloss: float

    @classmethod
    def draw(cls, rng: np.random.Generator, feminine: bool) -> "SkinLook":
        """Tones evenly from light to dark; freckles mostly on light skin; make-up by style."""
        tone = float(rng.uniform(0, 1))
        made_up = feminine and rng.random() < 0.55
        freckled = rng.random() < 0.3 * (1 - tone)
        return cls(
            tone=tone,
            undertone=float(rng.normal(0, 0.5)),
            redness=float(rng.uniform(0, 1)),
            mottling=float(rng.uniform(0.3, 1)),
            freckles=float(rng.uniform(0.3, 1)) if freckled else 0.0,
            moles=int(rng.integers(0, 6)),
            age=float(rng.beta(1.3, 2.0)),
            pores=float(rng.uniform(0.3, 1)),
            oil=float(rng.beta(2, 2.5)),
            tired=float(rng.beta(1.5, 2)),
            liner=float(rng.uniform(0.4, 1)) if made_up else float(rng.uniform(0.05, 0.35)),
            blush=float(rng.uniform(0.2, 1)) if made_up else 0.0,
            lip_redness=float(rng.uniform(0, 1)),
            lipstick=int(rng.integers(len(LIPSTICKS))) if made_up and rng.random() < 0.7 else None,
            lip_gloss=float(rng.uniform(0.15, 0.6) + 0.3 * made_up),
        )

    @property
    def base(self) -> np.ndarray:
        """The skin's mean albedo. (3,) linear BGR"""
        place = self.tone * (len(TONES) - 1)
        low = min(int(place), len(TONES) - 2)
        colour = linear(TONES[low]) + (place - low) * (linear(TONES[low + 1]) - linear(TONES[low]))
        tint = np.array([-0.07, 0.03, -0.03], np.float32) * self.undertone
        return (colour * (1 + tint) * np.float32(0.92)).astype(np.float32)

    @property
    def lips(self) -> np.ndarray:
        """The lips' albedo without lipstick. (3,) linear BGR"""
        tint = np.array([0.62, 0.55, 0.98]) - np.array([0.12, 0.16, 0.05]) * self.lip_redness
        return (self.base * tint * (1 - 0.1 * self.tone)).astype(np.float32)


class Canvas:
    """One texture while it is painted: albedo, relief (about cm) and gloss over the places of its
    texels.
    """

    def __init__(self, positions: np.ndarray, base: np.ndarray, gloss: float):
        self.positions = cv2.resize(
            positions, (PAINT_SIZE, PAINT_SIZE), interpolation=cv2.INTER_LINEAR
        )
        self.coarse = cv2.resize(
            positions, (PAINT_SIZE // 4, PAINT_SIZE // 4), interpolation=cv2.INTER_LINEAR
        )
        self.shape = (PAINT_SIZE, PAINT_SIZE)
        self.colour = np.ones((*self.shape, 3), np.float32) * base
        self.relief = np.zeros(self.shape, np.float32)
        self.gloss = np.full(self.shape, gloss, np.float32)

    def tint(self, share: np.ndarray, factor: tuple[float, float, float]) -> None:
        """Multiply the colour towards `factor` (BGR) where `share` is 1."""
        self.colour *= 1 + share[..., None] * (np.array(factor, np.float32) - 1)

    def cover(self, share: np.ndarray, colour: np.ndarray) -> None:
        """Lay an opaque colour on where `share` is 1."""
        self.colour = mix(self.colour, colour, np.clip(share, 0, 1))

    def blob(self, centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
        """A soft spot in space, by symmetry on both sides of the face. (size, size)"""
        mirrored = (-centre[0], *centre[1:])
        spot = np.maximum(blob(self.coarse, centre, radii), blob(self.coarse, mirrored, radii))
        return cv2.resize(spot, self.shape[::-1], interpolation=cv2.INTER_LINEAR)

    def finish(self, relief_scale: float = 1.0) -> np.ndarray:
        """The texture as the shader takes it. (size, size, 6) float32"""
        along_u, along_v = slopes(self.relief * relief_scale)
        planes = [
            np.clip(self.colour, 0.003, 0.95),
            along_u[..., None],
            along_v[..., None],
            self.gloss[..., None],
        ]
        return np.concatenate(planes, axis=2).astype(np.float32)


def to_pixels(uvs: np.ndarray) -> np.ndarray:
    """Texel coordinates of (u, v) points. (n, 2) -> (n, 2)"""
    return np.column_stack([uvs[:, 0] * PAINT_SIZE, (1 - uvs[:, 1]) * PAINT_SIZE])


def paint_skin(head: Head, look: SkinLook, rng: np.random.Generator, material: Material) -> Canvas:
    """Bare skin of the face, or of the scalp and the neck's back.

    Call with equal `rng` for seams that match.
    """
    canvas = Canvas(head.position_maps[material], look.base, 0.05 + 0.09 * look.oil)
    paint_base(canvas, look, rng)
    if material == Material.SKIN:
        landmarks, pixels = head.neutral[head.landmarks], to_pixels(head.landmark_uvs)
        paint_flush(canvas, look, landmarks)
        paint_spots(canvas, look, rng)
        paint_pores(canvas, look, rng)
        paint_wrinkles(canvas, look, pixels, rng)
        paint_lids(canvas, look, pixels)
        paint_lips(canvas, look, pixels, rng)
    return canvas


def paint_base(canvas: Canvas, look: SkinLook, rng: np.random.Generator) -> None:
    """Uneven pigment and blood, from patches of centimetres down to millimetres."""
    amounts = ((5.0, 0.035), (1.8, 0.03), (0.7, 0.03), (0.25, 0.025))
    pigment = sum(amount * solid_noise(rng, canvas.coarse, cell) for cell, amount in amounts)
    blood = 0.03 * solid_noise(rng, canvas.coarse, 2.5) + 0.02 * solid_noise(
        rng, canvas.coarse, 0.6
    )
    pigment, blood = (
        cv2.resize(n, canvas.shape[::-1], interpolation=cv2.INTER_CUBIC) for n in (pigment, blood)
    )
    canvas.colour *= 1 + (look.mottling * pigment)[..., None] * np.array(
        [1.2, 1.0, 0.7], np.float32
    )
    canvas.colour *= 1 + (look.mottling * blood)[..., None] * np.array([-1, -1.2, 0.5], np.float32)
    canvas.gloss *= 1 + 0.25 * cv2.resize(solid_noise(rng, canvas.coarse, 0.8), canvas.shape[::-1])


def paint_flush(canvas: Canvas, look: SkinLook, landmarks: np.ndarray) -> None:
    """Blood near the surface (cheeks, nose, ears, chin), shadowed eyes, oil on brow and nose."""
    nose, chin = landmarks[30], landmarks[8]
    warm = (0.80 - 0.12 * look.tone, 0.76, 1.04)
    cheeks = canvas.blob((4.3, 0.3, 9.0), (1.7, 1.5, 3))
    canvas.tint(cheeks * (0.25 + 0.7 * look.redness), warm)
    canvas.tint(cheeks * look.blush * 0.6, (0.75, 0.62, 1.05))
    canvas.tint(canvas.blob(nose, (1.1, 1.0, 1.6)) * (0.25 + 0.6 * look.redness), warm)
    canvas.tint(canvas.blob((8.4, 2.0, 0.0), (1.0, 3.0, 2.5)) * 0.8, warm)
    canvas.tint(canvas.blob(chin + [0, 0.8, 0], (1.5, 0.9, 2.0)) * 0.35 * look.redness, warm)
    canvas.tint(
        canvas.blob((3.1, 2.4, 9.0), (1.4, 0.6, 2.0)) * (0.15 + 0.5 * look.tired),
        (0.82, 0.72, 0.76),
    )
    canvas.tint(canvas.blob((3.1, 4.4, 9.0), (1.6, 0.6, 2.0)) * 0.25, (0.80, 0.76, 0.86))
    oily = (
        canvas.blob((0, 7.5, 10.5), (3.5, 1.6, 3)) + canvas.blob(nose, (1.0, 1.6, 2)) + 0.5 * cheeks
    )
    canvas.gloss *= 1 + oily * 1.3


def paint_spots(canvas: Canvas, look: SkinLook, rng: np.random.Generator) -> None:
    """Freckles over nose and cheeks, moles anywhere."""
    freckles = np.zeros(canvas.shape, np.float32)
    for _ in range(int(look.freckles * 900)):
        place = (rng.normal(0.5, 0.13), 1 - rng.normal(0.62, 0.08))
        centre = tuple(int(p * PAINT_SIZE * 8) for p in place)
        cv2.circle(
            freckles,
            centre,
            int(rng.uniform(5, 20)),
            float(rng.uniform(0.15, 0.6)),
            -1,
            cv2.LINE_AA,
            3,
        )
    canvas.tint(np.clip(cv2.GaussianBlur(freckles, (0, 0), 1.2), 0, 1), (0.42, 0.52, 0.70))
    for _ in range(look.moles):
        mole = np.zeros(canvas.shape, np.float32)
        centre = (
            int(rng.uniform(0.2, 0.8) * PAINT_SIZE),
            int(rng.uniform(0.12, 0.85) * PAINT_SIZE),
        )
        cv2.circle(mole, centre, int(rng.integers(2, 6)), 1.0, -1, cv2.LINE_AA)
        mole = cv2.GaussianBlur(mole, (0, 0), 1.0)
        canvas.tint(mole * float(rng.uniform(0.4, 0.9)), (0.30, 0.36, 0.48))
        canvas.relief += mole * 0.6


def paint_pores(canvas: Canvas, look: SkinLook, rng: np.random.Generator) -> None:
    """Fine relief that breaks the highlights up."""
    fine, coarse = grain(rng, canvas.shape, 1.3), grain(rng, canvas.shape, 3.2)
    pits = np.clip(fine - 0.8, 0, 2)
    canvas.relief += look.pores * (0.10 * fine + 0.16 * coarse - 0.25 * pits)
    canvas.colour *= 1 - (0.05 * look.pores * pits + 0.012 * fine)[..., None]


def paint_wrinkles(
    canvas: Canvas, look: SkinLook, pixels: np.ndarray, rng: np.random.Generator
) -> None:
    """Folds from nose to mouth, forehead lines, crow's feet, rings of the neck, deeper with age."""
    unit = PAINT_SIZE / 1024
    folds = draw_lines(canvas.shape, _cheek_folds(pixels, unit), 3, 5 * unit)
    fine = draw_lines(
        canvas.shape, _forehead_lines(rng, unit) + _crows_feet(pixels, unit), 2, 2.2 * unit
    )
    rings = draw_lines(canvas.shape, _neck_rings(rng), 3, 4 * unit)
    for lines, depth in (
        (folds, 3.5 * (0.25 + look.age)),
        (fine, 2.4 * look.age**1.5),
        (rings, 2.5 * look.age),
    ):
        canvas.relief -= lines * depth
        canvas.tint(lines * min(1.0, 0.09 * depth), (0.70, 0.66, 0.78))


def _cheek_folds(pixels: np.ndarray, unit: float) -> list[np.ndarray]:
    folds = []
    for wing, corner, side in ((31, 48, -1), (35, 54, 1)):
        start = pixels[wing] + np.array([side * 26, -8]) * unit
        end = pixels[corner] + np.array([side * 34, 16]) * unit
        middle = (start + end) / 2 + np.array([side * 14, -4]) * unit
        folds.append(smooth_curve(np.stack([start, middle, end]), 20))
    return folds


def _forehead_lines(rng: np.random.Generator, unit: float) -> list[np.ndarray]:
    lines = []
    for height in np.linspace(0.845, 0.93, int(rng.integers(2, 5))):
        across = np.linspace(rng.uniform(0.3, 0.36), rng.uniform(0.64, 0.7), 7)
        rows = 1 - height + rng.normal(0, 0.003, 7) + 0.02 * ((across - 0.5) / 0.2) ** 2
        lines.append(smooth_curve(np.column_stack([across, rows]) * PAINT_SIZE, 40))
    return lines


def _crows_feet(pixels: np.ndarray, unit: float) -> list[np.ndarray]:
    feet = []
    for corner, side in ((36, -1), (45, 1)):
        for rise in (-26, -4, 18, 36):
            start = pixels[corner] + np.array([side * 16, rise * 0.4]) * unit
            end = pixels[corner] + np.array([side * 58, rise * 1.3]) * unit
            feet.append(np.stack([start, (start + end) / 2 + [0, 2 * unit], end]))
    return feet


def _neck_rings(rng: np.random.Generator) -> list[np.ndarray]:
    rings = []
    for height in rng.uniform(0.09, 0.2, 2):
        across = np.linspace(0.2, 0.8, 7)
        rows = 1 - height + rng.normal(0, 0.002, 7) - 0.03 * (1 - ((across - 0.5) / 0.3) ** 2)
        rings.append(smooth_curve(np.column_stack([across, rows]) * PAINT_SIZE, 40))
    return rings


def paint_lids(canvas: Canvas, look: SkinLook, pixels: np.ndarray) -> None:
    """The dark roots of the lashes, eyeliner, and the moist pink edge of the lids."""
    unit = PAINT_SIZE / 1024
    for first in (36, 42):
        ring = np.concatenate([pixels[first : first + 6], pixels[first : first + 1]])
        edge = draw_lines(canvas.shape, [ring], 2, 2.5 * unit)
        upper = draw_lines(canvas.shape, [ring[:4]], max(2, int(4 * unit)), 3.5 * unit)
        canvas.tint(edge * 0.5, (0.62, 0.60, 0.80))
        canvas.tint(np.clip(upper * look.liner * 1.1, 0, 1), (0.25, 0.25, 0.28))
        canvas.gloss += 0.25 * edge


def lip_mask(pixels: np.ndarray, softness: float) -> np.ndarray:
    """1 on the lips, inner sides included. (size, size)"""
    upper, lower = (
        smooth_curve(pixels[48:55], 40),
        smooth_curve(pixels[[54, 55, 56, 57, 58, 59, 48]], 40),
    )
    mask = np.zeros((PAINT_SIZE, PAINT_SIZE), np.float32)
    outline = np.round(np.concatenate([upper, lower]) * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1.0, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask, (0, 0), softness)


def paint_lips(
    canvas: Canvas, look: SkinLook, pixels: np.ndarray, rng: np.random.Generator
) -> None:
    """Lips: redder than the skin or painted, finely creased, moist, darker and wetter inside."""
    mask = lip_mask(pixels, 2.0 if look.lipstick is not None else 4.0)
    creases = cv2.blur(grain(rng, canvas.shape, 1.6), (1, 25))
    creases /= creases.std()
    colour = look.lips
    if look.lipstick is not None:
        colour = 0.35 * colour + 0.65 * linear(LIPSTICKS[look.lipstick])
    patches = cv2.resize(solid_noise(rng, canvas.coarse, 0.5), canvas.shape[::-1])
    shade = 1 + 0.05 * creases + 0.04 * patches
    canvas.cover(mask * 0.92, colour * shade[..., None])
    canvas.relief += mask * creases * 0.22
    canvas.gloss = canvas.gloss * (1 - mask) + mask * (0.10 + 0.30 * look.lip_gloss)
    seam = draw_lines(canvas.shape, [pixels[60:65], pixels[[64, 65, 66, 67, 60]]], 8, 9)
    canvas.tint(np.clip(seam * mask, 0, 1), (0.55, 0.50, 0.78))
    canvas.gloss += seam * mask * 0.15
