"""What frames hear of a sound that is still coming."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from hparams import HParams
from lipsync.backends.torch_backend import TorchBackend
from lipsync.live.tape import Resampler, Tape
from lipsync.sound import find_feature
from models.generator import Generator

# Where a part of the sound may begin: on a column of every feature, and on an even one of the mel,
# as the whole sound does.
GRID = Fraction(1, 5)  # seconds
FILTER_SECONDS = Fraction(1, 40)  # that a feature's column hears on each of its sides


def reach_of(generator: Generator) -> tuple[Fraction, Fraction]:
    """Seconds of sound before and after a frame's middle that it hears. Raises ValueError."""
    feature, window = find_feature(generator.hearing.name)
    if window is None:
        if generator.reach is None:
            raise ValueError(
                "this generator hears whole speeches, so it can't run live; take the lip warp, or "
                "a generator that hears windows of the sound"
            )
        return tuple(Fraction(seconds).limit_denominator(1000) for seconds in generator.reach)
    rate = feature.columns_per_second(HParams.from_dict(dict(generator.hearing.numbers)))
    after = window.columns / rate - window.lead_seconds + FILTER_SECONDS
    return window.lead_seconds + Fraction(1, 5), after


class Ear:
    """Hears for a method, frame by frame, as soon as enough of the sound is there."""

    def __init__(self, backend: TorchBackend, fps: Fraction, sample_rate: int) -> None:
        """sample_rate: of what will be added, in Hz. Raises ValueError, see reach_of."""
        hearing = backend.generator.hearing
        self._hp = HParams.from_dict(dict(hearing.numbers))
        self._feature, self._window = find_feature(hearing.name)
        self._before, self.after = reach_of(backend.generator)
        self._backend, self._fps = backend, fps
        self._resampler, self._tape = Resampler(sample_rate, self._hp.sample_rate), Tape()

    def add(self, samples: np.ndarray) -> None:
        self._tape.add(self._resampler.add(samples))

    @property
    def ready(self) -> int:
        """How many frames, from the first on, have all the sound that they hear."""
        known = Fraction(self._tape.end, self._hp.sample_rate)
        return max(0, math.floor((known - self.after) * self._fps - Fraction(1, 2)) + 1)

    def heard(self, frames: Sequence[int]) -> np.ndarray:
        """What each of some frames that follow each other is given; the sound before is dropped."""
        rate = self._hp.sample_rate
        begin = (self._middle(frames[0]) - self._before) // GRID * GRID
        end = math.ceil((self._middle(frames[-1]) + self.after) * rate)
        wav = self._tape.cut(int(begin * rate), max(end, int(begin * rate) + rate // 2))
        self._tape.forget(int(begin * rate))
        values = self._feature.extract(wav, self._hp)
        if self._window is None:
            seconds = [float(self._middle(frame) - begin) for frame in frames]
            return self._backend.encode_speech(values, np.array(seconds))
        dropped = int(begin * self._feature.columns_per_second(self._hp))
        starts = (self._window.start(frame, self._fps, self._hp) - dropped for frame in frames)
        return np.stack([self._window.cut(values, start, self._hp) for start in starts])

    def mute(self, frame: int) -> None:
        """Take back the sound from where a frame begins."""
        self._tape.mute(math.floor(frame / self._fps * self._hp.sample_rate))

    def _middle(self, frame: int) -> Fraction:
        return (frame + Fraction(1, 2)) / self._fps
