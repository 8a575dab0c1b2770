"""Seeing: from a picture of a mouth to its lip motion, and how sure that is."""

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

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        first, *widths = (scaled(width, multiplier) for width in WIDTHS)
        stages = [ConvBlock(3, first, stride=2), *residuals(first, 1)]
        for width in widths:
            stages += [ConvBlock(first, width, stride=2), *residuals(width, 2)]
            first = width
        self.features = nn.Sequential(*stages)
        side = SIZE // SHRINK // 2 ** len(WIDTHS)
        self.tell = nn.Sequential(
            nn.Conv2d(first, NARROW, 1), nn.Flatten(), nn.Linear(NARROW * side * side, CODE),
            nn.LayerNorm(CODE), nn.SiLU(), nn.Linear(CODE, 2 * len(NAMES) + 1),
        )  # fmt: skip
        self.register_buffer("lips_mean", torch.zeros(len(NAMES)))
        self.register_buffer("lips_spread", torch.ones(len(NAMES)))

    def forward(self, mouths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """mouths: (B, 3, SIZE, SIZE) in [0, 1] -> twice (B, 15), and (B,) in per cent"""
        told = self.tell(self.features(F.avg_pool2d(mouths, SHRINK) - 0.5)).float()
        values, doubt, teeth = told.split((len(NAMES), len(NAMES), 1), dim=1)
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
