"""DAVS's speech from sound: 200 ms of MFCC to a code.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.blocks import scaled

CODE = 256
LEAK = 0.2


class SquareBranch(nn.Module):
    """Time and bands alike: 20x12 to one code."""

    def __init__(self, c64: int, c128: int, c256: int, c512: int):
        super().__init__()
        self.conv1 = nn.Conv2d(1, c64, 3, (3, 2), (1, 2), bias=False)
        self.bn1 = nn.BatchNorm2d(c64)
        self.conv2 = nn.Conv2d(c64, c128, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c128)
        self.conv3 = nn.Conv2d(c128, c256, 3, bias=False)
        self.bn3 = nn.BatchNorm2d(c256)
        self.conv4 = nn.Conv2d(c256, c512, 2, bias=False)
        self.bn5 = nn.BatchNorm2d(c512)  # never used, but in every published file

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.bn1(self.conv1(x)), LEAK)
        x = F.leaky_relu(self.bn2(self.conv2(x)), LEAK)
        x = F.leaky_relu(self.bn3(self.conv3(x)), LEAK)
        return self.conv4(x).flatten(1)


class BandBranch(nn.Module):
    """All bands of three steps at once, then time alone."""

    def __init__(self, c64: int, c256: int, c512: int):
        super().__init__()
        self.conv1 = nn.Conv2d(1, c64, (3, 12), bias=False)
        self.bn1 = nn.BatchNorm2d(c64)
        self.conv2 = nn.Conv2d(c64, c256, (3, 1), padding=(1, 0), bias=False)
        self.bn2 = nn.BatchNorm2d(c256)
        self.conv3 = nn.Conv2d(c256, c512, (3, 1), bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.bn1(self.conv1(x)), LEAK)[:, :, ::3]  # every third of 18 steps
        x = F.leaky_relu(self.bn2(self.conv2(x)), LEAK)[:, :, ::2]  # every second of 6
        return self.conv3(x).flatten(1)


class SoundEncoder(nn.Module):
    """What a sound says: ("wid" in the paper), in the same space as the lip encoder's codes."""

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        self.multiplier = multiplier
        c64, c128, c256, c512 = (scaled(c, multiplier) for c in (64, 128, 256, 512))
        self.model1 = SquareBranch(c64, c128, c256, c512)
        self.model2 = BandBranch(c64, c256, c512)
        self.fc = nn.Linear(2 * c512, CODE)

    def forward(self, mfcc: torch.Tensor) -> torch.Tensor:
        """(B, T, 1, 20, 12), windows of features' "mfcc12x20" -> (B, T, 256)."""
        clips, frames = mfcc.shape[:2]
        windows = mfcc.flatten(0, 1)
        joined = torch.cat((self.model1(windows), self.model2(windows)), dim=1)
        return self.fc(joined).unflatten(0, (clips, frames))
