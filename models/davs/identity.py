"""DAVS's identity encoder, and the judge that looks for the spoken word in what it says.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.blocks import scaled

CODE = 256  # of identity, and of speech
SIZE = 256  # pixels of a face's side in the published networks; 64 or 128 make smaller ones
# Blocks by number and channels; a stage begins with a pooling, block 1 halves the picture itself.
STAGES = (
    (("11", 32), ("12", 32), ("13", 64), ("14", 64)),
    (("21", 96), ("22", 96), ("23", 128), ("24", 128), ("25", 160), ("26", 160)),
    (("31", 320), ("32", 320), ("33", 320), ("34", 320)),
    (("41", 256), ("42", 256)),
)
KERNELS = (3, 3, 3, 5)
SKIP_CHANNELS = 160  # of the map that the decoder is given: 32x32 of a 256x256 face


class MaxoutBlock(nn.Module):
    """The larger of two convolutions, each with its BatchNorm."""

    def __init__(self, name: str, cin: int, cout: int, kernel: int, stride: int = 1):
        super().__init__()
        self.name = name
        for branch in "ab":
            convolution = nn.Conv2d(cin, cout, kernel, stride, kernel // 2)
            self.add_module(f"conv{name}_{branch}", convolution)
            self.add_module(f"conv{name}_{branch}_bn", nn.BatchNorm2d(cout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.maximum(self._branch("a", x), self._branch("b", x))

    def norm_pairs(self) -> list[tuple[str, str]]:
        """Names of each convolution and of its norm, for models.folding."""
        return [(f"conv{self.name}_{branch}", f"conv{self.name}_{branch}_bn") for branch in "ab"]

    def _branch(self, branch: str, x: torch.Tensor) -> torch.Tensor:
        name = f"conv{self.name}_{branch}"
        return getattr(self, f"{name}_bn")(getattr(self, name)(x))


class IdentityEncoder(nn.Module):
    """Who a face is: ("pid" in the paper)."""

    def __init__(self, multiplier: float = 1.0):
        super().__init__()
        self.multiplier = multiplier
        before = scaled(32, multiplier)
        self.block1 = MaxoutBlock("01", 3, before, kernel=7, stride=2)
        for stage, kernel in zip(STAGES, KERNELS, strict=True):
            for name, channels in stage:
                channels = CODE if name == "42" else scaled(channels, multiplier)
                self.add_module(f"block{name}", MaxoutBlock(name, before, channels, kernel))
                before = channels

    def forward(self, face: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, 3, 256, 256) RGB in [0, 1] -> the code (B, 256), and the maps of four stages.

        The deepest map is first: (256, 8, 8), (320, 16, 16), (160, 32, 32), (64, 64, 64).
        """
        x, maps = self.block1(face), []
        for stage in STAGES:
            x = F.max_pool2d(x, 2)
            for name, _ in stage:
                x = getattr(self, f"block{name}")(x)
            maps.append(x)
        return F.adaptive_avg_pool2d(x, 1).flatten(1), *reversed(maps)


class IdentityWordJudge(nn.Module):
    """Reads the word out of the identity maps of a clip's frames; the encoder must not let it."""

    def __init__(
        self, frames: int = 20, words: int = 500, multiplier: float = 1.0, size: int = SIZE
    ):
        super().__init__()
        self.frames, self.words, self.multiplier = frames, words, multiplier
        self.conv6 = nn.Conv2d(scaled(64, multiplier), 1, 3, 2, 1)
        self.fc = nn.Linear((size // 8) ** 2, 128)
        self.fc_2 = nn.Linear(128 * frames, words)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, 64 x frames, 64, 64), the frames' largest maps joined -> logits (B, words)."""
        clips = len(maps)
        x = torch.relu(self.conv6(maps.unflatten(1, (self.frames, -1)).flatten(0, 1)))
        x = self.fc(x.flatten(1)).view(clips, -1)
        return self.fc_2(F.dropout(x, 0.5, self.training))
