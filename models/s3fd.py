"""S3FD's network (Zhang et al. 2017): a face score and a box at every cell of six scales."""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import scaled

# (name of the layer, its convolutions) of the VGG-16 trunk; a pooling of 2 follows each group.
TRUNK = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
HEADS = ("conv3_3_norm", "conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2", "conv7_2")


class L2Norm(nn.Module):
    """Scales each pixel's feature vector to a learned length, one gain a channel."""

    def __init__(self, channels: int, initial: float):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10
        return x / length * self.weight[:, None, None]


@keeps_arguments
class S3FD(nn.Module):
    """Single-shot face detector; at multiplier 1 it has the published weights' names and shapes."""

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        self.multiplier = multiplier
        channels = 3
        for group, (width, count) in enumerate(TRUNK, start=1):
            for index in range(1, count + 1):
                wider = scaled(width, multiplier)
                self.add_module(f"conv{group}_{index}", nn.Conv2d(channels, wider, 3, padding=1))
                channels = wider
        c128, c256, c512, c1024 = (scaled(c, multiplier) for c in (128, 256, 512, 1024))
        self.fc6 = nn.Conv2d(channels, c1024, 3, padding=3)
        self.fc7 = nn.Conv2d(c1024, c1024, 1)
        self.conv6_1 = nn.Conv2d(c1024, c256, 1)
        self.conv6_2 = nn.Conv2d(c256, c512, 3, stride=2, padding=1)
        self.conv7_1 = nn.Conv2d(c512, c128, 1)
        self.conv7_2 = nn.Conv2d(c128, c256, 3, stride=2, padding=1)
        self.conv3_3_norm = L2Norm(c256, 10.0)
        self.conv4_3_norm = L2Norm(c512, 8.0)
        self.conv5_3_norm = L2Norm(c512, 5.0)
        for head, width in zip(HEADS, (c256, c512, c512, c1024, c512, c256), strict=True):
            scores = 4 if head == HEADS[0] else 2
            self.add_module(f"{head}_mbox_conf", nn.Conv2d(width, scores, 3, padding=1))
            self.add_module(f"{head}_mbox_loc", nn.Conv2d(width, 4, 3, padding=1))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """images: (B, 3, H, W), colour means subtracted -> [scores, offsets] x 6, finest first.

        Scores are (B, 2, h, w) before softmax, background then face; offsets (B, 4, h, w) against
        the cell's anchor. Strides 4, 8, 16, 32, 64, 128.
        """
        outputs = []
        for head, features in zip(HEADS, self._features(images), strict=True):
            scores = getattr(self, f"{head}_mbox_conf")(features)
            if scores.shape[1] == 4:  # the finest scale has three backgrounds: keep the likeliest
                background = scores[:, :3].amax(dim=1, keepdim=True)
                scores = torch.cat((background, scores[:, 3:]), dim=1)
            outputs += [scores, getattr(self, f"{head}_mbox_loc")(features)]
        return outputs

    def _features(self, x: torch.Tensor) -> list[torch.Tensor]:
        features = []
        for group, (_, count) in enumerate(TRUNK, start=1):
            for index in range(1, count + 1):
                x = F.relu(getattr(self, f"conv{group}_{index}")(x))
            if group >= 3:
                features.append(getattr(self, f"conv{group}_3_norm")(x))
            x = F.max_pool2d(x, 2)
        x = F.relu(self.fc7(F.relu(self.fc6(x))))
        features.append(x)
        for group in (6, 7):
            x = F.relu(getattr(self, f"conv{group}_1")(x))
            x = F.relu(getattr(self, f"conv{group}_2")(x))
            features.append(x)
        return features
