"""LipGAN's layers: TensorFlow's "same" padding, its norms, and layers numbered as Keras does.

Keras names a layer by its kind and its number in order of creation. So do these networks, whose
layers lie in one list a kind: conv2d.0, conv2d.1, ..., batch_normalization.0, ...
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-3  # Keras's default for both norms; PyTorch's is 1e-5
MOMENTUM = 0.2  # Keras's .8
LEAK = 0.2
SOUND_SHAPES = {"mel": (80, 27), "mfcc": (12, 35)}  # rows and columns of what a frame hears


class SameConv2d(nn.Conv2d):
    """A convolution that gives ceil(n / stride); the odd pixel of padding goes below and right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        top, bottom = _padding(x.shape[-2], self.kernel_size[0], self.stride[0])
        left, right = _padding(x.shape[-1], self.kernel_size[1], self.stride[1])
        return super().forward(F.pad(x, (left, right, top, bottom)))


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    size = int(size)  # a plain number also while a graph is traced
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution that gives n x stride; what is over is cut, more at the end."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        for axis, kernel, stride in zip((-2, -1), self.kernel_size, self.stride, strict=True):
            y = y.narrow(axis, (kernel - stride) // 2, int(x.shape[axis]) * stride)
        return y


class InstanceNormalization(nn.Module):
    """One mean and one deviation over a sample, channels too; one gain and one bias in all."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(dim=(1, 2, 3), keepdim=True)
        variance = centred.square().mean(dim=(1, 2, 3), keepdim=True)
        deviation = variance.clamp(min=1e-12).sqrt()  # the root's slope is infinite at 0
        return centred / (deviation + EPSILON) * self.weight + self.bias


@dataclass(frozen=True)
class Layer:
    """A convolution of a network's lists, by number, and the norm after it."""

    kind: str  # the list that the convolution lies in
    number: int
    norm: int | None  # None: the bare convolution, without activation
    rows_on_top: int = 0  # of zeros, put before its input


@dataclass(frozen=True)
class Residual:
    """Two layers, each with its activation, to which their input is added."""

    first: Layer
    second: Layer


class NumberedNetwork(nn.Module):
    """A network whose layers lie in numbered lists, and the chains in which they are applied."""

    norm_name = "batch_normalization"

    def __init__(self):
        super().__init__()
        self.conv2d = nn.ModuleList()
        self.conv2d_transpose = nn.ModuleList()
        self.add_module(self.norm_name, nn.ModuleList())
        self._layers: list[Layer] = []

    def make_norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)

    def add_conv(
        self, cin, cout, kernel=3, stride=1, *, valid=False, bare=False, rows_on_top=0
    ) -> Layer:
        """Append a convolution and its norm. valid: without padding; bare: without norm."""
        make = nn.Conv2d if valid else SameConv2d
        self.conv2d.append(make(cin, cout, kernel, stride))
        norm = None if bare else self._add_norm(cout)
        return self._noted(Layer("conv2d", len(self.conv2d) - 1, norm, rows_on_top))

    def add_up(self, cin, cout, kernel=3, stride=2) -> Layer:
        """Append a transposed convolution and its norm."""
        self.conv2d_transpose.append(SameConvTranspose2d(cin, cout, kernel, stride))
        number = len(self.conv2d_transpose) - 1
        return self._noted(Layer("conv2d_transpose", number, self._add_norm(cout)))

    def add_residuals(self, channels: int, count: int) -> list[Residual]:
        """Append `count` blocks of two convolutions that keep the channels."""
        pairs = [
            (self.add_conv(channels, channels), self.add_conv(channels, channels))
            for _ in range(count)
        ]
        return [Residual(*pair) for pair in pairs]

    def run(self, chain: list[Layer | Residual], x: torch.Tensor) -> torch.Tensor:
        """Apply the layers of a chain, one after the other."""
        for link in chain:
            if isinstance(link, Residual):
                x = self.activate(x + self._through(link.second, self._through(link.first, x)))
            else:
                x = self._through(link, x)
        return x

    def norm_pairs(self) -> Iterator[tuple[str, str]]:
        """Names of each convolution and of its norm, for models.folding."""
        for layer in self._layers:
            if layer.norm is not None:
                yield f"{layer.kind}.{layer.number}", f"{self.norm_name}.{layer.norm}"

    def _noted(self, layer: Layer) -> Layer:
        self._layers.append(layer)
        return layer

    def _add_norm(self, channels: int) -> int:
        norms = getattr(self, self.norm_name)
        norms.append(self.make_norm(channels))
        return len(norms) - 1

    def _through(self, layer: Layer, x: torch.Tensor) -> torch.Tensor:
        if layer.rows_on_top:
            x = F.pad(x, (0, 0, layer.rows_on_top, 0))
        x = getattr(self, layer.kind)[layer.number](x)
        if layer.norm is None:
            return x
        return self.activate(getattr(self, self.norm_name)[layer.norm](x))


def bottleneck_size(height: int, width: int) -> tuple[int, int]:
    """What five halvings, each rounded up, leave of a face: 3x3 of 96x96."""
    return -(-height // 32), -(-width // 32)


def check_sound(sound: str) -> None:
    """Raises ValueError unless `sound` is one that LipGAN has a branch for."""
    if sound not in SOUND_SHAPES:
        raise ValueError(f"LipGAN hears {' or '.join(SOUND_SHAPES)}, not {sound!r}")
