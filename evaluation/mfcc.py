"""Mel-frequency cepstral coefficients, equal to python_speech_features.mfcc at its defaults."""

from functools import cache

import numpy as np
from scipy.fft import dct

STEPS_PER_SECOND = 100
COEFFICIENTS = 13
FILTERS = 26
FFT_SIZE = 512
LIFTER = 22
PREEMPHASIS = 0.97
STEPS_AT_ONCE = 4096  # so that an hour of sound takes no more memory than a minute


def mfcc(sound: np.ndarray, sample_rate: int = 16000) -> np.ndarray:
    """(steps, 13) float32, a step every 10 ms, each from the 25 ms that begin there.

    sound: mono, in the levels of 16-bit samples (+-32768): the first coefficient is the log of
    the energy and moves with the level. Raises ValueError for sound that is empty or not mono.
    """
    sound = np.asarray(sound)
    if sound.ndim != 1 or not sound.size:
        raise ValueError(f"expected mono sound that is not empty, got shape {sound.shape}")
    length, step = sample_rate // 40, sample_rate // STEPS_PER_SECOND
    steps = 1 + max(0, -(-(len(sound) - length) // step))
    coefficients = np.empty((steps, COEFFICIENTS), np.float32)
    for first in range(0, steps, STEPS_AT_ONCE):
        end = min(first + STEPS_AT_ONCE, steps)
        samples = _emphasised(sound, first * step, (end - 1) * step + length)
        windows = np.lib.stride_tricks.sliding_window_view(samples, length)[::step]
        coefficients[first:end] = _cepstra(windows, sample_rate)
    return coefficients


def _emphasised(sound: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Samples begin .. end - 1, each less its share of the one before; zeros after the sound."""
    now = sound[begin:end].astype(float)
    before = np.append(sound[begin - 1] if begin else 0.0, now[:-1])
    return np.pad(now - PREEMPHASIS * before, (0, end - begin - len(now)))


def _cepstra(windows: np.ndarray, sample_rate: int) -> np.ndarray:
    power = np.abs(np.fft.rfft(windows, FFT_SIZE)) ** 2 / FFT_SIZE
    bands = _log(power @ _mel_filters(sample_rate).T)
    cepstra = dct(bands, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = _log(power.sum(axis=1))
    return cepstra


def _log(values: np.ndarray) -> np.ndarray:
    """The logarithm, with silence at the smallest step of a float instead of minus infinity."""
    return np.log(np.where(values == 0, np.finfo(float).eps, values))


@cache
def _mel_filters(sample_rate: int) -> np.ndarray:
    """Triangles of height 1 whose corners lie on whole bins: (26, 257)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    corners = np.floor((FFT_SIZE + 1) * corners_hz / sample_rate)
    bins = np.arange(FFT_SIZE // 2 + 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return np.where(bins < centre, rising, falling).clip(0)
