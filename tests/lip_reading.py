"""What tests of synthesis measure: the lips' gap in blendshapes, and bursts in the sound."""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.signal import butter, sosfiltfilt

from synthesis.speech.performance import CURVE_RATE
from synthesis.speech.visemes import Gesture

# Centimetres between the inner lips (iBUG's landmarks 61-63 and 65-67, averaged) that each
# blendshape of ICT-FaceKit adds at weight 1, from its release; 0.08 is two lips that touch.
REST_GAP = 0.081
GAP_OF_SHAPE = {
    "jawOpen": 2.89, "mouthClose": -3.72, "mouthFunnel": 1.08, "mouthPucker": -0.13,
    "mouthPress_L": -0.11, "mouthPress_R": -0.11, "mouthRollLower": -0.24, "mouthRollUpper": 0.16,
    "mouthLowerDown_L": 0.29, "mouthLowerDown_R": 0.29, "mouthUpperUp_L": 0.35,
    "mouthUpperUp_R": 0.35, "mouthShrugLower": -0.64, "mouthSmile_L": -0.01, "mouthSmile_R": -0.01,
    "mouthStretch_L": -0.02, "mouthStretch_R": -0.02,
}  # fmt: skip
TOUCHING = REST_GAP + 0.01


def lip_gap(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Centimetres between the lips over time, below TOUCHING where they touch."""
    return REST_GAP + sum(GAP_OF_SHAPE.get(name, 0.0) * curve for name, curve in weights.items())


def find_burst(sound: np.ndarray, sample_rate: int, around: float) -> float | None:
    """When (s) a stop is heard to open near a time: the sound returns after its quietest moment.

    Only the sound above 1 kHz counts, which the lips hold back while they are closed; None where
    that is not 15 dB quieter for a moment than at its return.
    """
    window = sound[max(0, int((around - 0.08) * sample_rate)) : int((around + 0.06) * sample_rate)]
    high = sosfiltfilt(butter(4, 1000, "highpass", fs=sample_rate, output="sos"), window)
    smooth = np.convolve(np.square(high), np.ones(32) / 32, "same")
    level = 10 * np.log10(smooth + 1e-10)[16:-16]
    quietest = int(np.argmin(level[: int(0.09 * sample_rate)]))
    risen = np.flatnonzero(level[quietest:] > level[quietest] + 15)
    if not len(risen):
        return None
    return (quietest + risen[0] + 16) / sample_rate + max(0, around - 0.08)


def partings(gap: np.ndarray, gestures: list[Gesture]) -> Iterator[tuple[Gesture, float]]:
    """Each closure that a sound follows, and when (s) its lips part. gap: at CURVE_RATE."""
    for gesture, follower in zip(gestures, gestures[1:], strict=False):
        if gesture.contact != "closed" or follower.contact or follower.viseme == "rest":
            continue
        first = round((gesture.start + gesture.end) / 2 * CURVE_RATE)
        opened = np.flatnonzero(gap[first : first + CURVE_RATE // 5] > TOUCHING)
        if len(opened):
            yield gesture, (first + opened[0]) / CURVE_RATE
