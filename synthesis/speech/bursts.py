"""When each stop is heard to open: found in the sound, for the intervals of espeak-ng do not say.

After a vowel a voiced stop begins with the hum of the closed mouth and opens at about 0.6 of its
interval; after a pause or another consonant it opens at its start, as p t k do, whose closure lies
in the phone before.
"""

from dataclasses import replace

import numpy as np
from scipy.signal import butter, sosfiltfilt

from synthesis.speech.espeak import Phone

VOICED_STOPS = frozenset("bɓdɖɗɡgɟɠʤʣ")
VOICELESS_STOPS = frozenset("ptkqcʈʔʦʧ")
STOPS = VOICED_STOPS | VOICELESS_STOPS
USUAL_SHARE = 0.6  # of the interval is before the burst, where the sound does not tell
HELD_BACK_HZ = 1000  # a closed mouth lets little through above this
JUMP_DB = 8.0  # by which the sound above that grows at a burst, at least
RISE_MS = 8  # milliseconds whose mean is compared to that of as many before
RELEASE_AFTER_SECONDS = 0.015  # past an aligned interval's end that its burst may lie
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


def mark_aligned_bursts(
    phones: tuple[Phone, ...], samples: np.ndarray, sample_rate: int
) -> tuple[Phone, ...]:
    """The same for intervals as aligners give them: from the closure to the next sound."""
    level = _level(samples, sample_rate)
    return tuple(
        replace(phone, burst=_find_release(phone, level)) if phone.ipa[:1] in STOPS else phone
        for phone in phones
    )


def _find_release(phone: Phone, level: np.ndarray) -> float:
    """Seconds: where the sound above HELD_BACK_HZ grows most, from a quarter of the interval on.

    An alignment's bounds are up to some 10 ms off, so a little after its end is looked at too.
    """
    length = phone.end - phone.start
    first = round((phone.start + 0.25 * length) * 1000)
    last = min(round((phone.end + RELEASE_AFTER_SECONDS) * 1000), len(level) - RISE_MS)
    if last - first > 1:
        smooth = np.convolve(level, np.ones(RISE_MS) / RISE_MS, "valid")
        before = smooth[max(0, first - RISE_MS) : last - RISE_MS]
        rise = smooth[first:last][-len(before) :] - before
        if len(rise) and rise.max() >= JUMP_DB:
            return (last - len(rise) + int(rise.argmax())) / 1000
    return phone.start + USUAL_SHARE * length


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
