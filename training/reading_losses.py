"""Losses of networks that read lips, and of those that must be readable.

"Seeing What You Said" (Wang et al., CVPR 2023), section 3; the smoothing is fairseq's.
"""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from models.av_hubert.decoder import PADDING

TEMPERATURE = 0.07
SMOOTHING = 0.1


class Reading(NamedTuple):
    """How well a sentence was read; all sums over tokens and clips, padding left out."""

    loss: torch.Tensor  # smoothed cross-entropy
    nll: torch.Tensor  # plain cross-entropy
    correct: torch.Tensor  # tokens whose most likely one is right
    total: torch.Tensor  # tokens


def reading_loss(
    logits: torch.Tensor, targets: torch.Tensor, smoothing: float = SMOOTHING
) -> Reading:
    """logits (B, L, vocabulary) given the words before, targets (B, L) with padding.

    Summed, not averaged: a sentence of TalkLip's costs 90 to 200.
    """
    said = targets != PADDING
    log_probabilities = F.log_softmax(logits.float(), dim=-1)[said]
    wanted = targets[said]
    nll = -log_probabilities.gather(1, wanted[:, None]).sum()
    share = smoothing / (logits.shape[-1] - 1)  # of every token but the right one
    loss = (1 - smoothing - share) * nll - share * log_probabilities.sum()
    correct = (log_probabilities.argmax(dim=1) == wanted).sum()
    return Reading(loss, nll, correct, said.sum())


def contrastive_loss(
    sound: torch.Tensor, mouths: torch.Tensor, negatives: torch.Tensor
) -> torch.Tensor:
    """Each frame's sound is nearer to its own mouth than to other frames' sounds.

    sound, mouths: (N, width) of length 1; negatives: (N, K) rows of `sound`, by draw_negatives.
    """
    own = (sound * mouths).sum(dim=1, keepdim=True)
    others = torch.einsum("nw,nkw->nk", sound, sound[negatives])
    logits = torch.cat((own, others), dim=1) / TEMPERATURE
    return -F.log_softmax(logits, dim=1)[:, 0].mean()


def draw_negatives(count: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """(count, min(100, count // 2)) rows of others, none twice."""
    order = torch.rand(count, count, generator=generator).fill_diagonal_(2)
    return order.argsort(dim=1)[:, : min(100, count // 2)]
