"""When each stop is heard to open: found in the sound, for the intervals of espeak-ng do not say.

After a vowel a voiced stop begins with the hum of the closed mouth and opens at about 0.6 of its
interval; after a pause or another consonant it opens at its start, as p t k do, whose closure lies
in the phone before.
"""

from dataclasses import replace

import numpy as np
from scipy.signal import butter, sosfiltfilt

from synthesis.espeak import Phone

VOICED_STOPS = frozenset("bɓdɖɗɡgɟɠʤʣ")
VOICELESS_STOPS = frozenset("ptkqcʈʔʦʧ")
STOPS = VOICED_STOPS | VOICELESS_STOPS
USUAL_SHARE = 0.6  # of the interval is before the burst, where the sound does not tell
HELD_BACK_HZ = 1000  # a closed mouth lets little through above this
JUMP_DB = 8.0  # by which the sound above that grows at a burst, at least
SHORTEST_SECONDS = 0.008  # of an interval that is looked into


def mark_bursts(
    phones: tuple[Phone, ...], samples: np.ndarray, sample_rate: int
) -> tuple[Phone, ...]:
    """The phones, each stop with its `burst`."""
    level = _level(samples, sample_rate)
    return tuple(
        replace(phone, burst=_find_burst(phone, level)) if phone.ipa[:1] in STOPS else phone
        for phone in phones
    )


def _level(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """What sounds above HELD_BACK_HZ, in dB, each value 2 ms wide, one a millisecond."""
    filtered = butter(4, HELD_BACK_HZ, "highpass", fs=sample_rate, output="sos")
    energy = np.cumsum(np.square(sosfiltfilt(filtered, samples)))
    edges = (np.arange(len(samples) * 1000 // sample_rate + 1) * sample_rate // 1000).clip(
        0, len(energy) - 1
    )
    per_millisecond = np.diff(energy[edges])
    return 10 * np.log10(np.convolve(per_millisecond, [0.5, 0.5], "same") + 1e-9)


def _find_burst(phone: Phone, level: np.ndarray) -> float:
    """Seconds; see the module. level: of the whole speech, one value a millisecond."""
    start, end = round(phone.start * 1000), min(round(phone.end * 1000), len(level))
    length = end - start
    if phone.ipa[0] in VOICELESS_STOPS or length < SHORTEST_SECONDS * 1000:
        return phone.start
    early = np.median(level[start + 2 : start + max(4, int(0.4 * length))])
    late = np.percentile(level[start + int(0.6 * length) : end], 80)
    if late - early >= JUMP_DB:
        first = start + length // 4
        opened = np.flatnonzero(level[first:end] > early + 0.4 * (late - early))
        return (first + int(opened[0])) / 1000
    before = np.median(level[max(0, start - 10) : max(1, start - 1)])
    if early - before >= JUMP_DB:
        return phone.start
    return phone.start + USUAL_SHARE * (phone.end - phone.start)
