"""What a synthetic corpus knows of every mouth, and how an expert is taught it.

Whether two things belong together says little about either. truth.json says of each frame how far
the jaw was down and the lips were round: with that, an expert learns to see and to hear at once.
"""

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from corpus.clips import Corpus
from corpus.truth import TRUTH_FILE, read_truth
from models.syncnet import LIP_FRAMES, SyncNet
from training.losses import LEAST

log = logging.getLogger(__name__)

BLENDSHAPES = ("audio_blendshapes", "video_blendshapes")  # of the mouths heard, and of those shown

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


class BlendshapeHead(nn.Module):
    """Predicts the blendshapes of so many mouths from a network's last features of either kind."""

    def __init__(self, audio_features: int, video_features: int, mouths: int = 1):
        super().__init__()
        shapes = mouths * len(SPREADS)
        self.audio = nn.Linear(audio_features, shapes)
        self.video = nn.Linear(video_features, shapes)
        self.register_load_state_dict_pre_hook(_rename_old)


def expert_head(expert: SyncNet) -> BlendshapeHead:
    """What an expert is taught its five mouths' blendshapes by."""
    encoders = (expert.audio_encoder, expert.face_encoder)
    return BlendshapeHead(*(e[-1].conv_block[0].in_channels for e in encoders), LIP_FRAMES)


def _rename_old(head: nn.Module, state: dict, prefix: str, *_: object) -> None:
    """Checkpoints of before called the layers by what they tell of: heard and seen."""
    for old, new in (("heard", "audio"), ("seen", "video")):
        for name in [name for name in state if name.startswith(f"{prefix}{old}.")]:
            state[name.replace(f"{prefix}{old}.", f"{prefix}{new}.", 1)] = state.pop(name)


class ExpertWithHead(nn.Module):
    """An expert and its head as one module, for a step that needs both."""

    def __init__(self, expert: SyncNet, head: BlendshapeHead):
        super().__init__()
        self.expert, self.head = expert, head

    def forward(self, mel: torch.Tensor, mouths: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The expert's two unit vectors, then the blendshapes of sound and video, (B, 55) each."""
        sound, audio = _embed_and_predict(self.expert.audio_encoder, self.head.audio, mel)
        mouth, video = _embed_and_predict(self.expert.face_encoder, self.head.video, mouths)
        return sound, mouth, audio, video


def _embed_and_predict(encoder: nn.Sequential, predict: nn.Linear, x: torch.Tensor):
    features = encoder[:-1](x)
    return F.normalize(encoder[-1](features).flatten(1), dim=1), predict(features.flatten(1))


def require_truth(corpus: Corpus) -> None:
    """Refuse to teach shapes that are known of no mouth. Raises ValueError."""
    if not corpus.truth_share:
        raise ValueError(
            "blendshape_wt: no clip has a truth.json; only synthetic clips have (docs/synthesis.md)"
        )
    log.info("the shapes of the mouths are known in %.0f%% of the clips", 100 * corpus.truth_share)


def blendshape_loss(
    predicted: torch.Tensor, truth: torch.Tensor, count: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared error, in spreads, over what is known; 0 where nothing is.

    `count`: the numbers that are known in a micro-batch on average, where this is one of several.
    """
    known = ~truth.isnan()
    errors = torch.where(known, predicted.float() - truth.nan_to_num(), 0.0)
    return errors.square().sum() / (known.sum() if count is None else count).clamp(min=LEAST)
