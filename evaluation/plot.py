"""A picture of the similarity: over the time of the video, and over the shifts of its sound."""

from pathlib import Path

import cv2
import numpy as np

from atomic import whole_or_absent
from evaluation.describe import describe
from evaluation.metrics.similarity import Similarity
from synchrony.shifts import SHIFTS
from video import MediaError

WIDTH, HEIGHT = 1200, 400  # of each of the two panels
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 50, 60  # margins
INK, PALE, GRID = (40, 40, 40), (230, 190, 150), (225, 225, 225)  # BGR
LINE, MARK = (180, 90, 20), (40, 40, 210)


class Panel:
    """Axes on a white picture, and lines in their units."""

    def __init__(self, title: str, across: tuple[float, float], label: str) -> None:
        self.image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        self.across, self.up = across, (0.0, 1.0)
        self._write(title, (LEFT, TOP - 20), 0.6)
        self._write(label, (WIDTH - RIGHT - 8 * len(label), HEIGHT - 12), 0.45)
        for value in np.linspace(0, 1, 6):
            self.level(value, GRID)
            self._write(f"{value:.1f}", (LEFT - 40, self._row(value) + 5), 0.45)

    def ticks(self, values: list[float]) -> None:
        for value in values:
            column = self._column(value)
            cv2.line(self.image, (column, HEIGHT - BOTTOM), (column, HEIGHT - BOTTOM + 5), INK, 1)
            self._write(f"{value:g}", (column - 8, HEIGHT - BOTTOM + 22), 0.45)

    def line(self, xs: np.ndarray, ys: np.ndarray, colour: tuple, thickness: int = 1) -> None:
        """Join the points; a NaN leaves a hole."""
        points = [(self._column(x), self._row(y)) if np.isfinite(y) else None
                  for x, y in zip(xs, ys, strict=True)]  # fmt: skip
        for start, end in zip(points, points[1:], strict=False):
            if start and end:
                cv2.line(self.image, start, end, colour, thickness, cv2.LINE_AA)

    def level(self, value: float, colour: tuple, text: str = "") -> None:
        """A horizontal line, with its name."""
        row = self._row(value)
        cv2.line(self.image, (LEFT, row), (WIDTH - RIGHT, row), colour, 1)
        self._write(text, (LEFT + 6, row + 16), 0.45, colour)

    def mark(self, value: float, text: str) -> None:
        """A vertical line with its name."""
        column = self._column(value)
        cv2.line(self.image, (column, TOP), (column, HEIGHT - BOTTOM), MARK, 1, cv2.LINE_AA)
        beside = column + 6 if column < WIDTH - 120 else column - 6 - 8 * len(text)
        self._write(text, (beside, TOP + 14), 0.45, MARK)

    def _column(self, value: float) -> int:
        first, last = self.across
        return round(LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT))

    def _row(self, value: float) -> int:
        first, last = self.up
        return round(HEIGHT - BOTTOM - (value - first) / (last - first) * (HEIGHT - TOP - BOTTOM))

    def _write(self, text: str, place: tuple[int, int], size: float, colour: tuple = INK) -> None:
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(self.image, text, place, font, size, colour, 1, cv2.LINE_AA)


def plot_similarity(result: Similarity, path: str | Path, title: str) -> None:
    """Write the two panels as one picture. Raises MediaError for a suffix of no picture."""
    path = Path(path)
    if not cv2.haveImageWriter(path.name):
        raise MediaError(f"cannot draw to {path}: give a name that ends in .png")
    picture = np.vstack([_over_time(result, title), _over_shifts(result)])
    with whole_or_absent(path) as partial:
        partial.write_bytes(cv2.imencode(path.suffix, picture)[1])


def _over_time(result: Similarity, title: str) -> np.ndarray:
    mean = describe(result.cosines).mean
    words = "no window could be scored" if mean is None else f"mean similarity {mean:.3f}"
    frames = int(result.frames[-1]) + 1 if result.nobs else 1
    seconds = frames / result.fps
    panel = Panel(f"{_plain(title)}: {words}", (0, max(seconds, 1)), "time (s)")
    panel.ticks(round_steps(max(seconds, 1)))
    scores = np.full(frames, np.nan)
    scores[result.frames] = result.cosines
    times = np.arange(frames) / result.fps
    panel.line(times, scores, PALE)
    panel.line(times, smooth_scores(scores, max(round(result.fps), frames // 200)), LINE, 2)
    panel.level(result.fits_from, MARK, "fits from here")
    return panel.image


def _over_shifts(result: Similarity) -> np.ndarray:
    panel = Panel(
        "mean similarity by offset", (SHIFTS[0], SHIFTS[-1]), "offset of the sound (frames)"
    )
    panel.ticks(list(range(-15, 16, 5)))
    offsets = -np.array(SHIFTS)
    panel.line(offsets, result.curve, LINE, 2)
    if result.nobs:
        panel.mark(result.best_offset, f"best {result.best_offset}")
    return panel.image


def smooth_scores(scores: np.ndarray, width: int) -> np.ndarray:
    """The mean of the `width` scores around each; a hole stays a hole."""
    known = np.isfinite(scores).astype(float)
    kernel = np.ones(min(width, len(scores)))
    sums = np.convolve(np.nan_to_num(scores), kernel, "same")
    counts = np.convolve(known, kernel, "same")
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return np.where(known > 0, means, np.nan)


def round_steps(seconds: float, about: int = 10) -> list[float]:
    """So many round times from 0 to `seconds`, about."""
    rough = seconds / about
    power = 10 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return list(np.arange(0, seconds + step / 1000, step))


def _plain(text: str) -> str:
    """OpenCV's font has ASCII alone."""
    return text.encode("ascii", "replace").decode()
