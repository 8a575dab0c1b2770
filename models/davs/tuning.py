"""DAVS tuned to a face while it is used: a few steps of painting the face it is given.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019). All in eval mode: the published code takes its first face's steps in train mode.
"""

import copy

import torch
from torch import nn

from models.davs.alignment import mouth_box

RATE = 2e-4  # of Adam
WHOLE, MOUTH = 4.0, 0.001  # weights of the loss, and in it of the mouth, which may move
MOST_FACES = 8  # of a video that are painted in a step
TUNED = ("ID_encoder", "Decoder")


def tuning_loss(made: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """How far painted faces are from the given ones, the mouth almost left out. (B, 3, s, s)"""
    rows, columns = mouth_box(made.shape[-1])
    weights = torch.ones_like(given[:1, :1])
    weights[..., rows, columns] = MOUTH
    return WHOLE * ((made - given) * weights).abs().mean()


@torch.enable_grad()
def tune(network: nn.Module, faces: torch.Tensor, speech: torch.Tensor, steps: int) -> list[float]:
    """Change the identity encoder and the decoder to paint these faces; the loss of each step.

    network: with ID_encoder and Decoder, in any precision: float32 copies learn. faces: RGB in
    [0, 1], (n, 3, size, size); speech: (n, 256), what their mouths say.
    """
    encoder, decoder = (copy.deepcopy(getattr(network, name)).float().eval() for name in TUNED)
    learnt = [*encoder.parameters(), *decoder.parameters()]
    for weight in learnt:
        weight.requires_grad_(True)
    optimizer = torch.optim.Adam(learnt, lr=RATE)
    faces, speech, losses = faces.float(), speech.float(), []
    for _ in range(steps):
        code, _, _, skip, _ = encoder(faces)
        loss = tuning_loss(decoder(code, skip, speech), faces)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for name, tuned in zip(TUNED, (encoder, decoder), strict=True):
        getattr(network, name).load_state_dict(tuned.state_dict())
    return losses


class Kept:
    """The weights as they were before any tuning, to be put back for the next video."""

    def __init__(self, network: nn.Module):
        self.network, self.weights = network, None

    def keep(self) -> None:
        """Remember them, the first time."""
        if self.weights is None:
            self.weights = {
                name: copy.deepcopy(getattr(self.network, name).state_dict()) for name in TUNED
            }

    def put_back(self) -> None:
        """Undo all tuning."""
        for name, weights in (self.weights or {}).items():
            getattr(self.network, name).load_state_dict(weights)
