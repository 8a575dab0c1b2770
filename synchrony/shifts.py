"""Scores of picture windows against sound windows moved in time; nothing holds a whole video."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch

MAX_SHIFT = 15  # frames that the sound is moved either way
SHIFTS = range(-MAX_SHIFT, MAX_SHIFT + 1)  # of the sound's window; the offset is the negative
WINDOW_FRAMES = 5  # frames that both networks judge at a time

Face = TypeVar("Face")


def runs_of_faces(faces: Iterable[Face | None], windows: int) -> Iterator[tuple[int, list[Face]]]:
    """Cut a stream at its None's into runs, long runs into pieces of at most `windows` windows.

    Yields (number of the first frame, frames); pieces of one run share four frames, so that each
    window of five lies in exactly one piece. Runs of fewer than five frames are left out.
    """
    run: list[Face] = []
    number = -1
    for number, face in enumerate(faces):
        if face is not None:
            run.append(face)
        if len(run) == windows + WINDOW_FRAMES - 1 or (face is None and run):
            end = number + (face is not None)
            if len(run) >= WINDOW_FRAMES:
                yield end - len(run), run
            run = [] if face is None else run[-(WINDOW_FRAMES - 1) :]
    if len(run) >= WINDOW_FRAMES:
        yield number + 1 - len(run), run


class SoundWindows:
    """Embeddings of the sound at each frame, asked for in rising order and computed once."""

    def __init__(self, embed: Callable[[range], torch.Tensor], count: int, outside: float) -> None:
        """`embed` gives (len(frames), D); frames before 0 or from `count` on are `outside`."""
        self._embed, self._count, self._outside = embed, count, outside
        self._kept: dict[int, torch.Tensor] = {}

    def span(self, first: int, end: int) -> torch.Tensor:
        """(end - first, D), row by row the sound at frames first .. end - 1."""
        wanted = range(max(first, 0), min(end, self._count))
        self._kept = {frame: row for frame, row in self._kept.items() if frame >= first}
        new = range(max([*self._kept, wanted.start - 1]) + 1, wanted.stop)
        if new:
            self._kept |= zip(new, self._embed(new), strict=True)
        if not self._kept:
            return torch.full((end - first, 1), self._outside)
        beyond = torch.full_like(next(iter(self._kept.values())), self._outside)
        return torch.stack([self._kept.get(frame, beyond) for frame in range(first, end)])


def scores_by_shift(
    pieces: Iterable[tuple[int, torch.Tensor]],
    sounds: SoundWindows,
    score: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> tuple[np.ndarray, np.ndarray]:
    """The frame at which each window begins, (n,), and its score at each of SHIFTS, (n, 31).

    pieces: (frame of the first window, embeddings (B, D) of consecutive windows), frames rising.
    score: ((B, D, 1), (B, D, 31)) -> (B, 31).
    """
    frames, scores = [np.empty(0, int)], [np.empty((0, len(SHIFTS)), np.float32)]
    for first, pictures in pieces:
        heard = sounds.span(first - MAX_SHIFT, first + len(pictures) + MAX_SHIFT)
        moved = heard.to(pictures.device).unfold(0, len(SHIFTS), 1)
        frames.append(np.arange(first, first + len(pictures)))
        scores.append(score(pictures[..., None], moved).cpu().numpy())
    return np.concatenate(frames), np.concatenate(scores)
