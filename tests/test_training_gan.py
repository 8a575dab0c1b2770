"""training/gan.py: a judge that stands still for a while is whole again afterwards."""

import pytest
import torch
from torch import nn

from training.gan import Gan


class Held:
    """A learner as Gan knows it."""

    def __init__(self, network: nn.Module):
        self.network = network


def test_a_frozen_judge_learns_again_also_after_an_error():
    judge = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    judge[1].requires_grad_(False)  # as DAVS's judge that never looks
    gan = Gan(Held(nn.Identity()), Held(judge))
    given = torch.rand(3, 2, requires_grad=True)
    with gan.frozen_judge() as frozen:
        frozen(given).sum().backward()
    assert given.grad.any() and judge[0].weight.grad is None
    with pytest.raises(ZeroDivisionError), gan.frozen_judge():
        raise ZeroDivisionError
    assert [weight.requires_grad for weight in judge.parameters()] == [True, True, False, False]
