"""What stands between camera and face now and then: a microphone, a hand, a cup."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from synthesis.render.patterns import linear, mix, ramp

KINDS = ("microphone", "hand", "cup")


@dataclass(frozen=True)
class OccluderLook:
    """A thing before the face; places are in face heights from the mouth, sizes in face heights."""

    kind: str
    place: tuple[float, float]  # right and down from the mouth
    size: float
    tilt: float  # radians
    colour: tuple[float, float, float]  # linear BGR
    sway: tuple[float, float, float]  # amplitude, hertz, phase

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "OccluderLook":
        """Below or beside the mouth more often than before it."""
        kind = str(rng.choice(KINDS))
        sides = {
            "microphone": (rng.normal(0, 0.15), rng.uniform(0.16, 0.4)),
            "cup": (rng.normal(0, 0.12), rng.uniform(0.12, 0.4)),
            "hand": (rng.choice([-1, 1]) * rng.uniform(0.2, 0.55), rng.uniform(-0.1, 0.35)),
        }
        skin = (rng.uniform(70, 225), 0, 0)
        colours = {
            "microphone": linear((40, 40, 44)),
            "cup": linear(tuple(rng.uniform(30, 230, 3))),
            "hand": linear((skin[0], skin[0] * 0.75, skin[0] * 0.6)),
        }
        return cls(
            kind=kind,
            place=tuple(float(v) for v in sides[kind]),
            size=float(rng.uniform(0.17, 0.27)),
            tilt=float(rng.normal(0, 0.3)),
            colour=tuple(colours[kind].tolist()),
            sway=(
                float(rng.uniform(0.0, 0.08)),
                float(rng.uniform(0.1, 0.6)),
                float(rng.uniform(0, 6.28)),
            ),
        )


def draw_occluder(
    image: np.ndarray,
    look: OccluderLook,
    mouth: np.ndarray,
    face_height: float,
    seconds: float,
    light: np.ndarray,
) -> np.ndarray:
    """Lay the thing over a linear picture.

    mouth: its place in this picture's pixels; light: BGR upon it
    """
    amount, hertz, phase = look.sway
    sway = amount * math.sin(2 * math.pi * hertz * seconds + phase)
    centre = mouth + np.array([look.place[0] + sway, look.place[1] + 0.5 * sway]) * face_height
    unit = look.size * face_height
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - centre[0]) / unit, (y - centre[1]) / unit
    cos, sin = math.cos(look.tilt), math.sin(look.tilt)
    x, y = x * cos + y * sin, y * cos - x * sin
    share, shade = SHAPES[look.kind](x, y)
    share = np.clip(share, 0, 1)
    thing = np.array(look.colour, np.float32) * light * shade[..., None]
    return mix(
        image, thing.astype(np.float32), cv2.GaussianBlur(share.astype(np.float32), (0, 0), 0.8)
    )


def _capsule(
    x: np.ndarray,
    y: np.ndarray,
    start: tuple[float, float],
    end: tuple[float, float],
    radius: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Cover and shade of a thick rounded stroke."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    away = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy) / radius
    return ramp(away, 1.03, 0.97), 0.35 + 0.75 * np.sqrt(np.clip(1 - away * away, 0, 1))


def _microphone(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    handle, handle_shade = _capsule(x, y, (0, 0.9), (0, 9.0), 0.34)
    ball, ball_shade = _capsule(x, y, (0, -0.1), (0, 0.25), 0.62)
    grille = 1 + 0.6 * (np.sin(x * 40) * np.sin(y * 40))
    shade = np.where(ball > 0.5, ball_shade * grille * 2.2, handle_shade)
    return np.maximum(handle, ball), shade


def _hand(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    share, shade = _capsule(x, y, (0.1, 0.9), (0.4, 2.2), 0.85)
    wrist, wrist_shade = _capsule(x, y, (0.4, 2.2), (1.2, 8.0), 0.72)
    share, shade = np.maximum(share, wrist), np.maximum(shade, wrist_shade * (wrist > 0.5))
    for k, reach in enumerate((1.2, 1.45, 1.4, 1.15)):
        base = -0.55 + 0.42 * k
        finger, finger_shade = _capsule(x, y, (base, 0.5), (base * 1.25, 0.5 - reach), 0.23)
        shade = np.where(finger > 0.5, finger_shade, shade)
        share = np.maximum(share, finger)
    thumb, thumb_shade = _capsule(x, y, (-0.5, 1.2), (-1.25, 0.35), 0.26)
    return np.maximum(share, thumb), np.where(thumb > 0.5, thumb_shade, shade)


def _cup(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = 0.85 - 0.12 * np.clip(y, 0, 2)
    body = ramp(np.abs(x) - half, 0.03, -0.03) * ramp(y, -0.03, 0.03) * ramp(y, 2.2, 2.1)
    shade = 0.45 + 0.6 * np.sqrt(np.clip(1 - (x / 0.95 + 0.15) ** 2, 0, 1))
    rim = np.hypot(x / 0.85, y / 0.2)
    shade = np.where(rim < 1, 0.5, shade)
    return np.maximum(body, ramp(rim, 1.03, 0.97)), shade


SHAPES = {"microphone": _microphone, "hand": _hand, "cup": _cup}
