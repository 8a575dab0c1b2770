"""Gestures to curves of blendshapes: coarticulation, contacts that always close, personal style."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from synthesis.speech.performance import CURVE_RATE, curve_points, sample_frames
from synthesis.speech.visemes import CLOSURE_SECONDS, VISEMES, Gesture, Viseme

SIDED = frozenset(
    "mouthStretch mouthPress mouthUpperUp mouthLowerDown mouthSmile mouthDimple".split()
)
ROUNDING = "mouthPucker"
# How much mouthClose undoes a jawOpen of 1: their lip gaps are 3.28 and 3.89 cm in ICT-FaceKit.
CLOSE_PER_JAW = 0.84
CLOSE_MARGIN = 0.03  # and this much more in a closure, for heads whose lips rest apart
# A contact is complete for at least this long: a frame and its shutter, so that one frame shows it.
HOLD_SECONDS = CLOSURE_SECONDS
PART_SECONDS = 0.025  # lips that are pressed together begin to give way this long before they part
APPROACH_SECONDS = 0.060  # from an open mouth to contact
RELEASE_SECONDS = 0.065  # fast at first: the lips part at once


@dataclass(frozen=True)
class MouthStyle:
    """How one person moves the mouth."""

    lips: float = 1.0  # size of lip shapes
    jaw: float = 1.0  # size of jaw movements
    laziness: float = 0.034  # s, smoothing of the lips: 0.026 crisp, 0.042 mumbling
    jaw_lag: float = 1.5  # the jaw is this much slower than the lips
    parted: float = 0.0  # jawOpen at rest
    press: float = 1.0  # how hard the lips are pressed in closures
    asymmetry: tuple[tuple[str, float], ...] = ()  # shape with its side -> factor
    favour: tuple[tuple[str, float], ...] = ()  # shape without side -> factor

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "MouthStyle":
        """A person by chance; contacts stay complete whoever it is."""
        shapes = sorted({name for viseme in VISEMES.values() for name in viseme.lips})
        favour = tuple((name, float(np.exp(rng.normal(0, 0.18)))) for name in shapes)
        lean = rng.normal(0, 0.08)  # one side is the livelier one
        sides = [(f"{name}_{side}", sign) for name in sorted(SIDED) for side, sign in _SIDES]
        asymmetry = tuple(
            (name, float(np.exp(sign * lean + rng.normal(0, 0.05)))) for name, sign in sides
        )
        return cls(
            lips=rng.uniform(0.75, 1.25),
            jaw=rng.uniform(0.65, 1.20),
            laziness=rng.uniform(0.026, 0.042),
            jaw_lag=rng.uniform(1.2, 1.9),
            parted=max(0.0, rng.normal(0.0, 0.02)),
            press=rng.uniform(0.85, 1.4),
            asymmetry=asymmetry,
            favour=favour,
        )


_SIDES = (("L", 1), ("R", -1))


@dataclass(frozen=True)
class Mouth:
    """Curves of a mouth at CURVE_RATE: one value a point for each blendshape, and the tongue."""

    weights: dict[str, np.ndarray]
    tongue: np.ndarray

    def sampled(self, frames: int) -> "Mouth":
        """The same, one value a frame."""
        weights = {name: sample_frames(curve, frames) for name, curve in self.weights.items()}
        return Mouth(weights, sample_frames(self.tongue, frames))


def move_mouth(gestures: Sequence[Gesture], frames: int, style: MouthStyle) -> Mouth:
    """The mouth that makes these gestures, as curves for `frames` frames."""
    points = curve_points(frames)
    targets = {name: _shaped(viseme, style) for name, viseme in VISEMES.items()}
    targets["rest"] = replace(targets["rest"], jaw=style.parted)
    shapes = sorted({shape for viseme in targets.values() for shape in viseme.lips})
    rows = {name: _row(viseme, shapes) for name, viseme in targets.items()}
    values, grip = _steps(gestures, rows, points, rounding=3 + shapes.index(ROUNDING))
    lips = _blend(values[:, 2:], grip, style.laziness)
    jaw = _blend(values[:, :1], np.sqrt(grip), style.laziness * style.jaw_lag)[:, 0]
    tongue = _blend(values[:, 1:2], np.ones_like(grip), style.laziness * 0.7)[:, 0]
    shut = np.ones(len(shapes) + 1)
    shut[1 + shapes.index(ROUNDING)] = 0  # lips that touch may be pushed forward all the same
    for contact in ("tucked", "closed"):
        held = _held(gestures, contact, points)[:, None] * shut
        lips = lips * (1 - held) + held * rows[_MODEL[contact]][2:]
    pressed = CLOSE_MARGIN * _held(gestures, "closed", points)
    close = lips[:, 0] * CLOSE_PER_JAW * jaw + pressed
    weights = {"jawOpen": jaw, "mouthClose": close}
    for index, shape in enumerate(shapes):
        weights |= _both_sides(shape, lips[:, index + 1], style)
    return Mouth(weights, np.clip(tongue, 0, 1))


_MODEL = {"closed": "p", "tucked": "f"}  # contact -> the viseme that makes it


def _shaped(viseme: Viseme, style: MouthStyle) -> Viseme:
    """A viseme as this person makes it: contacts keep their size, the rest follows the style."""
    if viseme.contact == "closed":
        return replace(viseme, lips={name: style.press * w for name, w in viseme.lips.items()})
    if viseme.contact:
        return viseme
    favour = dict(style.favour)
    lips = {name: w * style.lips * favour.get(name, 1.0) for name, w in viseme.lips.items()}
    return replace(viseme, lips=lips, jaw=viseme.jaw * style.jaw)


def _row(viseme: Viseme, shapes: list[str]) -> np.ndarray:
    """Jaw, tongue, bridge, then the lip shapes."""
    lips = [viseme.lips.get(shape, 0.0) for shape in shapes]
    return np.array([viseme.jaw, viseme.tongue, viseme.bridge, *lips])


def _steps(
    gestures: Sequence[Gesture], rows: dict[str, np.ndarray], points: int, *, rounding: int
) -> tuple[np.ndarray, np.ndarray]:
    """What is aimed at, (points, values), and how firmly, (points, 1); rest where nothing is.

    Lips that touch are rounded already for the sound that follows: `rounding` is its column.
    """
    values = np.tile(rows["rest"], (points, 1))
    grip = np.full((points, 1), VISEMES["rest"].grip)
    followers = [gesture.viseme for gesture in gestures[1:]] + ["rest"]
    for gesture, follower in zip(gestures, followers, strict=True):
        viseme = VISEMES[gesture.viseme]
        early = 0.0 if viseme.contact else viseme.lead  # contacts are timed to the point
        span = slice(_point(gesture.start - early), _point(gesture.end - early))
        values[span] = rows[gesture.viseme]
        if viseme.contact:
            values[span, rounding] = rows[follower][rounding]
        grip[span] = viseme.grip
    return values, grip


def _blend(values: np.ndarray, grip: np.ndarray, seconds: float) -> np.ndarray:
    """Neighbouring targets melt into one another, each as strongly as it grips."""
    width = seconds * CURVE_RATE
    smooth = gaussian_filter1d(grip * values, width, axis=0, mode="nearest")
    return smooth / gaussian_filter1d(grip, width, axis=0, mode="nearest")


def _held(gestures: Sequence[Gesture], contact: str, points: int) -> np.ndarray:
    """How complete a contact is, 0..1: 1 for HOLD_SECONDS or more, gone as its gesture ends.

    The lips come together smoothly, and part fast at first, then slower.
    """
    held = np.zeros(points)
    times = np.arange(points) / CURVE_RATE
    opened = 0.0  # when the contact before ended: a sound between two contacts shows, if short
    for gesture in gestures:
        if not gesture.contact:
            continue
        end = gesture.end - PART_SECONDS
        start = max(min(gesture.start, end - HOLD_SECONDS), (opened + gesture.start) / 2)
        approach = np.clip(start - opened, 0.01, APPROACH_SECONDS)
        opened = gesture.end
        if gesture.contact != contact:
            continue
        span = slice(_point(start - approach), _point(end + RELEASE_SECONDS) + 1)
        before = np.clip((start - times[span]) / approach, 0, 1)
        after = np.clip((times[span] - end) / RELEASE_SECONDS, 0, 1)
        shape = (0.5 + 0.5 * np.cos(np.pi * before)) * (1 - np.sin(np.pi / 2 * after))
        held[span] = np.maximum(held[span], shape)
    return held


def _both_sides(shape: str, curve: np.ndarray, style: MouthStyle) -> dict[str, np.ndarray]:
    if shape not in SIDED:
        return {shape: np.clip(curve, 0, 1)}
    factors = dict(style.asymmetry)
    names = (f"{shape}_L", f"{shape}_R")
    return {name: np.clip(curve * factors.get(name, 1.0), 0, 1) for name in names}


def _point(seconds: float) -> int:
    return max(0, round(seconds * CURVE_RATE))
