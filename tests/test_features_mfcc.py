"""Our MFCC equals python_speech_features', which SyncNet was trained with."""

import numpy as np
import pytest

from features.filterbank import STEPS_AT_ONCE
from features.mfcc import mfcc


def sweep(samples: int) -> np.ndarray:
    """A rising tone in noise, as 16-bit levels; the noise also ends in some digital silence."""
    time = np.arange(samples) / 16000
    noise = np.random.default_rng(0).normal(0, 300, samples)
    sound = 8000 * np.sin(2 * np.pi * (200 + 900 * time) * time) + noise
    sound[samples // 2 : samples // 2 + 2000] = 0
    return np.round(sound)


@pytest.mark.parametrize("samples", [1, 160, 399, 400, 401, 560, 561, 16000, 16000 * 3 + 77])
def test_equals_python_speech_features(samples):
    reference = pytest.importorskip("python_speech_features")
    expected = reference.mfcc(sweep(samples), 16000)
    found = mfcc(sweep(samples))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_pieces_join_without_a_seam():
    sound = sweep((STEPS_AT_ONCE + 50) * 160)
    seam = slice(STEPS_AT_ONCE - 2, STEPS_AT_ONCE + 2)
    start = (STEPS_AT_ONCE - 10) * 160
    apart = mfcc(sound[start:])[8:12]
    np.testing.assert_allclose(mfcc(sound)[seam], apart, atol=1e-4)


def test_a_step_every_ten_milliseconds():
    assert mfcc(sweep(16000)).shape == (99, 13)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros((2, 400))])
def test_refuses_what_is_no_mono_sound(sound):
    with pytest.raises(ValueError, match="mono sound that is not empty"):
        mfcc(sound)
