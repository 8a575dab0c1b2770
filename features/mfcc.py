"""Mel-frequency cepstral coefficients, equal to python_speech_features.mfcc at its defaults.

What the SyncNet of "Out of time: automated lip sync in the wild" (2016) hears. By hand for the
reason that features/filterbank.py gives.
"""

import numpy as np

from features.filterbank import floored_log, power_and_bands

COEFFICIENTS = 13
LIFTER = 22


def mfcc(sound: np.ndarray, sample_rate: int = 16000) -> np.ndarray:
    """(steps, 13) float32, a step every 10 ms, each from the 25 ms that begin there.

    sound: mono, in the levels of 16-bit samples (+-32768): the first coefficient is the log of
    the energy and moves with the level. Raises ValueError for sound that is empty or not mono.
    """
    pieces = [_cepstra(power, bands) for power, bands in power_and_bands(sound, sample_rate)]
    return np.concatenate(pieces)


def _cepstra(power: np.ndarray, bands: np.ndarray) -> np.ndarray:
    from scipy.fft import dct  # 0.2 s, for what few methods hear

    cepstra = dct(bands, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = floored_log(power.sum(axis=1))
    return cepstra.astype(np.float32)
