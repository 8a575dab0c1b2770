"""Hats, helmets, headscarves, masks and dark glasses, painted on a cut-out about its face."""

import cv2
import numpy as np

from detector_training.heads import Face

HATS = ("cap", "hat", "helmet")
KINDS = (*HATS, "scarf", "mask", "dark glasses")
TURNED = 0.6  # how far a head faces the camera, below which what is flat looks wrong on it
SHARE = 0.3  # of the heads wear something
FINE = 16  # cv2's subpixels: places are multiplied by this


def dress(cutout: np.ndarray, face: Face, rng: np.random.Generator) -> np.ndarray:
    """The cut-out with something on; a changed copy. BGRA uint8"""
    out = cutout.copy()
    kinds = KINDS if face.facing > TURNED else HATS
    WEAR[str(rng.choice(kinds))](out, _Axes(face), _cloth(rng), rng)
    return out


class _Axes:
    """Places on a face: (0, 0) between the eyes, (0, 1) the chin, 1 across as long as down."""

    def __init__(self, face: Face) -> None:
        self.eyes = face.landmarks[:2].mean(axis=0)
        self.landmarks = face.landmarks
        chin = face.outline[8]
        self.down = chin - self.eyes
        self.right = np.array([self.down[1], -self.down[0]])
        across = (face.outline[:17] - self.eyes) @ self.right / (self.right @ self.right)
        turned = float(np.clip(1 - face.facing, 0, 1))
        middle = float(across.max() + across.min()) / 2
        nose = (face.landmarks[2] - self.eyes) @ self.right / (self.right @ self.right)
        # Of a turned head, what is seen lies mostly behind the face.
        self.middle = middle - float(np.sign(nose - middle)) * 0.5 * turned
        self.half = max(float(np.ptp(across)) / 2, 0.6) + 0.2 * turned

    def points(self, places: np.ndarray) -> np.ndarray:
        """(n, 2) places, across in half widths of the face -> pixels times FINE, for cv2."""
        across = self.middle + self.half * places[:, :1]
        pixels = self.eyes + across * self.right + places[:, 1:] * self.down
        return np.round(pixels * FINE).astype(np.int32)


def _cloth(rng: np.random.Generator) -> np.ndarray:
    """A colour, half the time a quiet one. (3,) BGR"""
    level = rng.uniform(8, 240)
    return np.clip(level + rng.normal(0, rng.choice([6, 60]), 3), 0, 255)


def _fill(out: np.ndarray, axes: _Axes, places: np.ndarray, colour: np.ndarray) -> None:
    value = (*(float(c) for c in colour), 255.0)
    cv2.fillPoly(out, [axes.points(places)], value, cv2.LINE_AA, shift=4)


def _arc(left: float, right: float, low: float, high: float, power: float = 1.0) -> np.ndarray:
    """A dome from (left, low) over (middle, high) to (right, low). (25, 2)"""
    turn = np.linspace(np.pi, 0, 25)
    across = (left + right) / 2 + (right - left) / 2 * np.cos(turn)
    return np.column_stack([across, low + (high - low) * np.sin(turn) ** power])


def _shaded_dome(out, axes, dome, colour, rng, power=0.8) -> None:
    """A dome that is lighter on one side; its lower and upper edge, and how wide it is."""
    low, high, wide = dome
    _fill(out, axes, _arc(-wide, wide, low, high, power), colour)
    side = rng.choice([-1, 1])
    inner = _arc(-wide * 0.7, wide * 0.5, low, high * 0.92, power) * [side, 1]
    _fill(out, axes, inner, np.clip(colour * rng.uniform(1.05, 1.3) + 6, 0, 255))


def _cap(out, axes, colour, rng) -> None:
    brow = rng.uniform(-0.55, -0.32)
    dome = brow, rng.uniform(-1.5, -1.15), rng.uniform(1.1, 1.25)
    _shaded_dome(out, axes, dome, colour, rng)
    peak = _arc(-1.05, 1.05, brow - 0.05, brow + rng.uniform(0.08, 0.25))
    _fill(out, axes, peak, colour * rng.uniform(0.4, 0.9))


def _hat(out, axes, colour, rng) -> None:
    brow = rng.uniform(-0.6, -0.35)
    dome = brow, rng.uniform(-1.75, -1.2), rng.uniform(1.0, 1.2)
    _shaded_dome(out, axes, dome, colour, rng, 0.4)
    wide = rng.uniform(1.5, 2.3)
    brim = np.concatenate(
        [_arc(-wide, wide, brow, brow - 0.12), _arc(wide, -wide, brow, brow + 0.14)]
    )
    _fill(out, axes, brim, colour * rng.uniform(0.5, 1.0))


def _helmet(out, axes, colour, rng) -> None:
    brow = rng.uniform(-0.5, -0.35)
    wide = rng.uniform(1.15, 1.35)
    ears = rng.uniform(-0.1, 0.9)
    for side in (-1, 1):
        strap = np.array([[0.95, brow], [wide, brow], [wide * 0.97, ears], [1.0, ears]])
        _fill(out, axes, strap * [side, 1], colour * rng.uniform(0.5, 0.9))
    dome = brow, rng.uniform(-1.5, -1.25), wide
    _shaded_dome(out, axes, dome, colour, rng, 0.6)


def _scarf(out, axes, colour, rng) -> None:
    """A cloth about head and neck, with an opening for the face."""
    brow, chin = rng.uniform(-0.62, -0.42), rng.uniform(0.98, 1.1)
    opening = rng.uniform(0.85, 1.0)
    turn = np.linspace(0, 2 * np.pi, 49)
    centre, half = (brow + chin) / 2, (chin - brow) / 2
    inner = np.column_stack([opening * np.sin(turn), centre - half * np.cos(turn)])
    outer = np.column_stack([1.35 * np.sin(turn), 0.1 - 1.35 * np.cos(turn)])
    shoulders = np.array([[-1.2, 0.9], [-1.9, 2.2], [1.9, 2.2], [1.2, 0.9]])
    kept, covered = out.copy(), np.zeros(out.shape[:2], np.uint8)
    cv2.fillPoly(covered, [axes.points(inner)], 255, cv2.LINE_AA, shift=4)
    _fill(out, axes, shoulders, colour * rng.uniform(0.6, 0.95))
    _fill(out, axes, outer, colour)
    share = covered[..., None] / np.float32(255)
    out[:] = (out + (kept.astype(np.float32) - out) * share).astype(np.uint8)


def _mask(out, axes, colour, rng) -> None:
    """Over nose and mouth, or with a bare nose as many wear it."""
    top = rng.uniform(0.15, 0.5)
    shape = np.array(
        [[-0.9, top + 0.1], [0, top], [0.9, top + 0.1], [0.75, 0.9], [0, 1.08], [-0.75, 0.9]]
    )
    usual = np.array([215, 205, 170]) + rng.normal(0, 15, 3)
    _fill(out, axes, shape, np.clip(usual, 0, 255) if rng.random() < 0.6 else colour)


def _dark_glasses(out, axes, colour, rng) -> None:
    eyes = axes.landmarks[:2]
    apart = max(float(np.linalg.norm(eyes[1] - eyes[0])), 4.0)
    size = (
        int(apart * rng.uniform(0.34, 0.44) * FINE),
        int(apart * rng.uniform(0.26, 0.38) * FINE),
    )
    dark = (*(float(c) for c in np.clip(colour * 0.25, 0, 60)), 255.0)
    angle = float(np.degrees(np.arctan2(axes.right[1], axes.right[0])))
    places = [tuple(int(v) for v in np.round(eye * FINE)) for eye in eyes]
    for place in places:
        cv2.ellipse(out, place, size, angle, 0, 360, dark, -1, cv2.LINE_AA, shift=4)
    cv2.line(out, *places, dark, max(1, int(apart / 14)), cv2.LINE_AA, shift=4)


WEAR = dict(zip(KINDS, (_cap, _hat, _helmet, _scarf, _mask, _dark_glasses), strict=True))
