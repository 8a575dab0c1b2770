"""Which stretches of a film train, and the reason why each of the others does not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import median_filter

from preprocessing.wild.looks import LOOK_EVERY
from preprocessing.wild.options import WildOptions
from preprocessing.wild.runs import Run
from synchrony.evidence import EVERY
from synchrony.fit import NOTHING, Fit, fit_of
from synchrony.shifts import MAX_SHIFT, WINDOW_FRAMES
from synchrony.steps import shift_changes
from synchrony.turns import who_speaks

QUIET_DB = 35  # below the loud parts of the film
NEVER_SPEECH_DB = -60  # against full scale
LONGEST_PAUSE_SECONDS = 2.5  # within a stretch
STILL = 0.25  # levels that a mouth's half changes from frame to frame, on median, at most
# Of that change: in 20 GRID clips it is 2.4 on median and 7.5 at most, and at the jumps from one to
# another of one talker over 8.6 in 95 of 100.
LEAST_JUMP, JUMP_RATIO, JUMP_NEAR = 7.5, 3.0, 25
NOTICED_SECONDS = 0.3  # a face that is there for less is not worth a line

TOO_SHORT, SILENT, PICTURE = "too short", "silent", "a still picture"
OTHER, UNFIT = "another speaks", "the sound fits at no shift"
FAR, LATE = "the sound is too far off", "out of sync"


@dataclass(frozen=True)
class Stretch:
    """Frames `begin` to `end` - 1 of a run; `reason` says why they are left out, if they are."""

    run: Run
    begin: int
    end: int
    reason: str | None = None
    fit: Fit = NOTHING

    @property
    def frames(self) -> int:
        return self.end - self.begin


def find_stretches(
    runs: list[Run], loud: np.ndarray, fps: float, options: WildOptions
) -> list[Stretch]:
    """All stretches of a film's runs, in the order of time. loud: decibels of each frame."""
    threshold = max(float(np.quantile(loud, 0.9)) - QUIET_DB, NEVER_SPEECH_DB)
    found = []
    for shot in sorted({run.shot for run in runs}):
        own = [run for run in runs if run.shot == shot]
        found += _of_shot(own, loud, loud > threshold, fps, options)
    noticed = [stretch for stretch in found if stretch.frames >= NOTICED_SECONDS * fps]
    return sorted(noticed, key=lambda s: (s.begin, s.end, s.run.track))


def _of_shot(
    runs: list[Run], loud: np.ndarray, speech: np.ndarray, fps: float, options: WildOptions
) -> list[Stretch]:
    least, most = options.min_seconds * fps, round(options.max_seconds * fps)
    stretches, candidates = [], []
    for run in runs:
        for begin, end, fault in _by_fault(run):
            if fault:
                stretches.append(Stretch(run, begin, end, fault))
                continue
            for part in split_at_jumps(run, begin, end):
                for first, last, is_speech in _by_silence(speech, *part, fps):
                    (candidates if is_speech else stretches).append(
                        Stretch(run, first, last, None if is_speech else SILENT)
                    )
    turns = _by_step(_by_turn(candidates, least), least)
    for stretch in turns:
        if stretch.reason:
            stretches.append(stretch)
        elif stretch.frames < least:
            stretches.append(Stretch(stretch.run, stretch.begin, stretch.end, TOO_SHORT))
        else:
            pieces = split_at_pauses(loud, stretch.begin, stretch.end, most)
            stretches += [_judged(stretch.run, *piece, options) for piece in pieces]
    return stretches


def _by_fault(run: Run) -> Iterator[tuple[int, int, str | None]]:
    """Spans of a run with one fault each, or with none. A fault holds for two looks or more."""
    looks = np.array(sorted(number for number in run.faults if run.boxes[number - run.first]))
    faults = [run.faults[number] for number in looks]
    sure = [
        fault if fault in faults[max(0, at - 1) : at] + faults[at + 1 : at + 2] or len(looks) < 3
        else None
        for at, fault in enumerate(faults)
    ]  # fmt: skip
    of_frame: list[str | None] = []
    for number, box in enumerate(run.boxes, run.first):
        if box is None:
            of_frame.append(run.faults[number])
        else:
            nearest = min((number - run.first + LOOK_EVERY // 2) // LOOK_EVERY, len(looks) - 1)
            at = int(np.searchsorted(looks, run.first + nearest * LOOK_EVERY))
            of_frame.append(sure[min(at, len(sure) - 1)] if sure else None)
    yield from _spans(of_frame, run.first)


def _spans(values: Iterable, first: int) -> Iterator[tuple]:
    """(begin, end, value) of each span of equal values."""
    values = list(values)
    edges = [at for at in range(1, len(values)) if values[at] != values[at - 1]]
    for begin, end in zip([0, *edges], [*edges, len(values)], strict=True):
        if end > begin:
            yield first + begin, first + end, values[begin]


def _by_silence(
    speech: np.ndarray, begin: int, end: int, fps: float
) -> Iterator[tuple[int, int, bool]]:
    """Spans with speech and without; pauses that are not long belong to the speech about them."""
    heard = speech[begin:end]
    heard = np.append(heard, np.zeros(max(0, end - begin - len(heard)), bool))
    longest = LONGEST_PAUSE_SECONDS * fps
    joined = heard.copy()
    for first, last, is_speech in _spans(heard.tolist(), 0):
        whole = first == 0 and last == len(heard)
        if not is_speech and last - first < longest and not whole:
            joined[first:last] = True
    yield from _spans(joined.tolist(), begin)


def _by_turn(candidates: list[Stretch], least: float) -> list[Stretch]:
    """Where several faces are there at a time, the spans in which each of them speaks."""
    found = []
    for stretch in candidates:
        others = [
            other
            for other in candidates
            if other.run.track != stretch.run.track
            and min(other.end, stretch.end) - max(other.begin, stretch.begin) >= WINDOW_FRAMES
        ]
        if not others:
            found.append(stretch)
            continue
        rivals = [(other.run.starts, other.run.by_shift) for other in others]
        own = (stretch.run.starts, stretch.run.by_shift)
        speaks = who_speaks([own, *rivals], stretch.begin, stretch.end, int(least)) == 0
        for begin, end, mine in _spans(speaks.tolist(), stretch.begin):
            found.append(Stretch(stretch.run, begin, end, None if mine else OTHER))
    return found


def _by_step(turns: list[Stretch], least: float) -> list[Stretch]:
    """Stretches cut where the shift changes at which the sound fits."""
    found = []
    for turn in turns:
        inside = _windows_in(turn.run, turn.begin, turn.end)
        starts, by_shift = turn.run.starts[inside], turn.run.by_shift[inside]
        changes = [] if turn.reason else shift_changes(starts, by_shift, round(least / EVERY))
        edges = [turn.begin, *changes, turn.end]
        found += [
            replace(turn, begin=begin, end=end)
            for begin, end in zip(edges, edges[1:], strict=False)
        ]
    return found


def split_at_jumps(run: Run, begin: int, end: int) -> list[tuple[int, int]]:
    """Pieces of a run without jump cuts: the same face in the same place, from one moment to
    another, which too little of the whole picture changes with to be told as a cut.
    """
    changes = np.array(run.changes[begin - run.first : end - run.first])
    if not len(changes):
        return []
    usual = median_filter(changes, 2 * JUMP_NEAR + 1, mode="nearest")
    jumps = (changes > LEAST_JUMP) & (changes > JUMP_RATIO * usual)
    edges = [begin, *(begin + np.flatnonzero(jumps)).tolist(), end]
    return [(a, b) for a, b in zip(edges, edges[1:], strict=False) if b > a]


def _windows_in(run: Run, begin: int, end: int) -> np.ndarray:
    """Which of the run's windows lie within."""
    return (run.starts >= begin) & (run.starts + WINDOW_FRAMES <= end)


def split_at_pauses(loud: np.ndarray, begin: int, end: int, most: int) -> list[tuple[int, int]]:
    """Pieces of at most `most` frames, cut where it is quietest in the second half of each."""
    pieces = []
    while end - begin > most:
        smooth = np.convolve(loud[begin : begin + most], np.ones(5) / 5, "same")
        lowest = begin + most // 2 + int(smooth[most // 2 :].argmin())
        if end - lowest < most // 4:  # no crumbs
            lowest = begin + (end - begin) // 2
        pieces.append((begin, lowest))
        begin = lowest
    return [*pieces, (begin, end)]


def _judged(run: Run, begin: int, end: int, options: WildOptions) -> Stretch:
    """The stretch with its fit, and the reason where the sound is not its own."""
    rows = run.by_shift[_windows_in(run, begin, end)]
    fit = fit_of(rows)
    if fit.certainty < options.min_sync and len(rows) < len(run.by_shift):
        whole = fit_of(run.by_shift)  # a long run knows better than a short stretch of it
        if whole.certainty >= options.min_sync:
            again = fit_of(rows, whole.offset)
            fit = again if again.certainty >= options.min_sync else fit
    return Stretch(run, begin, end, _fault(run, begin, end, fit, options), fit)


def _fault(run: Run, begin: int, end: int, fit: Fit, options: WildOptions) -> str | None:
    changes = run.changes[begin - run.first + 1 : end - run.first]
    if changes and np.median(changes) < STILL:
        return PICTURE
    if fit.certainty < options.min_sync:
        return UNFIT
    if abs(fit.offset) == MAX_SHIFT:
        return FAR
    if abs(fit.offset) > 1 and not options.sync_correct:
        return LATE
    return None
