"""The lip-sync expert: do these five mouths and this sound belong together?

SyncNet (Chung and Zisserman, 2016) as "A lip sync expert is all you need" (Prajwal et al., 2020)
changed it: in colour, deeper, with residual convolutions and a cosine in place of a distance.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import ConvBlock, halved_sizes, mel_encoder, residuals, scaled
from models.inputs import lower_half_rows

LIP_FRAMES = 5


@keeps_arguments
class SyncNet(nn.Module):
    """Embeds mouths and sound on one unit sphere; after ReLU, so their cosine lies in [0, 1].

    At 96x96 and multiplier 1 its parameters have the names and shapes of the published expert.
    `height` and `width` are the whole face's; the expert sees its lower half.
    """

    def __init__(self, height: int = 96, width: int = 96, multiplier: float = 1.0):
        super().__init__()
        self.height, self.width, self.multiplier = height, width, multiplier
        c32, c64, c512 = (scaled(c, multiplier) for c in (32, 64, 512))
        rows = lower_half_rows(height)
        # The second convolution (kernel 5, padding 1) halves the width alone: a half face is wide.
        sizes = halved_sizes(rows - 2, (width - 3) // 2 + 1)
        halvings = len(sizes) - 1
        layers = [
            ConvBlock(3 * LIP_FRAMES, c32, kernel=7, padding=3),
            ConvBlock(c32, c64, kernel=5, stride=(1, 2), padding=1),
            *residuals(c64, 2),
        ]
        before = c64
        for halving in range(halvings):
            channels = scaled(min(128 * 2**halving, 512), multiplier)
            layers.append(ConvBlock(before, channels, stride=2))
            layers += residuals(channels, _residual_count(halving, halvings))
            before = channels
        layers.append(ConvBlock(before, c512, kernel=sizes[-1], padding=0))
        layers.append(ConvBlock(c512, c512, kernel=1, padding=0))
        self.face_encoder = nn.Sequential(*layers)
        self.audio_encoder = mel_encoder(multiplier, deep_residuals=2)

    def forward(self, mel: torch.Tensor, mouths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """mel (B, 1, 80, 16), mouths (B, 15, H / 2, W) -> their unit vectors, (B, 512) each."""
        return self.embed_sound(mel), self.embed_mouths(mouths)

    def embed_sound(self, mel: torch.Tensor) -> torch.Tensor:
        """(B, 1, 80, 16) -> (B, 512), length 1."""
        return F.normalize(self.audio_encoder(mel).flatten(1), dim=1)

    def embed_mouths(self, mouths: torch.Tensor) -> torch.Tensor:
        """(B, 15, H / 2, W), as models.inputs.lip_window stacks them -> (B, 512), length 1."""
        return F.normalize(self.face_encoder(mouths).flatten(1), dim=1)


def _residual_count(halving: int, halvings: int) -> int:
    if halving == halvings - 1:
        return 0
    return 3 if halving == 0 else 2
