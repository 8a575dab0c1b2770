"""Who speaks when: faces that are there at one time, against the sound that they share."""

import numpy as np

from synchrony.courses import best_course, without_short
from synchrony.fit import fit_of
from synchrony.shifts import MAX_SHIFT

SMOOTH_SECONDS = 1.6  # over which scores are averaged; a turn is rarely shorter
FPS = 25
# Margin, summed over frames, that another face must bring to be taken for the one who speaks: about
# that of a second.
CHANGE = 6.0

Scores = tuple[np.ndarray, np.ndarray]  # frames at which windows begin, and (n, 31) scores


def who_speaks(
    faces: list[Scores], begin: int, end: int, least: int, offset: int | None = None
) -> np.ndarray:
    """The number of the face that speaks in each frame, (end - begin,): the one that fits best.

    All share the film's sound, so one shift holds for all: that of the face that fits best in all.
    least: frames; turns that are shorter go to those about them. offset: that shift, if known.
    """
    cuts = [_within(*scores, begin, end) for scores in faces]
    if offset is None:
        fits = [fit_of(scores) for _, scores in cuts]
        offset = max(fits, key=lambda fit: fit.certainty).offset
    courses = np.stack([margin_course(*cut, offset, begin, end) for cut in cuts])
    return without_short(best_course(courses.T, CHANGE), least)


def margin_course(
    starts: np.ndarray, by_shift: np.ndarray, offset: int, begin: int, end: int
) -> np.ndarray:
    """How far the shift stands over the others in each frame, averaged over a while.

    -1 where that is not known.
    """
    margins, known = np.zeros(end - begin), np.zeros(end - begin)
    if len(starts):
        heard = np.isfinite(by_shift)
        mean = np.where(heard, by_shift, 0).sum(axis=1) / heard.sum(axis=1).clip(1)
        own = np.nan_to_num(by_shift[:, MAX_SHIFT - offset] - mean, nan=0.0)
        middles = (starts + 2 - begin).clip(0, end - begin - 1)
        margins[middles], known[middles] = own, 1
    half = round(SMOOTH_SECONDS * FPS / 2)
    bell = np.bartlett(2 * half + 1)
    total = np.convolve(known, bell)[half : half + len(known)]
    summed = np.convolve(margins, bell)[half : half + len(known)]
    return np.divide(summed, total, out=np.full(len(total), -1.0), where=total > 1e-6)


def _within(starts: np.ndarray, by_shift: np.ndarray, begin: int, end: int) -> Scores:
    inside = (starts >= begin) & (starts < end)
    return starts[inside], by_shift[inside]
