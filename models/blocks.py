"""Blocks that the networks share: convolutions with their norm, and the sizes of stages."""

import torch
from torch import nn


def scaled(channels: int, multiplier: float) -> int:
    """A channel width of the original's, made narrower or wider."""
    return max(1, round(channels * multiplier))


def halved_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes that stride-2 convolutions pass through, from the given one to the bottleneck.

    96x96 ends at 3x3 after five halvings, 288x192 at 5x3 after six.
    """
    sizes = [(height, width)]
    while min(sizes[-1]) > 4:
        rows, columns = sizes[-1]
        sizes.append(((rows + 1) // 2, (columns + 1) // 2))
    return sizes


class ConvBlock(nn.Module):
    """Convolution, BatchNorm, the input added if `residual`, ReLU."""

    def __init__(self, cin, cout, kernel=3, stride=1, padding=1, residual=False):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(cin, cout, kernel, stride, padding), nn.BatchNorm2d(cout)
        )
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class PlainConvBlock(nn.Module):
    """Convolution and LeakyReLU, without a norm: the discriminator's block."""

    def __init__(self, cin, cout, kernel=3, stride=1, padding=1):
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, padding))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.leaky_relu(self.conv_block(x), 0.01)


class UpBlock(nn.Module):
    """Transposed convolution, BatchNorm, ReLU."""

    def __init__(self, cin, cout, kernel=3, stride=2, padding=1, output_padding=0):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(cin, cout, kernel, stride, padding, output_padding),
            nn.BatchNorm2d(cout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv_block(x))


def residuals(channels: int, count: int) -> list[ConvBlock]:
    """`count` residual blocks that keep the channels."""
    return [ConvBlock(channels, channels, residual=True) for _ in range(count)]


def mel_encoder(multiplier: float, deep_residuals: int) -> nn.Sequential:
    """(B, 1, 80, 16) mel windows -> (B, 512 x multiplier, 1, 1).

    `deep_residuals`: blocks at 3x3; the generator has one, the expert two.
    """
    c32, c64, c128, c256, c512 = (scaled(c, multiplier) for c in (32, 64, 128, 256, 512))
    return nn.Sequential(
        ConvBlock(1, c32),
        *residuals(c32, 2),
        ConvBlock(c32, c64, stride=(3, 1)),  # 27 x 16
        *residuals(c64, 2),
        ConvBlock(c64, c128, stride=3),  # 9 x 6
        *residuals(c128, 2),
        ConvBlock(c128, c256, stride=(3, 2)),  # 3 x 3
        *residuals(c256, deep_residuals),
        ConvBlock(c256, c512, padding=0),  # 1 x 1
        ConvBlock(c512, c512, kernel=1, padding=0),
    )


def fold_time(sequence: torch.Tensor) -> torch.Tensor:
    """(B, C, T, H, W) -> (T * B, C, H, W), all clips' first frame first, as the original folds."""
    return sequence.permute(2, 0, 1, 3, 4).flatten(0, 1)


def unfold_time(frames: torch.Tensor, clips: int) -> torch.Tensor:
    """The reverse of fold_time: (T * B, C, H, W) -> (B, C, T, H, W)."""
    return frames.unflatten(0, (-1, clips)).permute(1, 2, 0, 3, 4)
