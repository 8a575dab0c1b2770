"""One face's mouths against the film's sound, window by window, as its frames come."""

import numpy as np

from synchrony.expert import Expert
from synchrony.film_sound import FilmSound
from synchrony.shifts import SHIFTS, WINDOW_FRAMES

EVERY = 2  # frames from one window that is judged to the next


class Evidence:
    """The scores of a face in consecutive frames; a window begins at every EVERY-th frame."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._starts: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        self._next = first + -first % EVERY  # where the next window begins
        self._faces: list[np.ndarray] = []  # prepared, from self._next on
        self._seen = first  # frames so far

    def add(self, faces: list[np.ndarray], expert: Expert, sound: FilmSound, since: int) -> None:
        """The prepared faces of the next frames. since: see FilmSound.scores, its `first`."""
        skipped = max(0, self._next - self._seen - len(self._faces)) if not self._faces else 0
        self._faces += faces[skipped:]
        self._seen += len(faces)
        count = (len(self._faces) - WINDOW_FRAMES) // EVERY + 1
        if count < 1:
            return
        used = self._faces[: (count - 1) * EVERY + WINDOW_FRAMES]
        starts = self._next + EVERY * np.arange(count)
        scores = sound.scores(since, starts, expert.embed_faces(used, EVERY))
        self._starts.append(starts)
        self._scores.append(scores.astype(np.float16))  # 31 numbers: two hours take 6 MB
        self._next += count * EVERY
        self._faces = self._faces[count * EVERY :]

    def settle(self) -> tuple[np.ndarray, np.ndarray]:
        """The frames at which windows begin, (n,), and their scores at SHIFTS, (n, 31)."""
        if not self._starts:
            return np.empty(0, int), np.empty((0, len(SHIFTS)), np.float32)
        return np.concatenate(self._starts), np.concatenate(self._scores).astype(np.float32)
