"""What a face does that its speech does not say: blinks, gaze, brows, smiles and head motion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from synthesis.speech.mouth import Mouth, MouthStyle, move_mouth
from synthesis.speech.performance import CURVE_RATE, Performance, curve_points, sample_frames
from synthesis.speech.visemes import Gesture

DEGREE = np.pi / 180
BLINK_SECONDS = (0.07, 0.04, 0.14)  # closing, closed, opening, at most
LONG_PAUSE_SECONDS = 0.35  # a pause in which the mouth may do something of its own


@dataclass(frozen=True)
class Temper:
    """How lively one person is, and how the head is held."""

    head: float = 1.0  # size of head movements
    brows: float = 1.0
    blinks_per_minute: float = 18.0
    smile: float = 0.0  # mouthSmile while at rest, -0.1..0.4; below 0 the corners hang
    fidgets: float = 0.3  # share of long pauses in which the mouth moves without a sound
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)  # rad: pitch, yaw, roll on average

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Temper":
        """A person by chance, facing the camera more or less: how it stands is the scene's."""
        return cls(
            head=float(np.exp(rng.normal(0, 0.45))),
            brows=float(np.exp(rng.normal(0, 0.4))),
            blinks_per_minute=rng.uniform(8, 30),
            smile=rng.uniform(-0.10, 0.30),
            fidgets=rng.uniform(0.0, 0.6),
            pose=tuple(rng.normal((1, 0, 0), (4, 6, 3)) * DEGREE),
        )


def perform(
    gestures: Sequence[Gesture],
    frames: int,
    style: MouthStyle,
    temper: Temper,
    rng: np.random.Generator,
) -> Performance:
    """Everything the head does in one clip, by the speech where it must, by chance elsewhere."""
    mouth = _with_fidgets(move_mouth(gestures, frames, style), gestures, temper, rng)
    return perform_with(mouth, frames, temper, rng)


def perform_with(
    mouth: Mouth, frames: int, temper: Temper, rng: np.random.Generator
) -> Performance:
    """The same, for a mouth that is there already."""
    points = curve_points(frames)
    gaze = _gaze(points, rng)
    curves = mouth.weights | _upper_face(points, temper, rng)
    for name, smile in _smile(points, temper, rng).items():
        # a smile cannot pull closed lips apart, and gives way where they are rounded
        curves[name] = np.clip(curves.get(name, 0) + smile * _spread(mouth), -0.2, 1)
    weights = {name: sample_frames(curve, frames) for name, curve in curves.items()}
    return Performance(
        weights=weights,
        rotation=sample_frames(_rotation(points, temper, rng), frames),
        translation=sample_frames(_translation(points, temper, rng), frames),
        gaze=sample_frames(gaze, frames),
        tongue=sample_frames(mouth.tongue, frames),
    )


def wander(points: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise with standard deviation 1 that changes over about `seconds`."""
    width = seconds * 10  # in tenths of a second: enough for motion this slow
    count = points * 10 // CURVE_RATE + 2
    margin = int(4 * width) + 1
    noise = gaussian_filter1d(rng.standard_normal(count + 2 * margin), width)[margin:-margin]
    noise *= np.sqrt(2 * width * np.sqrt(np.pi))  # what the filter took of the deviation
    knots = np.arange(count) / 10
    return np.interp(np.arange(points) / CURVE_RATE, knots, gaussian_filter1d(noise, 1.0))


def _rotation(points: int, temper: Temper, rng: np.random.Generator) -> np.ndarray:
    """Slow drift round the person's pose, and quicker nods and turns now and then."""
    degrees = temper.head * np.array([2.0, 3.2, 1.6])
    drift = np.stack([wander(points, seconds, rng) for seconds in (0.8, 1.0, 1.1)], axis=1)
    quick = np.stack([wander(points, 0.25, rng) for _ in range(3)], axis=1)
    lively = np.clip(wander(points, 1.0, rng), 0, 2)[:, None]  # calm most of the time
    return np.array(temper.pose) + degrees * DEGREE * (drift + 0.35 * quick * lively)


def _translation(points: int, temper: Temper, rng: np.random.Generator) -> np.ndarray:
    centimetres = np.sqrt(temper.head) * np.array([0.35, 0.20, 0.30])
    return centimetres * np.stack([wander(points, 1.2, rng) for _ in range(3)], axis=1)


def _gaze(points: int, rng: np.random.Generator) -> np.ndarray:
    """Yaw and pitch that jump from one thing looked at to the next, mostly the camera."""
    gaze = np.zeros((points, 2))
    at = 0
    while at < points:
        target = np.zeros(2)
        if rng.random() < 0.45:
            target = rng.normal(0, (9, 5)) * DEGREE
        gaze[at:] = target
        at += int(rng.uniform(0.3, 2.2) * CURVE_RATE)
    tremor = np.stack([wander(points, 0.2, rng) for _ in range(2)], axis=1) * 0.4 * DEGREE
    return gaussian_filter1d(gaze, 0.012 * CURVE_RATE, axis=0, mode="nearest") + tremor


def _upper_face(points: int, temper: Temper, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Brows, cheeks and lids; how the lids follow the gaze is the renderer's to know."""
    raised = np.clip(0.22 * temper.brows * wander(points, 0.45, rng), 0, 0.8)
    lowered = np.clip(0.18 * temper.brows * wander(points, 0.8, rng), 0, 0.5)
    squint = np.clip(0.15 * wander(points, 1.0, rng) + rng.uniform(-0.1, 0.15), 0, 0.4)
    blink = _blinks(points, temper, rng)
    lean = rng.normal(0, 0.2)
    curves = {"browInnerUp_L": raised, "browInnerUp_R": raised}
    for side, factor in (("L", 1 + lean), ("R", 1 - lean)):
        curves |= {
            f"browOuterUp_{side}": np.clip(0.6 * raised * factor, 0, 1),
            f"browDown_{side}": np.clip(lowered * factor, 0, 1),
            f"eyeSquint_{side}": squint,
            f"cheekSquint_{side}": 0.6 * squint,
            f"eyeBlink_{side}": blink,
        }
    return curves


def _blinks(points: int, temper: Temper, rng: np.random.Generator) -> np.ndarray:
    """How far the lids are closed over time; blinks come by chance."""
    lids = np.zeros(points)
    times = np.arange(points) / CURVE_RATE
    starts = []
    at = rng.exponential(60 / temper.blinks_per_minute)
    while at < points / CURVE_RATE:
        starts.append(at)
        at += 0.4 + rng.exponential(60 / temper.blinks_per_minute)
    for start in starts:
        lids = np.maximum(lids, _blink(times - start, rng))
    return lids


def _blink(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    closing, closed, opening = BLINK_SECONDS * rng.uniform(0.6, 1.0, 3)
    knots = np.cumsum([0, closing, closed, opening])
    return np.interp(times, knots, [0, 1, 1, 0], left=0, right=0)


def _smile(points: int, temper: Temper, rng: np.random.Generator) -> dict[str, np.ndarray]:
    smile = temper.smile + 0.08 * wander(points, 1.2, rng)
    lean = rng.normal(0, 0.15)
    up, down = np.clip(smile, 0, 0.5), np.clip(-smile, 0, 0.3)
    return {
        "mouthSmile_L": up * (1 + lean), "mouthSmile_R": up * (1 - lean),
        "mouthFrown_L": down * (1 + lean), "mouthFrown_R": down * (1 - lean),
    }  # fmt: skip


def _spread(mouth: Mouth) -> np.ndarray:
    """How far the mouth is free to smile, 0..1: not at all when fully rounded."""
    rounded = mouth.weights.get("mouthPucker", 0) + 0.6 * mouth.weights.get("mouthFunnel", 0)
    return np.clip(1 - 1.2 * np.asarray(rounded), 0, 1)


def _with_fidgets(
    mouth: Mouth, gestures: Sequence[Gesture], temper: Temper, rng: np.random.Generator
) -> Mouth:
    """Movements without a sound in some long pauses: pressed lips, a pout, a breath, a swallow."""
    weights = dict(mouth.weights)
    points = len(mouth.tongue)
    times = np.arange(points) / CURVE_RATE
    for gesture in gestures:
        length = gesture.end - gesture.start
        if gesture.viseme != "rest" or length < LONG_PAUSE_SECONDS:
            continue
        if rng.random() > temper.fidgets:
            continue
        kind = FIDGETS[rng.integers(len(FIDGETS))]
        width = min(length, 1.2) / 2 * rng.uniform(0.6, 0.9)
        distance = np.abs(times - (gesture.start + gesture.end) / 2) / width
        bump = rng.uniform(0.4, 1.0) * np.cos(np.pi / 2 * np.clip(distance, 0, 1)) ** 2
        for name, size in kind.items():
            weights[name] = np.clip(weights.get(name, 0) + size * bump, 0, 1)
    return Mouth(weights, mouth.tongue)


FIDGETS = (
    {"mouthPress_L": 0.6, "mouthPress_R": 0.6, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
    {"mouthPucker": 0.45},
    {"jawOpen": 0.09},
    {"jawOpen": 0.05, "mouthClose": 0.045, "mouthShrugLower": 0.3},
    {"mouthLeft": 0.3, "mouthDimple_L": 0.3},
    {"mouthRight": 0.3, "mouthDimple_R": 0.3},
    {"mouthRollLower": 0.5},
)
