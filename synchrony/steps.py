"""Where the shift at which mouths and sound fit changes: another take was joined on there."""

import numpy as np

from synchrony.courses import best_course, without_short

# Cosine, summed over windows, that another shift must bring to be taken: that of a second or more.
COST = 3.0


def shift_changes(starts: np.ndarray, by_shift: np.ndarray, least: int) -> list[int]:
    """Frames at which it changes by more than one; no span is shorter than `least` windows.

    The piecewise constant course of shifts that fits best, by dynamic programming.
    """
    if len(starts) < 2 * least:
        return []
    heard = np.isfinite(by_shift)
    mean = np.where(heard, by_shift, 0).sum(axis=1, keepdims=True)
    mean = mean / heard.sum(axis=1, keepdims=True).clip(1)
    gains = np.where(heard, by_shift - mean, -0.5)
    course = without_short(best_course(gains, COST), least)
    changes = np.flatnonzero(np.abs(np.diff(course)) > 1) + 1
    return [int(starts[at]) + 2 for at in changes]  # the middle of the window
