"""Losses of the expert and of the generator, each in float32 and each from plain tensors."""

import torch
from torch.nn import functional as F

from models.inputs import lip_window, lower_half
from models.syncnet import SyncNet

# Cosines of exactly 0 and 1 come after ReLU; drawn in by this much, their logarithm stays finite.
EDGE = 1e-6
LEAST = 1e-6  # of a count to divide by: where there is nothing, nothing is paid


def cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Of vectors (B, D): (B,); unit vectors that half precision made a little longer included."""
    return F.cosine_similarity(first.float(), second.float())


def bce_of_cosine(cosines: torch.Tensor, in_sync: torch.Tensor) -> torch.Tensor:
    """The original's loss: cross-entropy that takes the cosine itself for a probability."""
    truth, cosines = in_sync.float(), cosines.float()
    return (truth * _surprise(cosines) + (1 - truth) * _surprise(1 - cosines)).mean()


def _surprise(probability: torch.Tensor) -> torch.Tensor:
    """What it costs that something of this probability happens."""
    # Not torch's function: on values that are no numbers that one ends a GPU's process.
    return -(EDGE + (1 - 2 * EDGE) * probability.clamp(0, 1)).log()


def negatives(starts: torch.Tensor, min_gap: int) -> torch.Tensor:
    """(B, K, K): whether two windows that begin at these frames (B, K) are a wrong pair.

    Windows that begin fewer than `apart` frames from each other are neither right nor wrong.
    """
    return (starts[:, :, None] - starts[:, None, :]).abs() >= min_gap


def contrast(
    sounds: torch.Tensor, mouths: torch.Tensor, wrong: torch.Tensor, temperature: float
) -> torch.Tensor:
    """InfoNCE both ways over the K windows of each clip: which sound is this mouth's, and back.

    sounds, mouths: (B, K, D) unit vectors; wrong: (B, K, K), from `negatives`.
    """
    similarity = sounds.float() @ mouths.float().transpose(1, 2) / temperature
    own = torch.eye(wrong.shape[1], dtype=torch.bool, device=wrong.device)
    similarity = similarity.masked_fill(~(wrong | own), float("-inf"))
    right = torch.arange(wrong.shape[1], device=wrong.device).expand(len(wrong), -1)
    to_mouth = F.cross_entropy(similarity.transpose(1, 2), right)
    return (to_mouth + F.cross_entropy(similarity, right)) / 2


def bce_of_matrix(
    sounds: torch.Tensor,
    mouths: torch.Tensor,
    wrong: torch.Tensor,
    count: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The original's loss over all K x K pairs of each clip, and the accuracy.

    Arguments as for `contrast`. Right and wrong pairs weigh the same, however many there are;
    `count`: the wrong pairs that a part of the batch has on average, where this is one part.
    """
    cosines = sounds.float() @ mouths.float().transpose(1, 2)
    in_sync = cosines.diagonal(dim1=1, dim2=2)
    # Weighed, not picked: to pick, a GPU's processor would wait for the forward pass.
    share = wrong / (wrong.sum() if count is None else count).clamp(min=LEAST)
    loss = _surprise(in_sync).mean() + (share * _surprise(1 - cosines)).sum()
    hits = (in_sync > 0.5).float().mean() + (share * (cosines < 0.5)).sum()
    return loss / 2, hits / 2


def contrastive(distances: torch.Tensor, *, wrong: bool) -> torch.Tensor:
    """LipGAN's loss of pairs that are all right, or all wrong: those are paid up to distance 1."""
    distances = distances.float()
    return ((1 - distances).clamp(min=0) if wrong else distances).square().mean()


def reconstruction(
    generated: torch.Tensor, targets: torch.Tensor, lower_half_weight: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the generator pays for pictures, and its plain L1; both (B, 3, T, H, W)."""
    l1 = F.l1_loss(generated.float(), targets.float())
    if not lower_half_weight:
        return l1, l1
    lower = F.l1_loss(lower_half(generated).float(), lower_half(targets).float())
    return l1 + lower_half_weight * lower, l1


def sync_cosine(expert: SyncNet, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """How well the expert finds faces (B, 3, T, H, W) to speak mel (B, 1, 80, 16): (B,) in [0, 1].

    Faces of another size than the expert's are scaled to it, so that a small expert can judge a
    large generator.
    """
    size = (expert.height, expert.width)
    if faces.shape[-2:] != size:
        frames = faces.transpose(1, 2).flatten(0, 1).float()
        frames = F.interpolate(frames, size, mode="bilinear", antialias=True)
        faces = frames.unflatten(0, (len(faces), -1)).transpose(1, 2)
    return cosine(*expert(mel, lip_window(faces)))


def sync_loss(cosines: torch.Tensor) -> torch.Tensor:
    """What the generator pays for mouths that the expert does not believe."""
    return bce_of_cosine(cosines, torch.ones_like(cosines))
