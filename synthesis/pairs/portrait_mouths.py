"""Which mouths a photograph is drawn with: spoken ones, and such as no utterance makes.

What a face does beside speech (a smile, a crooked mouth) mostly stays, as a speaker's own does.
"""

import numpy as np

from models.lip_motion import EXPRESSION, INDEX, NAMES, TWO_SIDED, to_blendshapes
from synthesis.pairs.fitting import Fit
from synthesis.pairs.frame_pairs import UNSPOKEN, unspoken_mouth
from synthesis.speech.mouth import CLOSE_PER_JAW
from synthesis.speech.visemes import VISEMES

KEPT_SMILE = 0.6  # of the mouths keep the photograph's smile whole
WIDEST_JAW = 0.65  # a jaw that drops farther would need a neck of its own
# Shapes that are added up leave what lips can do: these go no farther, alone or together.
MOST_ROUND, MOST_PARTED = 0.9, 0.55
CLOSED = 0.2  # of the spoken mouths have their lips shut


def lips_of(expression: dict[str, float], tongue: float) -> np.ndarray:
    """Lip motion's numbers of the head model's weights. (15,) float32"""
    values = np.zeros(len(NAMES), np.float32)
    for name in NAMES[:-1]:
        sides = (f"{name}_L", f"{name}_R") if name in TWO_SIDED else (name,)
        values[INDEX[name]] = np.mean([expression.get(side, 0.0) for side in sides])
    values[-1] = tongue
    return values


def draw_mouth(fit: Fit, rng: np.random.Generator) -> tuple[dict[str, float], float]:
    """The photograph's expression with another mouth: weights by name, and the tongue."""
    own = lips_of(fit.expression, 0.0)
    spoken = rng.random() > UNSPOKEN
    values = spoken_mouth(rng) if spoken else unspoken_mouth(rng)
    _moderate(values)
    if spoken:
        share = 1.0 if rng.random() < KEPT_SMILE else float(rng.random())
        # A smile gives way where lips are rounded or shut, as in synthesis.speech.acting.
        rounded = values[INDEX["mouthPucker"]] + values[INDEX["mouthFunnel"]]
        share *= float(np.clip(1 - 1.1 * rounded, 0, 1))
        for name in EXPRESSION:
            values[INDEX[name]] += share * own[INDEX[name]]
    return with_lips(fit, np.clip(values, -0.2, 1), own), float(values[-1])


def _moderate(values: np.ndarray) -> None:
    """Bring a mouth into what a photograph can follow, in place."""
    jaw, around = INDEX["jawOpen"], [INDEX["mouthFunnel"], INDEX["mouthPucker"]]
    values[around] *= min(1.0, MOST_ROUND / max(float(values[around].sum()), 1e-6))
    widest = WIDEST_JAW * (1 - 0.5 * float(values[around].sum()) / MOST_ROUND)
    values[jaw] = min(float(values[jaw]), widest)
    parted = [INDEX["mouthUpperUp"], INDEX["mouthLowerDown"]]
    values[parted] = np.minimum(values[parted], MOST_PARTED)


def with_lips(fit: Fit, values: np.ndarray, own: np.ndarray) -> dict[str, float]:
    """The photograph's expression with these lip numbers; its two sides stay as unlike."""
    shapes, _ = to_blendshapes(values[None])
    expression = dict(fit.expression)
    for name, value in shapes.items():
        plain = name.removesuffix("_L").removesuffix("_R")
        before = own[INDEX[plain]]
        uneven = fit.expression.get(name, 0.0) - before
        kept = min(1.0, float(value[0]) / before) if before > 0.05 else 0.0
        expression[name] = float(np.clip(value[0] + kept * uneven, -0.2, 1))
    return expression


def spoken_mouth(rng: np.random.Generator) -> np.ndarray:
    """Somewhere on the way from one sound to another, by a speaker of any liveliness. (15,)"""
    values = np.zeros(len(NAMES), np.float32)
    if rng.random() < CLOSED:
        first = VISEMES["p"] if rng.random() < 0.7 else VISEMES["rest"]
        second, way = first, 0.0
    else:
        sounds = list(VISEMES.values())
        first, second = (sounds[k] for k in rng.integers(len(sounds), size=2))
        way = float(rng.random())
    lively, jaw = rng.uniform(0.7, 1.3), rng.uniform(0.6, 1.3)
    for viseme, share in ((first, 1 - way), (second, way)):
        for name, weight in viseme.lips.items():
            values[INDEX[name]] += share * lively * weight
        values[INDEX["jawOpen"]] += share * jaw * viseme.jaw
        values[INDEX["mouthClose"]] += share * jaw * viseme.jaw * viseme.bridge * CLOSE_PER_JAW
        values[-1] += share * viseme.tongue
    return values
