"""FaceFinder, the small face detector: one stage, no anchors; for a CPU and 640x360 pictures.

Ours. Each cell of four levels tells a score and distances to the edges, as in FCOS (Tian et al.,
2019), and five landmarks, as in RetinaFace (Deng et al., 2020).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import ConvBlock, residuals, scaled

STRIDES = (8, 16, 32, 64)  # pixels between neighbouring cells of each level, the finest first
LANDMARKS = 5  # the eyes, the tip of the nose, the corners of the mouth; the viewer's left first
OUTPUTS = 1 + 4 + 2 * LANDMARKS  # of a cell: score, distances to the box's edges, landmarks
LANDMARK_UNIT = 4.0  # strides: landmarks are farther from their cell than edges differ among cells
RARE = -4.6  # the score, before the sigmoid, at first: one cell in a hundred is a face
LARGEST_LOGARITHM = 5.0  # of an edge's distance in strides, so that no box is infinite


@keeps_arguments
class FaceFinder(nn.Module):
    """A face score, a box and five landmarks at every cell of four levels, 0.93 GMAC at 640x360.

    Layers of few pixels are wide and those of many narrow; the coarser levels' features are added
    to the finer ones', and one head reads all levels. To run it in 16 bits: `lower_precision`.
    """

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        self.multiplier = multiplier
        c16, c32, c64, c128, c160 = (scaled(c, multiplier) for c in (16, 32, 64, 128, 160))
        self.stem = nn.Sequential(ConvBlock(3, c16, stride=2), ConvBlock(c16, c32, stride=2))
        self.levels = nn.ModuleList(
            [
                nn.Sequential(ConvBlock(c32, c64, stride=2), *residuals(c64, 1)),
                nn.Sequential(ConvBlock(c64, c128, stride=2), *residuals(c128, 2)),
                nn.Sequential(ConvBlock(c128, c160, stride=2), *residuals(c160, 2)),
                nn.Sequential(ConvBlock(c160, c160, stride=2), *residuals(c160, 1)),
            ]
        )
        c48 = scaled(48, multiplier)
        self.narrow = nn.ModuleList(
            ConvBlock(width, c48, kernel=1, padding=0) for width in (c64, c128, c160, c160)
        )
        # One a level: a BatchNorm over several levels would have statistics that fit none.
        self.towers = nn.ModuleList(ConvBlock(c48, c48) for _ in STRIDES)
        self.head = nn.Conv2d(c48, OUTPUTS, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.bias[:1], RARE)
        nn.init.constant_(self.head.bias[1:5], 0.7)  # boxes of four strides

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """images: (B, 3, H, W) BGR levels, 0 to 255 -> (B, 15, h, w) float32 a level; see decode.

        The head works in float32 whatever the rest does: a box's edge is finer than bf16 tells.
        """
        scaled_images = (images.float() / 127.5 - 1).to(self.towers[0].conv_block[0].weight.dtype)
        features = [
            tower(feature)
            for tower, feature in zip(self.towers, self._features(scaled_images), strict=True)
        ]
        with torch.autocast(images.device.type, enabled=False):
            return [self.head(feature.float()) for feature in features]

    def lower_precision(self, dtype: torch.dtype) -> "FaceFinder":
        """All but the head in this type, in place."""
        self.to(dtype)
        self.head.float()
        return self

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(x)
        features = []
        for level, narrow in zip(self.levels, self.narrow, strict=True):
            x = level(x)
            features.append(narrow(x))
        for finer in range(len(features) - 2, -1, -1):
            rows, columns = features[finer].shape[-2:]
            above = F.interpolate(features[finer + 1], scale_factor=2.0)[..., :rows, :columns]
            features[finer] = features[finer] + above
        return features


def decode(levels: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the network's outputs mean, cell after cell, the finest level first; in pixels.

    Scores (B, cells) before the sigmoid, boxes (B, cells, 4), landmarks (B, cells, 5, 2).
    """
    outputs = torch.cat([level.flatten(2) for level in levels], dim=2).transpose(1, 2)
    centres, strides = cells([tuple(level.shape[-2:]) for level in levels], outputs.device)
    reach = outputs[..., 1:5].clamp(max=LARGEST_LOGARITHM).exp() * strides[:, None]
    boxes = torch.cat((centres - reach[..., :2], centres + reach[..., 2:]), dim=-1)
    shifts = outputs[..., 5:].unflatten(-1, (LANDMARKS, 2))
    landmarks = centres[:, None] + shifts * (LANDMARK_UNIT * strides[:, None, None])
    return outputs[..., 0], boxes, landmarks


def cells(
    shapes: list[tuple[int, int]], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the cells of levels of these rows and columns lie: (cells, 2) x, y, and their strides.

    A cell lies on the pixel that the strided convolutions are centred on.
    """
    centres, strides = [], []
    for (rows, columns), stride in zip(shapes, STRIDES, strict=True):
        y, x = torch.meshgrid(
            torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij"
        )
        centres.append(torch.stack((x, y), dim=-1).reshape(-1, 2) * float(stride))
        strides.append(torch.full((rows * columns,), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)
