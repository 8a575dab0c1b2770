"""DAVS's word classifier: twelve frames' speech codes, of lips or sound or both, to a word.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019).
"""

import torch
from torch import nn

from models.blocks import scaled


class WordClassifier(nn.Module):
    """Called ModelFusion in the published files."""

    def __init__(self, frames: int = 12, words: int = 500, multiplier: float = 1.0):
        super().__init__()
        self.frames, self.words, self.multiplier = frames, words, multiplier
        hidden = scaled(512, multiplier)
        self.fc_1 = nn.Linear(256 * frames, hidden)
        self.fc_2 = nn.Linear(hidden, words)
        self.dis = nn.Linear(hidden, 1)  # never used, but in every published file

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(B, frames, 256) -> logits (B, words)."""
        return self.fc_2(torch.relu(self.fc_1(codes.flatten(1))))
