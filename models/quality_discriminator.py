"""The visual-quality discriminator: is this lower half of a face real?

That of "A lip sync expert is all you need for speech to lip generation in the wild" (Prajwal et
al., 2020).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import PlainConvBlock, fold_time, halved_sizes, scaled
from models.inputs import lower_half, lower_half_rows


@keeps_arguments
class VisualQualityDiscriminator(nn.Module):
    """Judges frames one by one.

    At 96x96 and multiplier 1 its parameters have the names and shapes of the published weights.
    """

    def __init__(self, height: int = 96, width: int = 96, multiplier: float = 1.0):
        super().__init__()
        self.height, self.width, self.multiplier = height, width, multiplier
        c32, c64, c512 = (scaled(c, multiplier) for c in (32, 64, 512))
        sizes = halved_sizes(lower_half_rows(height), (width + 1) // 2)
        stages = [
            [PlainConvBlock(3, c32, kernel=7, padding=3)],
            [
                PlainConvBlock(c32, c64, kernel=5, stride=(1, 2), padding=2),
                PlainConvBlock(c64, c64, kernel=5, padding=2),
            ],
        ]
        before = c64
        for halving in range(len(sizes) - 1):
            channels = scaled(min(128 * 2**halving, 512), multiplier)
            kernel = 5 if halving < 2 else 3
            stages.append(
                [
                    PlainConvBlock(before, channels, kernel, stride=2, padding=kernel // 2),
                    PlainConvBlock(channels, channels, kernel, padding=kernel // 2),
                ]
            )
            before = channels
        stages.append(
            [
                PlainConvBlock(before, c512, kernel=sizes[-1], padding=0),
                PlainConvBlock(c512, c512, kernel=1, padding=0),
            ]
        )
        self.face_encoder_blocks = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.binary_pred = nn.Sequential(nn.Conv2d(c512, 1, 1), nn.Sigmoid())

    def logits(self, faces: torch.Tensor) -> torch.Tensor:
        """faces: (B, 3, T, H, W) or (B, 3, H, W) in [0, 1] -> (B * T, 1) before the sigmoid.

        Losses take these: cross-entropy on probabilities is not safe in half precision.
        """
        x = lower_half(fold_time(faces) if faces.dim() == 5 else faces)
        for stage in self.face_encoder_blocks:
            x = stage(x)
        return self.binary_pred[0](x).flatten(1)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """The probability that each frame is real: (B * T, 1), all clips' first frame first."""
        return self.binary_pred[1](self.logits(faces))

    def perceptual_loss(self, faces: torch.Tensor) -> torch.Tensor:
        """What a generator pays for frames that do not look real: cross-entropy against 1."""
        logits = self.logits(faces).float()
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
