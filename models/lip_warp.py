"""The lip warp: a face and fifteen lip numbers -> the same face with that mouth.

Nothing is masked and little is painted: the network says for each pixel of the new picture where
it comes from in the given one (a flow), where in a second picture of the same face (a flow again:
teeth that the given mouth hides), or, where neither shows it, what colour it has. The flows are
applied to a frame's own pixels at its own size, so that skin, beard and lens stay what they were.

Ours. Moving pixels by a predicted flow and visibility is the idea of first-order motion models
(Siarohin et al., 2019); here lip numbers drive it, and true flows teach it.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import scaled
from models.lip_motion import NAMES
from models.mouth_crop import SIZE

KINDS = 6  # what a pixel may show, see training/pair_files.py
WIDTHS = (24, 48, 96, 128)  # at 80, 40, 20 and 10 pixels
CODE = 128


class Warp(NamedTuple):
    """How the new picture is made of the given one, the reference and paint."""

    flow: torch.Tensor  # (B, 2, SIZE/2, SIZE/2): right, down, in pixels of SIZE
    reference_flow: torch.Tensor  # the same into the reference
    layers: torch.Tensor  # (B, 3, SIZE, SIZE) logits: given, reference, paint
    paint: torch.Tensor  # (B, 3, SIZE, SIZE) in [0, 1]
    kinds: torch.Tensor | None  # (B, KINDS, SIZE/2, SIZE/2) logits; in training only


class ConvNorm(nn.Sequential):
    """Convolution and BatchNorm, which folds into it when the network only runs."""

    def __init__(self, cin: int, cout: int, kernel: int = 3, stride: int = 1):
        super().__init__(
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout)
        )


class Residual(nn.Module):
    """Two convolutions beside the input; with `code`, its numbers scale and shift each channel."""

    def __init__(self, channels: int, code: int = 0):
        super().__init__()
        self.first, self.second = ConvNorm(channels, channels), ConvNorm(channels, channels)
        self.told = nn.Linear(code, 2 * channels) if code else None

    def forward(self, x: torch.Tensor, code: torch.Tensor | None = None) -> torch.Tensor:
        y = self.first(x)
        if self.told is not None:
            scale, shift = self.told(code)[..., None, None].chunk(2, dim=1)
            y = torch.addcmul(shift, y, 1 + scale)
        y = self.second(F.relu(y, inplace=True))
        return F.relu(y.add_(x), inplace=True)


@keeps_arguments
class LipWarp(nn.Module):
    """A U-Net over half the picture's resolution, told the lip numbers at every scale."""

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        widths = [scaled(width, multiplier) for width in WIDTHS]
        self.stem = ConvNorm(2 * 3 * 4 + 2, widths[0])  # two pictures and where each pixel lies
        self.down = nn.ModuleList(
            ConvNorm(widths[k], widths[k + 1], stride=2) for k in range(len(widths) - 1)
        )
        self.look = nn.ModuleList(Residual(width) for width in widths[1:])
        self.code = nn.Sequential(
            nn.Linear(2 * len(NAMES), CODE), nn.ReLU(), nn.Linear(CODE, CODE), nn.ReLU()
        )
        self.middle = nn.ModuleList(Residual(widths[-1], CODE) for _ in range(3))
        self.up = nn.ModuleList(
            ConvNorm(widths[k + 1] + widths[k], widths[k], kernel=1)
            for k in reversed(range(len(widths) - 1))
        )
        self.move = nn.ModuleList(
            Residual(widths[k], CODE) for k in reversed(range(len(widths) - 1))
        )
        # How each pixel moves with each number, what they leave over, and the reference's flow.
        self.flows = nn.Conv2d(widths[0], 2 * (len(NAMES) + 2), 3, padding=1)
        self.colours = nn.Conv2d(widths[0], (3 + 3) * 4, 3, padding=1)  # layers and paint
        self.kinds = nn.Conv2d(widths[0], KINDS, 1)
        self.register_buffer("lips_mean", torch.zeros(len(NAMES)))
        self.register_buffer("lips_spread", torch.ones(len(NAMES)))
        for last in (self.flows, self.colours):
            nn.init.normal_(last.weight, std=1e-3)
            nn.init.zeros_(last.bias)

    def forward(
        self,
        face: torch.Tensor,
        reference: torch.Tensor,
        lips: torch.Tensor,
        face_lips: torch.Tensor,
    ) -> Warp:
        """face, reference: (B, 3, SIZE, SIZE) in [0, 1]; lips: (B, 15) wanted

        face_lips: (B, 15), what the given mouth does, as models/lip_seeing.py sees it: what is
        wrong with it the network corrects by its own look.
        """
        wanted, given = ((x - self.lips_mean) / self.lips_spread for x in (lips, face_lips))
        code = self.code(torch.cat([wanted, given], dim=1))
        x = torch.cat([face - 0.5, reference - 0.5], dim=1)
        x, skips = F.relu(self._begin(x), inplace=True), []
        for down, look in zip(self.down, self.look, strict=True):
            skips.append(x)
            x = look(F.relu(down(x), inplace=True))
        for block in self.middle:
            x = block(x, code)
        for up, move, skip in zip(self.up, self.move, reversed(skips), strict=True):
            x = move(F.relu(_joined(up, x, skip), inplace=True), code)
        flow, reference_flow = self.movement(x, (wanted - given).float())
        layers, paint = self._paint(x).float().split(3, dim=1)
        layers = layers + layers.new_tensor([2.0, -2.0, -1.0])[:, None, None]  # begin with: given
        kinds = self.kinds(x).float() if self.training else None
        return Warp(flow, reference_flow, layers, torch.sigmoid(paint), kinds)

    def _begin(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the stem makes of both pictures at half their size. (B, 6, SIZE, SIZE)"""
        convolution, norm = self.stem
        of_pictures, of_places = convolution.weight.split((pictures.shape[1] * 4, 2), dim=1)
        weights = torch.cat([_by_pixels(of_pictures, 1), of_places], dim=1)
        x = torch.cat([_unshuffled(pictures), _places(pictures)], dim=1)
        return norm(F.conv2d(x, weights, convolution.bias, padding=1))

    def _paint(self, x: torch.Tensor) -> torch.Tensor:
        """Layers and paint at the whole size. (B, 6, SIZE, SIZE)"""
        weights, bias = (_by_pixels(part, 0) for part in (self.colours.weight, self.colours.bias))
        return _shuffled(F.conv2d(x, weights, bias, padding=1))

    def movement(self, x: torch.Tensor, change: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both flows. A blendshape moves each point along a line of its own, so that most of a
        movement is a sum over the numbers' changes (B, 15); the rest is said beside.
        """
        predicted = self.flows(x).float().permute(0, 2, 3, 1)  # (B, h, w, 34): as it lies
        height, width = predicted.shape[1:3]
        flows = predicted.flatten(1, 2) @ _sums(change)  # (B, h w, 4)
        flow, reference_flow = flows.unflatten(1, (height, width)).split(2, dim=-1)
        return flow.permute(0, 3, 1, 2), reference_flow.permute(0, 3, 1, 2)


def _sums(change: torch.Tensor) -> torch.Tensor:
    """What each number that is predicted adds to right and down of the two flows. (B, 34, 4)

    The lines of movement by how far their numbers change, twice; what is left over, and the
    reference's flow, eight times.
    """
    way = torch.eye(2, dtype=change.dtype, device=change.device)
    lines = (2 * change[:, :, None, None] * way).flatten(1, 2)  # (B, 30, 2)
    beside = F.pad(8 * torch.eye(4, dtype=change.dtype, device=change.device), (0, 0, 30, 0))
    return F.pad(lines, (0, 2, 0, 4)) + beside


def _joined(up: ConvNorm, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    """A convolution of one pixel over both, x enlarged twice: the same in either order, and x
    costs a quarter before it is enlarged.
    """
    convolution, norm = up
    of_x, of_skip = convolution.weight.split((x.shape[1], skip.shape[1]), dim=1)
    below = F.interpolate(F.conv2d(x, of_x), scale_factor=2.0, mode="nearest")
    return norm(below + F.conv2d(skip, of_skip, convolution.bias))


# F.pixel_unshuffle and F.pixel_shuffle by two put the four pixels of a channel together, which
# takes memory number by number. Here the channels of a pixel stay together, as they lie there; the
# weights, which are few, are put into that order.
def _unshuffled(x: torch.Tensor) -> torch.Tensor:
    """(B, C, 2 h, 2 w) -> (B, 4 C, h, w), pixel after pixel."""
    blocks = x.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return blocks.transpose(2, 3).flatten(3).permute(0, 3, 1, 2)


def _shuffled(x: torch.Tensor) -> torch.Tensor:
    """(B, 4 C, h, w), pixel after pixel -> (B, C, 2 h, 2 w)"""
    blocks = x.permute(0, 2, 3, 1).unflatten(3, (2, 2, -1))
    return blocks.transpose(2, 3).flatten(1, 2).flatten(2, 3).permute(0, 3, 1, 2)


def _by_pixels(weights: torch.Tensor, dim: int) -> torch.Tensor:
    """Weights for or of channels of four pixels each, in the order of pixels."""
    return weights.unflatten(dim, (-1, 4)).transpose(dim, dim + 1).flatten(dim, dim + 1)


def _places(x: torch.Tensor) -> torch.Tensor:
    """Where each pixel of half the resolution lies, -1 to 1. (B, 2, SIZE/2, SIZE/2)"""
    axis = torch.linspace(-1, 1, SIZE // 2, device=x.device, dtype=x.dtype)
    down, right = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([right, down]).expand(x.shape[0], -1, -1, -1)


def move_pixels(picture: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """The picture with each pixel fetched from where the flow says. flow: of half the resolution"""
    height, width = picture.shape[-2:]
    flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
    right = (torch.arange(width, device=flow.device) + 0.5 + flow[:, 0]) * 2 / width - 1
    down = torch.arange(height, device=flow.device)[:, None] + 0.5 + flow[:, 1]
    grid = torch.stack([right, down * 2 / height - 1], dim=-1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def compose(warp: Warp, face: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """The new picture. (B, 3, SIZE, SIZE)"""
    given, other, paint = torch.softmax(warp.layers, dim=1).split(1, dim=1)
    moved = given * move_pixels(face, warp.flow)
    return moved + other * move_pixels(reference, warp.reference_flow) + paint * warp.paint
