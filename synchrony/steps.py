"""Where the shift at which mouths and sound fit changes: another take was joined on there."""

import numpy as np

from synchrony.turns import without_short

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
    course = without_short(_best_course(gains), least)
    changes = np.flatnonzero(np.abs(np.diff(course)) > 1) + 1
    return [int(starts[at]) + 2 for at in changes]  # the middle of the window


def _best_course(gains: np.ndarray) -> np.ndarray:
    """(n,) the column of each row, each change of which costs COST."""
    total = gains[0].copy()
    came = np.empty(gains.shape, int)
    columns = np.arange(gains.shape[1])
    for row in range(1, len(gains)):
        best = int(total.argmax())
        moved = total[best] - COST > total
        came[row] = np.where(moved, best, columns)
        total = np.where(moved, total[best] - COST, total) + gains[row]
    course = np.empty(len(gains), int)
    course[-1] = total.argmax()
    for row in range(len(gains) - 1, 0, -1):
        course[row - 1] = came[row, course[row]]
    return course
