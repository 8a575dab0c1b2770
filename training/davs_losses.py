"""DAVS's losses, each at its published weight where hparams.py says nothing else.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019). Pictures are (B, T, 3, size, size) in [0, 1].
"""

import torch
from torch.nn import functional as F

from models.davs.alignment import mouth_box

LEVELS = 255  # the published weights are of 8-bit levels


def picture_losses(made: torch.Tensor, true: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean differences in levels: of the whole picture, and of its mouth alone.

    The mouth's is a mean over the whole picture too: it weighs more, but is no mean of its own.
    """
    off = (made - true).abs()
    rows, columns = mouth_box(made.shape[-1])
    share = off[..., rows, columns].sum() / off.numel()
    return LEVELS * off.mean(), LEVELS * share


def temporal_loss(made: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
    """How much all but the mouth changes from frame to frame, the first against the identity.

    A sum over the frames; no gradient goes into the earlier of two. identity: (B, 3, size, size).
    """
    before = torch.cat((identity[:, None], made[:, :-1].detach()), dim=1)
    off = (made - before).abs()
    rows, columns = mouth_box(made.shape[-1])
    inside = off[..., rows, columns].sum() / off[:, 0].numel()
    return off.mean(dim=(0, 2, 3, 4)).sum() - inside


def contrastive_loss(sounds: torch.Tensor, lips: torch.Tensor, margin: float = 1.0) -> torch.Tensor:
    """Codes of one clip together, of others at least the margin apart. (B, n) each

    Clips of a batch are each other's others. The lips stand still: sound learns from them.
    """
    distances = torch.cdist(F.normalize(sounds), F.normalize(lips.detach()))
    own = torch.eye(len(sounds), dtype=torch.bool, device=sounds.device)
    apart = (margin - distances).clamp(min=0).square()
    return (distances[own].square().sum() + apart[~own].sum()) / (2 * len(sounds))


def viseme_losses(told: dict, batch: dict) -> dict[str, torch.Tensor]:
    """Cross-entropy of each frame's viseme by what tells it; 0 where nothing is known."""
    losses = {}
    for by in ("lip", "sound", "more"):
        if f"{by}_visemes" in told:
            true = batch["more_visemes" if by == "more" else "visemes"].flatten()
            summed = F.cross_entropy(told[f"{by}_visemes"].flatten(0, -2), true, reduction="sum")
            losses[f"{by}_visemes"] = summed / (true >= 0).sum().clamp(min=1)
    return losses


def uniform_loss(logits: torch.Tensor) -> torch.Tensor:
    """How far a judge's verdict is from telling no word more than another. logits: (B, words)"""
    return (logits.softmax(dim=1) - 1 / logits.shape[1]).square().mean()


def soft_labels(step: int, softening: float) -> tuple[float, float]:
    """What a judge of pictures is to say of true and of painted ones in a step: almost 1 and 0."""
    share = softening * float(torch.rand((), generator=torch.Generator().manual_seed(step)))
    return 1 - share, share


def judged_as(logits: torch.Tensor, label: float) -> torch.Tensor:
    """What a judge pays that should have said `label`."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
