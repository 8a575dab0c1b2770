"""DAVS's decoder: an identity and a speech code to a face.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019). For faces smaller than the paper's its first groups are left out.
"""

import math

import torch
from torch import nn

from models.blocks import scaled
from models.davs.identity import CODE, SIZE, SKIP_CHANNELS
from models.davs.lips import grow

# Channels of each group's convolutions; every group doubles the size: 4 to 256.
GROUPS = ((512,) * 2, (512,) * 3, (256,) * 4, (256,) * 4, (128,) * 3, (64,) * 2)
SKIP_BEFORE = 3  # the group that is also given the identity encoder's 32x32 map


class ConvGroup(nn.Module):
    """Convolutions with BatchNorm and ReLU, then twice the size."""

    def __init__(self, number: int, cin: int, channels: list[int]):
        super().__init__()
        self.names = [f"conv{number}_{index}" for index in range(len(channels))]
        for name, cout in zip(self.names, channels, strict=True):
            self.add_module(name, nn.Conv2d(cin, cout, 3, 1, 1))
            self.add_module(f"{name}_bn", nn.BatchNorm2d(cout))
            cin = cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.names:
            x = torch.relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)))
        return grow(x)

    def norm_pairs(self) -> list[tuple[str, str]]:
        """Names of each convolution and of its norm, for models.folding."""
        return [(name, f"{name}_bn") for name in self.names]


class DAVSDecoder(nn.Module):
    """Paints a face of 256x256, or of half or a quarter of that."""

    def __init__(self, multiplier: float = 1.0, size: int = SIZE):
        super().__init__()
        self.multiplier = multiplier
        self.groups = range(round(math.log2(SIZE / size)), len(GROUPS))
        before = scaled(512, multiplier)
        self.deconv1_1_new = nn.ConvTranspose2d(2 * CODE, before, 4)
        self.deconv1_1_bn = nn.BatchNorm2d(before)
        for index in self.groups:
            channels = [scaled(count, multiplier) for count in GROUPS[index]]
            skip = scaled(SKIP_CHANNELS, multiplier) if index == SKIP_BEFORE else 0
            group = ConvGroup(index + 1, before + skip, channels)
            self.add_module(f"convblock{index + 1}", group)
            before = channels[-1]
        last = scaled(32, multiplier)
        self.conv7_1 = nn.ConvTranspose2d(before, last, 3, 1, 1)
        self.conv7_1_bn = nn.BatchNorm2d(last)
        self.conv7_2 = nn.ConvTranspose2d(last, 3, 3, 1, 1)

    def forward(
        self, identity: torch.Tensor, skip: torch.Tensor, speech: torch.Tensor
    ) -> torch.Tensor:
        """Codes (B, 256) each, the encoder's map (B, 160, 32, 32) -> (B, 3, 256, 256) in [0, 1]."""
        x = self.deconv1_1_new(torch.cat((identity, speech), dim=1)[:, :, None, None])
        x = torch.relu(self.deconv1_1_bn(x))
        for index in self.groups:
            if index == SKIP_BEFORE:
                x = torch.cat((skip, x), dim=1)
            x = getattr(self, f"convblock{index + 1}")(x)
        x = torch.relu(self.conv7_1_bn(self.conv7_1(x)))
        return (torch.tanh(self.conv7_2(x)) + 1) / 2

    def norm_pairs(self) -> list[tuple[str, str]]:
        """Names of each convolution and of its norm, for models.folding."""
        return [("deconv1_1_new", "deconv1_1_bn"), ("conv7_1", "conv7_1_bn")]
