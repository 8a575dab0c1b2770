"""AV-HuBERT's front ends: a column of sound, and mouths in motion, each to a vector a frame.

"Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction" (Shi et al.,
ICLR 2022).
"""

import torch
from torch import nn

from models.blocks import scaled

SOUND_BANDS = 104  # features' "logfbank"
RESNET_CHANNELS = (64, 128, 256, 512)  # of ResNet-18's four layers
PLACES = 3 * 3  # that are left of a picture of 88x88 after them


class SoundFrontEnd(nn.Module):
    """One linear layer."""

    def __init__(self, width: int):
        super().__init__()
        self.proj = nn.Linear(SOUND_BANDS, width)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        """(B, 104, T) -> (B, T, width)."""
        return self.proj(sound.transpose(1, 2))


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut, with a PReLU slope for every channel."""

    def __init__(self, cin: int, cout: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.relu1 = nn.PReLU(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.relu2 = nn.PReLU(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + (x if self.downsample is None else self.downsample(x)))


class Trunk(nn.Module):
    """ResNet-18 without its first layer and its last."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        before = channels[0]
        for number, cout in enumerate(channels, start=1):
            first = BasicBlock(before, cout, stride=1 if number == 1 else 2)
            self.add_module(f"layer{number}", nn.Sequential(first, BasicBlock(cout, cout, 1)))
            before = cout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 64, 22, 22) -> (N, 512, 3, 3)."""
        for layer in self.children():
            x = layer(x)
        return x


class MouthResNet(nn.Module):
    """Five frames at a time, then each by itself.

    keeps_places: tell where in the picture something is, where the published average it away. A
    narrow network of few pictures learns how far lips are apart much sooner so.
    """

    def __init__(self, channels: tuple[int, ...], keeps_places: bool = False):
        super().__init__()
        self.keeps_places = keeps_places
        self.frontend3D = nn.Sequential(
            nn.Conv3d(1, channels[0], (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(channels[0]),
            nn.PReLU(channels[0]),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.trunk = Trunk(channels)

    def forward(self, mouths: torch.Tensor) -> torch.Tensor:
        """(B, 1, T, 88, 88) -> (B, 512, T), or (B, 512 x PLACES, T)."""
        x = self.frontend3D(mouths).transpose(1, 2)  # (B, T, 64, 22, 22)
        x = self.trunk(x.flatten(0, 1))
        codes = x.flatten(1) if self.keeps_places else x.mean(dim=(2, 3))
        return codes.unflatten(0, (len(mouths), -1)).transpose(1, 2)


class MouthFrontEnd(nn.Module):
    """Mouths, grey, 88x88, (level / 255 - 0.421) / 0.165, at 25 frames per second."""

    def __init__(self, width: int, multiplier: float = 1.0, keeps_places: bool = False):
        super().__init__()
        channels = tuple(scaled(count, multiplier) for count in RESNET_CHANNELS)
        self.resnet = MouthResNet(channels, keeps_places)
        self.proj = nn.Linear(channels[-1] * (PLACES if keeps_places else 1), width)

    def forward(self, mouths: torch.Tensor) -> torch.Tensor:
        """(B, 1, T, 88, 88) -> (B, T, width)."""
        return self.proj(self.resnet(mouths).transpose(1, 2))
