"""The landmark network: 68 points of a face (iBUG's order) and how sure each is, from a crop.

Ours. Points and spreads are means and deviations of heat maps, as in integral regression (Sun et
al., 2018).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import ConvBlock, residuals, scaled
from models.shrinking import halved

POINTS = 68
BATCH = 32  # crops
CROP = 112  # pixels of a crop's side
CELL = 4  # pixels of a crop between two places that a point may be at
WIDENING = 1.35  # the crop's side over the longer side of the face's box
FLATTEST = 8.0  # levels, deviation of a crop that is not made stronger any more
GAIN = 4.0  # of the maps: without it they stay blurred for most of a training
LEAST_SPREAD = 0.25  # pixels of the crop
# A box about the points, as detectors give it, goes on above the brows and a little below the chin.
ABOVE, BELOW = 0.25, 0.025  # of the height of the points
# Which point is which in a mirror.
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip


@keeps_arguments
class LandmarkNet(nn.Module):
    """Places as the means of maps that say how likely each point is in each cell; 0.11 GMAC.

    What a point looks like is seen at 28x28 cells, where it must lie by the rest of the face at
    7x7; a map's deviation says how unsure its point is. Nothing works at full size, where a layer
    costs a CPU more time for memory than for arithmetic.
    """

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        self.multiplier = multiplier
        c48, c96, c160 = (scaled(c, multiplier) for c in (48, 96, 160))
        self.stem = ConvBlock(3, c48, kernel=7, stride=CELL, padding=3)
        self.fine = nn.Sequential(*residuals(c48, 2))
        self.middle = nn.Sequential(ConvBlock(c48, c96, stride=2), *residuals(c96, 2))
        self.whole = nn.Sequential(ConvBlock(c96, c160, stride=2), *residuals(c160, 1))
        self.narrow = nn.ModuleList([nn.Conv2d(c160, c96, 1), nn.Conv2d(c96, c48, 1)])
        self.join_middle = ConvBlock(c96, c96)
        self.join_fine = ConvBlock(c48, c48)
        self.maps = nn.Conv2d(c48, POINTS, 1)

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """crops: (B, 3, 112, 112) BGR levels -> points (B, 68, 2) and spreads (B, 68), in pixels.

        A spread is about the distance by which its point is wrong.
        """
        maps = self._features(_even(crops).to(self.maps.weight.dtype))
        with torch.autocast(crops.device.type, enabled=False):
            return _means(GAIN * maps.float())

    def _features(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.fine(self.stem(x))
        middle = self.middle(fine)
        whole = self.narrow[0](self.whole(middle))
        middle = self.join_middle(middle + F.interpolate(whole, scale_factor=2.0))
        above = F.interpolate(self.narrow[1](middle), scale_factor=2.0)
        return self.maps(self.join_fine(fine + above))


def _even(crops: torch.Tensor) -> torch.Tensor:
    """Crops of like brightness and contrast, whatever the light."""
    some = crops[:, :, ::4, ::4].float()
    mean = some.mean(dim=(1, 2, 3), keepdim=True)
    return (crops - mean) / some.std(dim=(1, 2, 3), keepdim=True).clamp(min=FLATTEST)


def _means(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean place and deviation of what (B, 68, h, w) maps say, in pixels of the crop."""
    rows, columns = (
        torch.arange(count, device=maps.device) * float(CELL) for count in maps.shape[-2:]
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    # About the middle, where the squares of places have digits to spare.
    places = torch.stack([x, y], dim=-1).flatten(0, 1) - CROP / 2
    moments = torch.cat([places, places.square().sum(dim=-1, keepdim=True)], dim=-1)
    shares = maps.permute(0, 2, 3, 1).flatten(1, 2).softmax(dim=1)
    found = shares.transpose(1, 2) @ moments
    means, squares = found[..., :2], found[..., 2]
    variance = (squares - means.square().sum(dim=-1)) / 2
    spread = (variance.clamp(min=0) + LEAST_SPREAD**2).sqrt()
    return means + CROP / 2, spread


# Points, boxes and the matrices between them count from the edge of the first pixel: its middle is
# at 0.5. cv2 counts from its middle; only what calls cv2 need care.
def matrix_of_box(box: np.ndarray) -> np.ndarray:
    """From a picture's pixels to those of the crop about a face's box. (2, 3)"""
    left, top, right, bottom = (float(edge) for edge in box[:4])
    scale = CROP / (WIDENING * max(right - left, bottom - top, 1.0))
    middle = np.array([left + right, top + bottom]) / 2
    return np.column_stack([scale * np.eye(2), CROP / 2 - scale * middle])


def matrix_of_points(points: np.ndarray) -> np.ndarray:
    """From a picture's pixels to an upright crop about a face whose points are known. (2, 3)"""
    across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    down = points[6:11].mean(axis=0) - points[17:27].mean(axis=0)
    # Of a face from the side the eyes say little of its roll, but the way to the chin does.
    upright = np.array([across[0] + down[1], across[1] - down[0]])
    cos, sin = upright / max(float(np.linalg.norm(upright)), 1e-6)
    turn = np.array([[cos, sin], [-sin, cos]])
    turned = points @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    height = high[1] - low[1]
    box = np.array([low[0], low[1] - ABOVE * height, high[0], high[1] + BELOW * height])
    matrix = matrix_of_box(box)
    return np.column_stack([matrix[:, :2] @ turn, matrix[:, 2]])


def for_cv2(matrix: np.ndarray) -> np.ndarray:
    """The same map between points that count from the middle of the first pixel. (2, 3)"""
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2].sum(axis=1) / 2 - 0.5])


def cut_crop(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The crop that `matrix` leads to; the picture's edge goes on outwards. (112, 112, 3) uint8"""
    small, to_crop = halved(image, for_cv2(matrix), (CROP, CROP))
    return cv2.warpAffine(
        small, to_crop, (CROP, CROP), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def find_landmarks(
    network: LandmarkNet,
    frames: Sequence[np.ndarray],
    boxes: Sequence[Sequence[float]],
    passes: int = 2,
    every: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 68, 2) and their spreads (n, 68), about how far each may be off, in pixels.

    One face a frame, its box of any detector. The second pass looks at an upright crop about the
    points of the first; the points then hardly depend on the box. every: of frames that follow
    each other, the first pass looks at one in so many, and takes the others' points from between.
    """
    boxes = np.asarray(boxes, float)[:, :4]
    at = sorted({*range(0, len(frames), every), len(frames) - 1})
    points, spreads = _look(network, [frames[k] for k in at], [matrix_of_box(boxes[k]) for k in at])
    if len(at) < len(frames):
        points = _between(points, at, boxes)
    for _ in range(passes - 1):
        matrices = [matrix_of_points(one) for one in points]
        points, spreads = _look(network, frames, matrices)
    return points, spreads


def _between(points: np.ndarray, at: list[int], boxes: np.ndarray) -> np.ndarray:
    """The points of some frames carried over to all, each as it lies in its frame's box."""
    corners, sizes = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    inside = ((points - corners[at]) / sizes[at]).reshape(len(at), -1)
    every = [np.interp(np.arange(len(boxes)), at, column) for column in inside.T]
    return corners + sizes * np.stack(every, axis=1).reshape(len(boxes), -1, 2)


def _look(
    network: LandmarkNet, frames: Sequence[np.ndarray], matrices: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    points, spreads = np.empty((len(frames), POINTS, 2)), np.empty((len(frames), POINTS))
    for start in range(0, len(frames), BATCH):
        span = slice(start, start + BATCH)
        crops = [
            cut_crop(frame, matrix)
            for frame, matrix in zip(frames[span], matrices[span], strict=True)
        ]
        places, unsure = _run(network, np.stack(crops))
        for at, matrix in enumerate(matrices[span]):
            points[start + at] = from_crop(places[at], matrix)
            spreads[start + at] = unsure[at] / np.hypot(*matrix[:, 0])
    return points, spreads


@torch.inference_mode()
def _run(network: LandmarkNet, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    batch = torch.from_numpy(crops).to(network.maps.weight.device).permute(0, 3, 1, 2)
    places, spreads = network(batch)
    return places.cpu().numpy().astype(float), spreads.cpu().numpy().astype(float)


def from_crop(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A crop's points in the picture's pixels. points: (n, 2)"""
    return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
