"""What a made corpus knows of every mouth, and how an expert is taught to tell it.

Whether two things belong together says little about either. truth.json says of each frame how far
the jaw was down and the lips were round: with that, an expert learns to see and to hear at once.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from corpus.truth import TRUTH_FILE, read_truth
from models.syncnet import LIP_FRAMES, SyncNet
from training.losses import LEAST

# Blendshapes, left and right as one, and their spread over a corpus: each weighs the same.
SPREADS = {
    "jawOpen": 0.1,
    "mouthClose": 0.04,
    "mouthFunnel": 0.1,
    "mouthLowerDown": 0.1,
    "mouthPress": 0.15,
    "mouthPucker": 0.18,
    "mouthRollLower": 0.1,
    "mouthRollUpper": 0.06,
    "mouthSmile": 0.09,
    "mouthStretch": 0.06,
    "mouthUpperUp": 0.1,
}


@lru_cache(maxsize=65536)  # a clip of 6 s: 7 kB
def read_shapes(folder: Path) -> np.ndarray | None:
    """(frames, shapes) float32 of one clip, its own mean taken off; None where nobody knows."""
    truth = read_truth(folder / TRUTH_FILE)
    if truth is None:
        return None
    weights, frames = truth["weights"], truth["frames"]
    columns = []
    for shape, spread in SPREADS.items():
        sides = [weights[name] for name in (shape, f"{shape}_L", f"{shape}_R") if name in weights]
        column = np.mean(sides, axis=0) if sides else np.zeros(frames)
        column = np.where(np.isfinite(column), column, np.nan)  # what is endless, nobody knows
        columns.append((column - np.mean(column)) / spread)
    return np.stack(columns, axis=1).astype(np.float32)


def shapes_in(folder: Path, frames: np.ndarray) -> np.ndarray:
    """The shapes in these frames one after the other, as one vector; NaN where nobody knows."""
    shapes = read_shapes(folder)
    if shapes is None or frames[-1] >= len(shapes):
        return unknown(frames)
    return shapes[frames].ravel()


def unknown(frames: np.ndarray) -> np.ndarray:
    """As from shapes_in, where there is nothing to know."""
    return np.full(len(frames) * len(SPREADS), np.nan, np.float32)


class ShapeTeller(nn.Module):
    """Tells from an expert's last features which shapes its five mouths have, or its sound."""

    def __init__(self, expert: SyncNet):
        super().__init__()
        shapes = LIP_FRAMES * len(SPREADS)
        self.heard = nn.Linear(expert.audio_encoder[-1].conv_block[0].in_channels, shapes)
        self.seen = nn.Linear(expert.face_encoder[-1].conv_block[0].in_channels, shapes)


class TaughtExpert(nn.Module):
    """An expert and its teller as one module, for a step that needs both."""

    def __init__(self, expert: SyncNet, teller: ShapeTeller):
        super().__init__()
        self.expert, self.teller = expert, teller

    def forward(self, mel: torch.Tensor, mouths: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The expert's two unit vectors, then the shapes heard and seen, (B, 55) each."""
        sound, heard = _embed_and_tell(self.expert.audio_encoder, self.teller.heard, mel)
        mouth, seen = _embed_and_tell(self.expert.face_encoder, self.teller.seen, mouths)
        return sound, mouth, heard, seen


def _embed_and_tell(encoder: nn.Sequential, tell: nn.Linear, x: torch.Tensor):
    features = encoder[:-1](x)
    return F.normalize(encoder[-1](features).flatten(1), dim=1), tell(features.flatten(1))


def telling_loss(
    told: torch.Tensor, truth: torch.Tensor, count: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared error, in spreads, over what is known; 0 where nothing is.

    `count`: the numbers that are known in a part of the batch on average, where this is one part.
    """
    known = ~truth.isnan()
    errors = torch.where(known, told.float() - truth.nan_to_num(), 0.0)
    return errors.square().sum() / (known.sum() if count is None else count).clamp(min=LEAST)
