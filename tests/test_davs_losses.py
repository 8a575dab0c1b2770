"""DAVS's losses against golden ones."""

import numpy as np
import pytest
import torch

from models.davs.tuning import tuning_loss
from tests.deterministic import draw
from training.davs_losses import (
    contrastive_loss,
    judged_as,
    picture_losses,
    soft_labels,
    temporal_loss,
    uniform_loss,
)


@pytest.fixture(scope="module")
def golden(request):
    return np.load(request.path.parent / "data" / "golden_relatives_features.npz")


def frames(seed: int) -> torch.Tensor:
    """(2, 6, 3, 256, 256), as the golden clips of 18 channels are stacked."""
    return draw((2, 18, 256, 256), seed).unflatten(1, (6, 3))


def test_contrastive(golden):
    sounds, lips = draw((4, 24), 20) - 0.5, draw((4, 24), 21) - 0.5
    found = contrastive_loss(sounds, lips)
    assert found.item() == pytest.approx(float(golden["davs_l2_contrastive"].item()), abs=1e-5)


def test_lips_stand_still_where_sound_is_drawn_to_them():
    sounds, lips = (torch.rand(3, 5, requires_grad=True) for _ in range(2))
    contrastive_loss(sounds, lips).backward()
    assert lips.grad is None and sounds.grad.abs().sum() > 0


def test_uniform(golden):
    found = uniform_loss(draw((3, 500), 22) * 4 - 2)
    assert found.item() == pytest.approx(float(golden["davs_uniform_softmax"].item()), rel=1e-4)


def test_pictures(golden):
    whole, mouth = picture_losses(frames(23), frames(24))
    found = [4 * whole.item(), 8 * mouth.item(), (4 * whole + 8 * mouth).item()]
    np.testing.assert_allclose(found, golden["davs_l1"].ravel(), rtol=1e-5)


def test_temporal(golden):
    made, identity = frames(23), draw((2, 3, 256, 256), 25)
    found = temporal_loss(made, identity)
    assert found.item() == pytest.approx(float(golden["davs_temporal"].item()), rel=1e-5)


def test_tuning(golden):
    made, identity = frames(23)[:, 0], draw((2, 3, 256, 256), 25)
    found = tuning_loss(made, identity)
    assert found.item() == pytest.approx(float(golden["davs_test_time_l1"].item()), rel=1e-5)


def test_labels_are_soft_on_both_sides_and_change_from_step_to_step():
    drawn = [soft_labels(step, 0.1) for step in range(20)]
    assert all(0.9 <= real <= 1 and real == 1 - fake for real, fake in drawn)
    assert len({fake for _, fake in drawn}) == 20 and soft_labels(3, 0.1) == drawn[3]
    assert judged_as(torch.zeros(2), 0.3).item() == pytest.approx(np.log(2))
