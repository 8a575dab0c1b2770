"""AV-HuBERT's sound: the log filter bank, four steps side by side, one column a frame at 25 fps."""

import numpy as np

from features.filterbank import FILTERS, STEPS_PER_SECOND, log_filterbank

STACKED = 4  # steps of 10 ms in a column of 40 ms
BANDS = STACKED * FILTERS  # 104
COLUMNS_PER_SECOND = STEPS_PER_SECOND // STACKED
EPSILON = 1e-5


def stacked_filterbank(levels: np.ndarray, sample_rate: int = 16000) -> np.ndarray:
    """(104, columns) float32, each column of mean 0 and variance 1; 0 in digital silence.

    levels: mono, in the levels of 16-bit samples (+-32768).
    """
    return normalise(stack(log_filterbank(levels, sample_rate))).T


def stack(bands: np.ndarray) -> np.ndarray:
    """(steps, 26) -> (columns, 104): four steps side by side, zeros in what the last one lacks."""
    missing = -len(bands) % STACKED
    return np.pad(bands, ((0, missing), (0, 0))).reshape(-1, BANDS)


def normalise(columns: np.ndarray) -> np.ndarray:
    """Each row of (columns, 104) less its mean, over its deviation: LayerNorm without a gain."""
    # In double precision: a float's mean of 104 equal values is not that value.
    centred = columns - columns.mean(axis=1, keepdims=True, dtype=np.float64)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    return (centred / np.sqrt(variance + EPSILON)).astype(np.float32)
