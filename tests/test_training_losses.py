"""Losses against their slow or published forms."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.inputs import lip_window
from models.syncnet import SyncNet
from training.blendshapes import SPREADS, ExpertWithHead, blendshape_loss, expert_head
from training.experts import freeze
from training.generator_terms import laplacian_variance
from training.losses import (
    bce_of_cosine,
    bce_of_matrix,
    contrast,
    cosine,
    negatives,
    reconstruction,
    sync_cosine,
    sync_loss,
)


def unit_vectors(*shape: int) -> torch.Tensor:
    return F.normalize(torch.rand(*shape), dim=-1)


def test_bce_is_torch_s_at_ordinary_cosines():
    cosines, truths = torch.linspace(0.01, 0.99, 50), torch.randint(0, 2, (50,)).float()
    expected = F.binary_cross_entropy(cosines, truths)
    torch.testing.assert_close(bce_of_cosine(cosines, truths), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("truth", [0.0, 1.0])
def test_bce_and_its_gradient_stay_finite_at_the_ends(truth):
    cosines = torch.tensor([0.0, 1.0, 1.004], requires_grad=True)
    loss = bce_of_cosine(cosines, torch.full((3,), truth))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(cosines.grad).all()
    wrong_end = 0 if truth else 1
    assert cosines.grad[wrong_end] != 0


def test_a_cosine_that_is_no_number_gives_a_loss_that_is_none():
    cosines = torch.tensor([0.5, float("nan")])
    assert bce_of_cosine(cosines, torch.ones(2)).isnan()


def test_cosine_of_half_precision_vectors_is_at_most_one():
    vectors = unit_vectors(100, 128).bfloat16()
    found = cosine(vectors, vectors)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.ones(100))


def slow_contrast(sounds, mouths, starts, apart, temperature):
    losses = []
    for s, m, f in zip(sounds, mouths, starts, strict=True):
        for i in range(len(f)):
            rivals = [j for j in range(len(f)) if j == i or abs(f[j] - f[i]) >= apart]
            for own, others in ((s, m), (m, s)):
                scores = [math.exp(float(own[i] @ others[j]) / temperature) for j in rivals]
                losses.append(-math.log(scores[rivals.index(i)] / sum(scores)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("apart", [1, 2, 6])
def test_contrast_is_the_slow_one(apart):
    sounds, mouths = unit_vectors(3, 5, 16), unit_vectors(3, 5, 16)
    starts = torch.tensor([[4, 9, 1, 30, 2], [4, 9, 4, 30, 2], [0, 1, 2, 3, 4]])
    expected = slow_contrast(sounds, mouths, starts, apart, 0.2)
    found = contrast(sounds, mouths, negatives(starts, apart), 0.2)
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("apart", [1, 2])
def test_bce_of_matrix_weighs_right_and_wrong_alike(apart):
    sounds, mouths = unit_vectors(2, 3, 16), unit_vectors(2, 3, 16)
    starts = torch.tensor([[4, 9, 4], [1, 2, 3]])
    right, wrong = [], []
    for b in range(2):
        for i in range(3):
            for j in range(3):
                value = float(sounds[b, i] @ mouths[b, j])
                if i == j:
                    right.append(-math.log(value))
                elif abs(starts[b, i] - starts[b, j]) >= apart:
                    wrong.append(-math.log(1 - value))
    loss, accuracy = bce_of_matrix(sounds, mouths, negatives(starts, apart))
    assert loss.item() == pytest.approx((np.mean(right) + np.mean(wrong)) / 2, rel=1e-4)
    assert 0 <= accuracy.item() <= 1


def test_windows_that_all_nearly_coincide_cost_only_what_is_right():
    sounds, mouths = unit_vectors(2, 3, 16), unit_vectors(2, 3, 16)
    wrong = negatives(torch.tensor([[4, 9, 4], [1, 2, 3]]), 10_000)
    loss, accuracy = bce_of_matrix(sounds, mouths, wrong)
    right = -(sounds * mouths).sum(-1).log().mean()
    assert loss.item() == pytest.approx(right.item() / 2, rel=1e-4)
    assert 0 <= accuracy.item() <= 1


def test_the_terms_of_the_parts_are_those_of_the_batch():
    """Whatever each part knows of its mouths, and however many wrong pairs it has."""
    told, truth = torch.randn(6, 55), torch.randn(6, 55)
    truth[:2] = torch.nan
    count = (~truth.isnan()).sum() / 2
    parts = [blendshape_loss(told[rows], truth[rows], count) for rows in (slice(3), slice(3, 6))]
    torch.testing.assert_close(sum(parts) / 2, blendshape_loss(told, truth))

    sounds, mouths = unit_vectors(2, 4, 16), unit_vectors(2, 4, 16)
    wrong = negatives(torch.tensor([[4, 5, 6, 7], [1, 20, 40, 60]]), 3)
    count = wrong.sum() / 2
    parts = [bce_of_matrix(sounds[b : b + 1], mouths[b : b + 1], wrong[b : b + 1], count)[0]
             for b in range(2)]  # fmt: skip
    torch.testing.assert_close(sum(parts) / 2, bce_of_matrix(sounds, mouths, wrong)[0])


def test_lower_half_weight_adds_to_the_whole():
    generated, targets = torch.zeros(2, 3, 5, 8, 8), torch.zeros(2, 3, 5, 8, 8)
    generated[..., 4:, :] = 0.2
    paid, l1 = reconstruction(generated, targets, 0.0)
    assert paid.item() == l1.item() == pytest.approx(0.1)
    paid, l1 = reconstruction(generated, targets, 0.5)
    assert (paid.item(), l1.item()) == (pytest.approx(0.2), pytest.approx(0.1))


@pytest.fixture
def expert():
    return freeze(SyncNet(32, 32, 0.0625))


def test_the_expert_sees_faces_of_its_size_as_they_are(expert):
    mel, faces = torch.rand(2, 1, 80, 16), torch.rand(2, 3, 5, 32, 32)
    expected = cosine(*expert(mel, lip_window(faces)))
    torch.testing.assert_close(sync_cosine(expert, mel, faces), expected)


def test_the_expert_sees_larger_faces_shrunk(expert):
    mel, faces = torch.rand(2, 1, 80, 16), torch.rand(2, 3, 5, 32, 32)
    large = faces.repeat_interleave(3, dim=-1).repeat_interleave(3, dim=-2)
    blurred = F.interpolate(
        large.transpose(1, 2).flatten(0, 1), (32, 32), mode="bilinear", antialias=True
    )
    expected = sync_cosine(expert, mel, blurred.unflatten(0, (2, 5)).transpose(1, 2))
    found = sync_cosine(expert, mel, large)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found, sync_cosine(expert, mel, faces), atol=0.05, rtol=0)


def test_a_frozen_expert_passes_gradients_and_never_changes():
    expert = freeze(SyncNet(32, 32, 0.0625))
    before = {name: value.clone() for name, value in expert.state_dict().items()}
    faces = torch.rand(4, 3, 5, 32, 32, requires_grad=True)
    sync_loss(sync_cosine(expert, torch.rand(4, 1, 80, 16), faces)).backward()
    assert faces.grad[..., 16:, :].abs().sum() > 0  # the expert sees lower halves only
    assert faces.grad[..., :16, :].abs().sum() == 0
    for name, value in expert.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_sharpness_is_opencv_s():
    image = np.random.default_rng(0).integers(0, 255, (20, 20)).astype(np.float32)
    face = torch.from_numpy(image / 255).expand(1, 3, 1, 20, 20)
    expected = cv2.Laplacian(image, cv2.CV_32F)[1:-1, 1:-1].var(ddof=1)
    assert laplacian_variance(face).item() == pytest.approx(expected, rel=1e-4)


def test_telling_is_measured_where_the_truth_is_known():
    told, truth = torch.zeros(3, 4), torch.full((3, 4), 2.0)
    truth[1] = torch.nan
    assert blendshape_loss(told, truth) == 4
    truth[:] = torch.nan
    told.requires_grad_()
    blendshape_loss(told, truth).backward()
    assert blendshape_loss(told, truth) == 0 and not told.grad.any()


def test_a_taught_expert_gives_the_expert_s_own_vectors():
    expert = SyncNet(32, 32, 0.0625).eval()
    taught = ExpertWithHead(expert, expert_head(expert))
    mel, mouths = torch.rand(2, 1, 80, 16), torch.rand(2, 15, 16, 32)
    sound, mouth, heard, seen = taught(mel, mouths)
    assert torch.equal(sound, expert(mel, mouths)[0]) and torch.equal(mouth, expert(mel, mouths)[1])
    assert heard.shape == seen.shape == (2, 5 * len(SPREADS))
