"""Seeing: from a picture of a mouth to its lip motion, and how sure that is.

Ours. The doubt is learned with the numbers (Kendall and Gal, 2017).
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import ConvBlock, residuals, scaled
from models.lip_motion import HIGHEST, LOWEST, NAMES
from models.mouth_crop import SIZE

SHRINK = 2  # the network looks at half of SIZE
WIDTHS = (24, 48, 96, 160)  # at 40, 20, 10 and 5 pixels
NARROW, CODE = 48, 192
# About the lips it looks again, at all of SIZE's pixels: a closed mouth and one that is open by
# two millimetres differ by one pixel there, and by half a one in the whole square.
NEAR = (slice(32, 128), slice(32, 128))  # rows and columns
NEAR_WIDTHS = (16, 32, 64, 128)  # at 48, 24, 12 and 6 pixels
SURE, LOST = 0.48, 0.62  # doubt, in spreads: up to here all is believed, from here on nothing


class Seen(NamedTuple):
    """What was seen of some mouths."""

    values: np.ndarray  # (B, 15) float32, models/lip_motion.py
    doubt: np.ndarray  # (B,) how far the numbers are off by the network's own word, in spreads
    teeth: np.ndarray  # (B,) the share of the picture that shows teeth

    @property
    def trust(self) -> np.ndarray:
        """1 where the mouth is in plain view, 0 behind a hand or in profile. (B,)"""
        return np.clip((LOST - self.doubt) / (LOST - SURE), 0, 1)


@keeps_arguments
class LipSeeing(nn.Module):
    """A square cut by models/mouth_crop.py -> the numbers in spreads from their mean, the logarithm
    of how far each of them may be off, and how much of the teeth shows.
    """

    def __init__(self, multiplier: float = 1.0, near: bool = False):
        super().__init__()
        self.features, width = _stages([scaled(width, multiplier) for width in WIDTHS])
        self.tell = _teller(
            width,
            SIZE // SHRINK // 2 ** len(WIDTHS),
        )
        self.near_features = self.near_tell = None
        if near:  # says what to add to what the whole square told
            self.near_features, width = _stages(
                [scaled(width, multiplier) for width in NEAR_WIDTHS]
            )
            side = (NEAR[0].stop - NEAR[0].start) // 2 ** len(NEAR_WIDTHS)
            self.near_tell = _teller(width, side)
            nn.init.zeros_(self.near_tell[-1].weight)
            nn.init.zeros_(self.near_tell[-1].bias)
        self.register_buffer("lips_mean", torch.zeros(len(NAMES)))
        self.register_buffer("lips_spread", torch.ones(len(NAMES)))

    def forward(self, mouths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """mouths: (B, 3, SIZE, SIZE) in [0, 1] -> twice (B, 15), and (B,) in per cent"""
        predicted = self.tell(self.features(F.avg_pool2d(mouths, SHRINK) - 0.5)).float()
        if self.near_tell is not None:
            predicted = (
                predicted + self.near_tell(self.near_features(mouths[..., *NEAR] - 0.5)).float()
            )
        values, doubt, teeth = predicted.split((len(NAMES), len(NAMES), 1), dim=1)
        return values, doubt.clamp(-4, 3), teeth[:, 0]

    @torch.inference_mode()
    def see(self, mouths: np.ndarray) -> Seen:
        """mouths: (B, SIZE, SIZE, 3) BGR uint8"""
        pictures = torch.from_numpy(mouths).to(self.lips_mean.device)
        values, doubt, teeth = self(pictures.permute(0, 3, 1, 2).float() / 255)
        values = (values * self.lips_spread + self.lips_mean).cpu().numpy()
        return Seen(
            np.clip(values, LOWEST, HIGHEST),
            doubt.exp().mean(dim=1).cpu().numpy(),
            teeth.clamp(min=0).cpu().numpy() / 100,
        )


def _stages(widths: list[int]) -> tuple[nn.Sequential, int]:
    """Convolutions that halve the picture at each width, and the last width."""
    first, *others = widths
    stages = [ConvBlock(3, first, stride=2), *residuals(first, 1)]
    for width in others:
        stages += [ConvBlock(first, width, stride=2), *residuals(width, 2)]
        first = width
    return nn.Sequential(*stages), first


def _teller(channels: int, side: int) -> nn.Sequential:
    """From features of side x side to values, doubts and teeth."""
    return nn.Sequential(
        nn.Conv2d(channels, NARROW, 1), nn.Flatten(), nn.Linear(NARROW * side * side, CODE),
        nn.LayerNorm(CODE), nn.SiLU(), nn.Linear(CODE, 2 * len(NAMES) + 1),
    )  # fmt: skip
