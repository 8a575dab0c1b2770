"""Sound as it comes: samples that keep their place in time, and another rate of them."""

from math import gcd

import numpy as np
from scipy.signal import firwin, upfirdn

LOBES = 10  # of the low-pass filter on each side: at 48 to 16 kHz, 0.6 ms


def as_samples(samples: np.ndarray) -> np.ndarray:
    """Mono sound as float32 in [-1, 1]; int16 is scaled. Raises ValueError for anything else."""
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"live sound is mono, one axis; got shape {samples.shape}")
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768
    samples = samples.astype(np.float32)
    if not np.isfinite(samples).all():
        raise ValueError("live sound has samples that are not finite; mend what sends it")
    return samples


class Tape:
    """The last samples of an endless sound, by their numbers from its beginning."""

    def __init__(self) -> None:
        self._samples, self._begin = np.zeros(0, np.float32), 0

    @property
    def end(self) -> int:
        """The number of the sample that comes next."""
        return self._begin + len(self._samples)

    def add(self, samples: np.ndarray) -> None:
        self._samples = np.concatenate([self._samples, samples])

    def cut(self, begin: int, end: int) -> np.ndarray:
        """Samples `begin` to `end` - 1; before the sound began lies silence."""
        silence = np.zeros(max(0, min(end, self._begin) - begin), np.float32)
        known = self._samples[max(begin - self._begin, 0) : max(end - self._begin, 0)]
        return np.concatenate([silence, known])

    def forget(self, until: int) -> None:
        """Drop what lies before a sample."""
        dropped = min(max(until - self._begin, 0), len(self._samples))
        self._samples = self._samples[dropped:]
        self._begin += dropped

    def mute(self, begin: int, fade: int = 0) -> None:
        """Silence from a sample on, after a fade of so many."""
        part = self._samples[max(begin - self._begin, 0) :]
        gain = np.zeros(len(part), np.float32)
        gain[:fade] = np.linspace(1, 0, fade, endpoint=False, dtype=np.float32)[: len(part)]
        part *= gain


class Resampler:
    """A stream of samples at another rate; what comes out does not depend on the pieces."""

    def __init__(self, given: int, wanted: int) -> None:
        """Rates in Hz."""
        shared = gcd(given, wanted)
        self._up, self._down = wanted // shared, given // shared
        self._tape, self._made = Tape(), 0
        if given == wanted:
            return
        self._reach = LOBES * max(self._up, self._down)  # in samples of both rates' multiple
        cutoff = 1 / max(self._up, self._down)
        taps = self._up * firwin(2 * self._reach + 1, cutoff, window=("kaiser", 5.0))
        # Zeros in front, so that the filter's delay is a whole number of samples that come out.
        self._zeros = -self._reach % self._down
        self._taps = np.concatenate([np.zeros(self._zeros), taps]).astype(np.float32)

    def add(self, samples: np.ndarray) -> np.ndarray:
        """The new samples that these make possible."""
        if self._up == self._down:
            return samples
        self._tape.add(samples)
        last = ((self._tape.end - 1) * self._up - self._reach) // self._down
        count = max(0, last + 1 - self._made)
        if not count:
            return np.zeros(0, np.float32)
        # A multiple of `down` samples back, where input and output share their grid.
        first = (self._made * self._down - self._reach) // self._up // self._down * self._down
        made = upfirdn(self._taps, self._tape.cut(first, self._tape.end), self._up, self._down)
        delay = (self._reach + self._zeros) // self._down
        at = self._made - first * self._up // self._down + delay
        self._made += count
        self._tape.forget(first)
        return made[at : at + count].astype(np.float32)
