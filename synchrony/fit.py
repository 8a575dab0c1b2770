"""What the scores of a stretch say: by how much its sound is off, and whether it is its own."""

from dataclasses import dataclass

import numpy as np

from synchrony.shifts import MAX_SHIFT

APART = 3  # frames; shifts that are farther from the best one than this are another answer
FEWEST_WINDOWS = 12  # with fewer nothing is told
# Certainty is a logistic of the peak, over what chance brings in so few windows (0.1 in 1.4 seconds
# of dubbed speech, 0.07 in 2.9) and half of what true sound stands out by (0.24 on median). Fitted
# on stretches of 20 joined films of six talkers, of whom the expert knew one.
BY_PEAK, LEAST_PEAK, BY_CHANCE = 38.8, 0.074, 0.43


@dataclass(frozen=True)
class Fit:
    """How mouths and sound of one stretch fit at the shift that fits best."""

    offset: int  # frames by which the sound comes early: delay it by that much
    similarity: float  # mean cosine at that shift
    rank: float  # share of all shifts that a window likes no better, on average: 0.5 is chance
    peak: float  # mean cosine at the best shift over that at the best one elsewhere
    windows: int

    @property
    def certainty(self) -> float:
        """Between 0 and 1: how sure it is that this sound is these mouths' own."""
        if self.windows < FEWEST_WINDOWS:
            return 0.0
        over = self.peak - LEAST_PEAK - BY_CHANCE / self.windows**0.5
        return float(1 / (1 + np.exp(-BY_PEAK * over)))


NOTHING = Fit(0, 0.0, 0.0, 0.0, 0)


def fit_of(by_shift: np.ndarray, offset: int | None = None) -> Fit:
    """Of the windows of a stretch at each of SHIFTS, (n, 31), NaN where there is no sound.

    offset: judge at this one; the best if None.
    """
    by_shift = np.asarray(by_shift, np.float32)
    heard = np.isfinite(by_shift)
    by_shift = by_shift[heard.any(axis=1)]
    if not len(by_shift):
        return NOTHING
    heard = np.isfinite(by_shift)
    filled = np.where(heard, by_shift, 0)
    curve = filled.sum(axis=0) / heard.sum(axis=0).clip(1)
    # a shift at which half of the stretch has no sound says little
    curve[heard.sum(axis=0) < len(by_shift) / 2] = -1
    best = int(curve.argmax()) if offset is None else MAX_SHIFT - offset
    own = by_shift[:, best : best + 1]
    below = (np.where(heard, by_shift, np.inf) <= own).sum(axis=1)
    rank = np.divide(below, heard.sum(axis=1), where=np.isfinite(own[:, 0]), out=np.zeros(len(own)))
    elsewhere = np.abs(np.arange(len(curve)) - best) > APART
    return Fit(
        offset=MAX_SHIFT - best,
        similarity=float(curve[best]),
        rank=float(rank.mean()),
        peak=float(curve[best] - curve[elsewhere].max()),
        windows=len(by_shift),
    )
