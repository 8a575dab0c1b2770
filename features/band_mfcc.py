"""MFCC of the band 300-3700 Hz, as DAVS and LipGAN heard them from MATLAB.

By hand because no package that we know makes them: magnitudes instead of power, triangles drawn
in Hz, whole frames only. Equal to the originals within 1e-9 (tests/test_features.py). They have
no floor under the logarithm and give NaN in digital silence; here silence gives 0, which is what
a constant spectrum gives.
"""

from functools import cache

import numpy as np

from features.filterbank import FFT_SIZE, STEPS_AT_ONCE, emphasised, floored_log

SAMPLE_RATE = 16000
LENGTH, STEP = 400, 160  # samples: 25 ms every 10 ms
COEFFICIENTS = 12  # 1 to 12; the 0th, the level, is dropped
LOWEST_HZ, HIGHEST_HZ = 300, 3700
LIFTER = 22
DAVS_FILTERS, LIPGAN_FILTERS = 13, 40


def band_mfcc(levels: np.ndarray, filters: int) -> np.ndarray:
    """(12, steps) float64, a step every 10 ms, each from the 25 ms that begin there.

    levels: mono at 16 kHz, in the levels of 16-bit samples (+-32768). Raises ValueError for
    sound that is not mono.
    """
    levels = np.asarray(levels)
    if levels.ndim != 1:
        raise ValueError(f"expected mono sound, one axis; got shape {levels.shape}")
    steps = max(0, (len(levels) - LENGTH) // STEP + 1)
    cepstra = np.zeros((COEFFICIENTS, steps))
    for first in range(0, steps, STEPS_AT_ONCE):
        end = min(first + STEPS_AT_ONCE, steps)
        samples = emphasised(levels, first * STEP, (end - 1) * STEP + LENGTH)
        windows = np.lib.stride_tricks.sliding_window_view(samples, LENGTH)[::STEP]
        magnitudes = np.abs(np.fft.rfft(windows * np.hamming(LENGTH), FFT_SIZE))
        cepstra[:, first:end] = _transform(filters) @ floored_log(_filters(filters) @ magnitudes.T)
    return cepstra


@cache
def _filters(count: int) -> np.ndarray:
    """Triangles of height 1, equally far apart on the mel scale, straight in Hz: (count, 257)."""
    low, high = (1127 * np.log(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    corners = 700 * (np.exp(np.linspace(low, high, count + 2) / 1127) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(0)


@cache
def _transform(filters: int) -> np.ndarray:
    """The cosines, liftered: (12, filters). Each row sums to 0."""
    order = np.arange(1, COEFFICIENTS + 1)[:, None]
    cosines = np.cos(np.pi * order * (np.arange(filters) + 0.5) / filters)
    return np.sqrt(2 / filters) * cosines * (1 + LIFTER / 2 * np.sin(np.pi * order / LIFTER))
