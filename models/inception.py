"""Inception-v3 as FID uses it: pictures to 2048 numbers, in plain torch.

Parameters have torchvision's names, so that the file of pytorch-fid (the weights of the original
TensorFlow FID) loads. torchvision's network cannot stand in: averages leave the padding out here,
and the last block takes a maximum, so that with its pooling the same weights give another FID.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

FEATURES = 2048
SIZE = 299  # px, the side of the square that the network sees


class Convolution(nn.Module):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, cin: int, cout: int, kernel, stride: int = 1, padding=0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


average_pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
max_pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
halving_pool = partial(F.max_pool2d, kernel_size=3, stride=2)


class Mixed(nn.Module):
    """Branches side by side, joined on channels; the last is a pooling of the input."""

    def __init__(self, cin: int, branches: dict[str, list], pool, pooled: int | None) -> None:
        """branches: name of a branch -> its chain of (suffix, cout, kernel, stride).

        A list in a chain is a fork, whose ends are joined. pooled: channels of the convolution
        after the pooling; None for none.
        """
        super().__init__()
        self.chains: list[list] = []
        self.pool = pool
        for branch, layers in branches.items():
            self.chains.append(self._add_chain(branch, cin, layers))
        if pooled:
            self.branch_pool = Convolution(cin, pooled, 1)

    def _add_chain(self, branch: str, channels: int, layers: list) -> list:
        chain = []
        for layer in layers:
            fork = layer if isinstance(layer, list) else [layer]
            for suffix, cout, kernel, stride in fork:
                padding = _same(kernel) if stride == 1 else 0
                convolution = Convolution(channels, cout, kernel, stride, padding)
                setattr(self, f"branch{branch}{suffix}", convolution)
            chain.append([f"branch{branch}{suffix}" for suffix, *_ in fork])
            channels = fork[0][1]
        return chain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = [self._follow(chain, x) for chain in self.chains]
        pooled = self.pool(x)
        outputs.append(self.branch_pool(pooled) if hasattr(self, "branch_pool") else pooled)
        return torch.cat(outputs, 1)

    def _follow(self, chain: list, x: torch.Tensor) -> torch.Tensor:
        for names in chain:
            x = torch.cat([getattr(self, name)(x) for name in names], 1)
        return x


def _same(kernel) -> int | tuple[int, int]:
    """Padding that keeps the size."""
    return tuple(side // 2 for side in kernel) if isinstance(kernel, tuple) else kernel // 2


def _block_a(cin: int, pooled: int) -> Mixed:
    branches = {
        "1x1": [("", 64, 1, 1)],
        "5x5": [("_1", 48, 1, 1), ("_2", 64, 5, 1)],
        "3x3dbl": [("_1", 64, 1, 1), ("_2", 96, 3, 1), ("_3", 96, 3, 1)],
    }
    return Mixed(cin, branches, average_pool, pooled)


def _block_b(cin: int) -> Mixed:
    branches = {
        "3x3": [("", 384, 3, 2)],
        "3x3dbl": [("_1", 64, 1, 1), ("_2", 96, 3, 1), ("_3", 96, 3, 2)],
    }
    return Mixed(cin, branches, halving_pool, None)


def _block_c(cin: int, c7: int) -> Mixed:
    wide, tall = (1, 7), (7, 1)
    branches = {
        "1x1": [("", 192, 1, 1)],
        "7x7": [("_1", c7, 1, 1), ("_2", c7, wide, 1), ("_3", 192, tall, 1)],
        "7x7dbl": [
            ("_1", c7, 1, 1),
            ("_2", c7, tall, 1),
            ("_3", c7, wide, 1),
            ("_4", c7, tall, 1),
            ("_5", 192, wide, 1),
        ],
    }
    return Mixed(cin, branches, average_pool, 192)


def _block_d(cin: int) -> Mixed:
    branches = {
        "3x3": [("_1", 192, 1, 1), ("_2", 320, 3, 2)],
        "7x7x3": [
            ("_1", 192, 1, 1),
            ("_2", 192, (1, 7), 1),
            ("_3", 192, (7, 1), 1),
            ("_4", 192, 3, 2),
        ],
    }
    return Mixed(cin, branches, halving_pool, None)


def _block_e(cin: int, pool) -> Mixed:
    wide, tall = (1, 3), (3, 1)
    branches = {
        "1x1": [("", 320, 1, 1)],
        "3x3": [("_1", 384, 1, 1), [("_2a", 384, wide, 1), ("_2b", 384, tall, 1)]],
        "3x3dbl": [
            ("_1", 448, 1, 1),
            ("_2", 384, 3, 1),
            [("_3a", 384, wide, 1), ("_3b", 384, tall, 1)],
        ],
    }
    return Mixed(cin, branches, pool, 192)


class Inception(nn.Module):
    """RGB pictures in [0, 1] of any size -> (B, 2048), the average of the last feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(768, 128)
        self.Mixed_6c = _block_c(768, 160)
        self.Mixed_6d = _block_c(768, 160)
        self.Mixed_6e = _block_c(768, 192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b = _block_e(1280, average_pool)
        self.Mixed_7c = _block_e(2048, max_pool)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 2048)"""
        x = F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", align_corners=False) * 2 - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halving_pool(x)))
        x = halving_pool(x)
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x = block(x)
        return x.mean(dim=(2, 3))
