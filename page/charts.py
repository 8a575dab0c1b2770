"""The similarity over time and by offset, as drawings that fit a wide page and a phone."""

from html import escape

import numpy as np

from evaluation import Similarity
from evaluation.plot import round_steps, smooth_scores
from synchrony.shifts import SHIFTS

WIDE, NARROW = 560, 330  # units across; the page shows one or the other, so that text stays legible
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 210, 34, 10, 14, 34


def score_report(score: Similarity, title: str) -> str:
    """The verdict, its sentences and both drawings."""
    verdict, *rest = score.sentences()
    mood = {True: "good", False: "bad", None: "unsure"}[score.fits]
    lines = "".join(f"<li>{escape(line)}</li>" for line in rest)
    drawn = "".join(
        f'<div class="charts {kind}">{_over_time(score, width)}{_by_offset(score, width)}</div>'
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
        if score.nobs
    )
    return (
        f'<section class="score {mood}"><h3>{escape(title)}</h3>'
        f"<p class=verdict>{escape(_sentence(verdict))}</p><ul>{lines}</ul>{drawn}</section>"
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _over_time(score: Similarity, width: int) -> str:
    count = int(score.frames[-1]) + 1
    seconds = max(1.0, count / score.fps)
    values = np.full(count, np.nan)
    values[score.frames] = score.cosines
    times = np.arange(count) / score.fps
    axes = _Axes(width, (0, seconds), "seconds", "similarity over time")
    axes.level(score.fits_from, "fits from here")
    axes.ticks(round_steps(seconds, width // 80))
    axes.line(times, values, "thin")
    axes.line(times, smooth_scores(values, round(score.fps)), "thick")
    return axes.drawn()


def _by_offset(score: Similarity, width: int) -> str:
    axes = _Axes(width, (SHIFTS[0], SHIFTS[-1]), "offset of the sound in frames", "mean by offset")
    axes.level(score.fits_from, "")
    axes.ticks(range(-15, 16, 5))
    offsets = -np.array(SHIFTS)[::-1]
    axes.line(offsets, score.curve[::-1], "thick")
    axes.mark(score.best_offset, f"best {score.best_offset:+d}" if score.best_offset else "best 0")
    return axes.drawn()


class _Axes:
    """One drawing: similarity from 0 to 1 upwards, something else across."""

    def __init__(self, width: int, across: tuple[float, float], label: str, title: str) -> None:
        self._width, self._across = width, across
        self._parts = [f'<text class=title x="{LEFT}" y="10">{escape(title)}</text>']
        for value in (0, 0.25, 0.5, 0.75, 1):
            y = self._y(value)
            self._parts.append(f'<path class=grid d="M{LEFT} {y}H{width - RIGHT}"/>')
            self._parts.append(f'<text x="{LEFT - 5}" y="{y + 4}" text-anchor=end>{value:g}</text>')
        end, below = width - RIGHT, HEIGHT - 3
        self._parts.append(f'<text x="{end}" y="{below}" text-anchor=end>{escape(label)}</text>')

    def ticks(self, values) -> None:
        for value in values:
            place = f'x="{self._x(value):.1f}" y="{HEIGHT - 18}"'
            self._parts.append(f"<text {place} text-anchor=middle>{value:g}</text>")

    def level(self, value: float, words: str) -> None:
        y = self._y(value)
        self._parts.append(f'<path class=level d="M{LEFT} {y:.1f}H{self._width - RIGHT}"/>')
        self._parts.append(
            f'<text class=level x="{LEFT + 4}" y="{y - 4:.1f}">{escape(words)}</text>'
        )

    def mark(self, value: float, words: str) -> None:
        x = self._x(value)
        self._parts.append(f'<path class=mark d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        side = ("end", -5) if x > self._width / 2 else ("start", 5)
        self._parts.append(
            f'<text class=mark x="{x + side[1]:.1f}" y="{TOP + 12}" text-anchor={side[0]}>'
            f"{escape(words)}</text>"
        )

    def line(self, xs: np.ndarray, ys: np.ndarray, kind: str) -> None:
        """Join the points; a NaN leaves a hole."""
        steps, joined = [], False
        for x, y in zip(xs, ys, strict=True):
            if np.isfinite(y):
                steps.append(f"{'L' if joined else 'M'}{self._x(x):.1f} {self._y(y):.1f}")
            joined = bool(np.isfinite(y))
        self._parts.append(f'<path class="{kind}" d="{"".join(steps)}"/>')

    def drawn(self) -> str:
        return f'<svg viewBox="0 0 {self._width} {HEIGHT}" role=img>{"".join(self._parts)}</svg>'

    def _x(self, value: float) -> float:
        first, last = self._across
        return LEFT + (value - first) / (last - first) * (self._width - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return TOP + (1 - min(max(value, 0.0), 1.0)) * (HEIGHT - TOP - BOTTOM)
