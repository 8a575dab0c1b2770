"""The log filter bank of python_speech_features, which AV-HuBERT hears and SyncNet's MFCC build on.

By hand because that package works on a whole sound at once: here an hour takes no more memory
than a minute. Equal to it within 2e-4 (tests/test_features_mfcc.py).
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

STEPS_PER_SECOND = 100  # a step every 10 ms, of the 25 ms that begin there
FILTERS = 26
FFT_SIZE = 512
PREEMPHASIS = 0.97
STEPS_AT_ONCE = 4096  # so that an hour of sound takes no more memory than a minute


def log_filterbank(levels: np.ndarray, sample_rate: int = 16000) -> np.ndarray:
    """(steps, 26) float32: the logarithm of each band's power; -36.04 in digital silence.

    levels: mono, in the levels of 16-bit samples (+-32768). Raises ValueError for sound that is
    empty or not mono.
    """
    pieces = power_and_bands(levels, sample_rate)
    return np.concatenate([bands.astype(np.float32) for _, bands in pieces])


def power_and_bands(
    levels: np.ndarray, sample_rate: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of (power spectrum (n, 257), log filter bank (n, 26)) along the sound."""
    levels = np.asarray(levels)
    if levels.ndim != 1 or not levels.size:
        raise ValueError(f"expected mono sound that is not empty, got shape {levels.shape}")
    length, step = sample_rate // 40, sample_rate // STEPS_PER_SECOND
    steps = 1 + max(0, -(-(len(levels) - length) // step))
    for first in range(0, steps, STEPS_AT_ONCE):
        end = min(first + STEPS_AT_ONCE, steps)
        samples = emphasised(levels, first * step, (end - 1) * step + length)
        windows = np.lib.stride_tricks.sliding_window_view(samples, length)[::step]
        power = np.abs(np.fft.rfft(windows, FFT_SIZE)) ** 2 / FFT_SIZE
        yield power, floored_log(power @ _filters(sample_rate).T)


def emphasised(levels: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Samples begin .. end - 1, each less its share of the one before; zeros after the sound."""
    now = levels[begin:end].astype(float)
    before = np.append(levels[begin - 1] if begin else 0.0, now[:-1])
    return np.pad(now - PREEMPHASIS * before, (0, end - begin - len(now)))


def floored_log(values: np.ndarray) -> np.ndarray:
    """The logarithm, with silence at the smallest step of a float instead of minus infinity."""
    return np.log(np.where(values == 0, np.finfo(float).eps, values))


@cache
def _filters(sample_rate: int) -> np.ndarray:
    """Triangles of height 1 whose corners lie on whole bins: (26, 257)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    corners = np.floor((FFT_SIZE + 1) * corners_hz / sample_rate)
    bins = np.arange(FFT_SIZE // 2 + 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.where(bins < centre, rising, falling).clip(0)
