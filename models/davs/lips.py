"""DAVS's speech from pictures: a face alignment network whose heat maps become a code.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019); the inner network is that of "How far are we from solving the 2D & 3D Face Alignment
problem?" (Bulat and Tzimiropoulos, ICCV 2017), with aligned corners where it grows.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.blocks import scaled
from models.davs.identity import CODE, SIZE

LANDMARKS = 68
DEPTH = 4  # of the hourglass
DROPOUT = 0.5  # of what goes past each of its depths, in training


class PreActivationBlock(nn.Module):
    """Three convolutions, of half, quarter and quarter width, joined and added to the input."""

    def __init__(self, cin: int, cout: int):
        super().__init__()
        half, quarter = cout // 2, cout // 4
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, half, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, 1, 1, bias=False)
        self.downsample = None
        if cin != cout:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(cin), nn.ReLU(), nn.Conv2d(cin, cout, 1, bias=False)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.conv1(torch.relu(self.bn1(x)))
        second = self.conv2(torch.relu(self.bn2(first)))
        third = self.conv3(torch.relu(self.bn3(second)))
        joined = torch.cat((first, second, third), dim=1)
        return joined + (x if self.downsample is None else self.downsample(x))


class Hourglass(nn.Module):
    """Halves its input four times and grows it again, with a branch beside each size."""

    def __init__(self, channels: int):
        super().__init__()
        self.dropout = DROPOUT
        for level in range(DEPTH, 0, -1):
            for branch in ("b1", "b2", "b3"):
                self.add_module(f"{branch}_{level}", PreActivationBlock(channels, channels))
        self.b2_plus_1 = PreActivationBlock(channels, channels)

    def forward(self, x: torch.Tensor, level: int = DEPTH) -> torch.Tensor:
        beside = F.dropout(getattr(self, f"b1_{level}")(x), self.dropout, self.training)
        low = getattr(self, f"b2_{level}")(F.max_pool2d(x, 2))
        low = self.forward(low, level - 1) if level > 1 else self.b2_plus_1(low)
        low = getattr(self, f"b3_{level}")(low)
        return beside + grow(low)


def grow(x: torch.Tensor) -> torch.Tensor:
    """Twice as large, corners on corners: what bilinear growth meant when DAVS was trained."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class AlignmentNetwork(nn.Module):
    """A face to 68 heat maps."""

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        c64, c128, c256 = (4 * scaled(channels // 4, multiplier) for channels in (64, 128, 256))
        self.conv1 = nn.Conv2d(3, c64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(c64)
        self.conv2 = PreActivationBlock(c64, c128)
        self.conv3 = PreActivationBlock(c128, c128)
        self.conv4 = PreActivationBlock(c128, c256)
        self.m0 = Hourglass(c256)
        self.top_m_0 = PreActivationBlock(c256, c256)
        self.conv_last0 = nn.Conv2d(c256, c256, 1)
        self.bn_end0 = nn.BatchNorm2d(c256)
        self.l0 = nn.Conv2d(c256, LANDMARKS, 1)
        # Never used, but in every published file.
        self.conv5 = nn.Conv2d(c256, c256, 5)
        self.conv6 = nn.Conv2d(LANDMARKS, 1, 3, 2, 1)
        self.fc = nn.Linear(32 * 32, CODE)

    def forward(self, face: torch.Tensor) -> torch.Tensor:
        """(N, 3, 256, 256) -> (N, 68, 64, 64)."""
        x = torch.relu(self.bn1(self.conv1(face)))
        x = F.max_pool2d(self.conv2(x), 2)
        x = self.top_m_0(self.m0(self.conv4(self.conv3(x))))
        return self.l0(torch.relu(self.bn_end0(self.conv_last0(x))))


class LipEncoder(nn.Module):
    """What a face says: ("wid" in the paper), from pictures."""

    def __init__(self, multiplier: float = 1.0, size: int = SIZE):
        super().__init__()
        self.multiplier = multiplier
        self.model = AlignmentNetwork(multiplier)
        self.bn1 = nn.BatchNorm2d(LANDMARKS)
        self.conv6 = nn.Conv2d(LANDMARKS, 1, 3, 2, 1)
        self.fc = nn.Linear((size // 8) ** 2, CODE)
        # All that is seen goes through one ReLU of one map. As torch begins it dies within a
        # hundred steps, everywhere and for good, and every face has one code.
        nn.init.kaiming_normal_(self.conv6.weight)
        nn.init.constant_(self.conv6.bias, 2.0)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """(B, T, 3, 256, 256) RGB in [0, 1] -> (B, T, 256)."""
        clips, frames = faces.shape[:2]
        maps = torch.relu(self.bn1(self.model(faces.flatten(0, 1))))
        codes = self.fc(torch.relu(self.conv6(maps)).flatten(1))
        return codes.unflatten(0, (clips, frames))

    def drop_out(self, share: float) -> None:
        """How much training leaves out beside the hourglass; the published code left out half."""
        self.model.m0.dropout = share
