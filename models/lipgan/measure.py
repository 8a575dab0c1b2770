"""Which of LipGAN's networks a set of weights belongs to, and how large it is."""

import torch

Weights = dict[str, torch.Tensor]

GENERATOR_MARKS = ("conv2d_transpose.0.weight", "batch_normalization.0.running_mean")
JUDGE_MARKS = ("instance_normalization.0.weight", "conv2d.0.weight")
# The convolution that turns what is left of a face into a code.
BOTTLENECKS = {"residual": 24, "basic": 6}
FIRST_OF_SOUND = 26  # convolution of the residual models


def measure_generator(weights: Weights) -> dict:
    """Arguments of LipGANGenerator."""
    count, first = _count(weights), len(weights["conv2d.0.weight"])
    if count > FIRST_OF_SOUND:
        model = "residual"
        heard = len(weights[f"conv2d.{FIRST_OF_SOUND}.weight"])
        sound = "mel" if heard == first else "mfcc"
    else:
        model, sound = "basic", "mfcc" if count == 18 else "mel"
    sides = _sides(weights[f"conv2d.{BOTTLENECKS[model]}.weight"])
    return {"model": model, "sound": sound, **sides, "multiplier": first / 32}


def measure_judge(weights: Weights) -> dict:
    """Arguments of LipGANJudge."""
    sound = "mfcc" if _count(weights) == 13 else "mel"
    sides = _sides(weights["conv2d.5.weight"])
    return {"sound": sound, **sides, "multiplier": len(weights["conv2d.0.weight"]) / 64}


def _count(weights: Weights) -> int:
    return sum(name.startswith("conv2d.") and name.endswith(".weight") for name in weights)


def _sides(bottleneck: torch.Tensor) -> dict:
    rows, columns = bottleneck.shape[-2:]
    return {"height": 32 * rows, "width": 32 * columns}
