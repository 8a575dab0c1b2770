"""Courses over time that rarely change: which of a few answers holds when."""

import numpy as np


def best_course(gains: np.ndarray, cost: float) -> np.ndarray:
    """(n,) the column of each row that brings most in all, where each change costs so much."""
    total = gains[0].copy()
    came = np.empty(gains.shape, int)
    columns = np.arange(gains.shape[1])
    for row in range(1, len(gains)):
        best = int(total.argmax())
        moved = total[best] - cost > total
        came[row] = np.where(moved, best, columns)
        total = np.where(moved, total[best] - cost, total) + gains[row]
    course = np.empty(len(gains), int)
    course[-1] = total.argmax()
    for row in range(len(gains) - 1, 0, -1):
        course[row - 1] = came[row, course[row]]
    return course


def without_short(values: np.ndarray, least: int) -> np.ndarray:
    """The course without spans shorter than `least`: each takes the value of the longer neighbour.

    The shortest goes first.
    """
    values = values.copy()
    while True:
        edges = np.flatnonzero(np.diff(values)) + 1
        bounds = np.concatenate([[0], edges, [len(values)]])
        lengths = np.diff(bounds)
        if len(lengths) < 2 or lengths.min() >= least:
            return values
        at = int(lengths.argmin())
        before = lengths[at - 1] if at else -1
        after = lengths[at + 1] if at + 1 < len(lengths) else -1
        taken = bounds[at] - 1 if before >= after else bounds[at + 1]
        values[bounds[at] : bounds[at + 1]] = values[taken]
