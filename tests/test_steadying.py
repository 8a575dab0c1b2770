"""models/steadying.py: smoothing over time equals scipy's, shot by shot."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from models.generator import Video
from models.steadying import steadied


@pytest.mark.parametrize("seconds", [0.01, 0.08, 2.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_each_shot_is_smoothed_as_scipy_does(seconds, kind):
    """Shots of one frame and of fewer than the filter reaches among them."""
    rows = np.random.default_rng(0).normal(size=(90, 3)).astype(kind)
    video = Video(90, Fraction(25), (64, 64), (1, 21), {})
    wanted = [
        gaussian_filter1d(shot, 25 * seconds, axis=0, mode="nearest")
        for shot in np.split(rows, (1, 21))
    ]
    smoothed = steadied(rows, video, seconds)
    assert smoothed.dtype == kind
    assert np.allclose(smoothed, np.concatenate(wanted), atol=1e-6, rtol=1e-6)
