"""How long the frames of each stage take on this machine, so as to tell the time left."""

import time

# Seconds a frame until this machine's own are known: two cores, 360 lines, the lip warp.
FIRST_GUESS = {
    "faces": 0.01,
    "looks": 0.03,
    "frames": 0.04,
    "sheet": 0.01,
    "faces again": 0.01,
    "score": 0.03,
}
UNKNOWN = 0.02
FEWEST_FRAMES = 5  # of a stage, after which its own pace counts


class Pace:
    """Notes the stages of the running job, and keeps the last pace of each."""

    def __init__(self) -> None:
        self._seconds = dict(FIRST_GUESS)  # a frame
        self._stage, self._began, self._first = "", 0.0, 0

    def begin(self) -> None:
        self._stage = ""

    def note(self, stage: str, done: int) -> None:
        """`done` frames of a stage are through."""
        now = time.monotonic()
        if stage != self._stage or done < self._first:
            self._stage, self._began, self._first = stage, now, done
        elif done - self._first >= FEWEST_FRAMES:
            self._seconds[stage] = (now - self._began) / (done - self._first)

    def left(self, stage: str, frames: int, later: tuple[str, ...], frames_of_later: int) -> float:
        """Seconds for the rest of a stage and for those after it."""
        rest = sum(self._of(name) for name in later) * frames_of_later
        return self._of(stage) * max(frames, 0) + rest

    def share_done(self, stages: tuple[str, ...], stage: str, done: int, total: int) -> float:
        """Of all stages' time, in [0, 1]."""
        before = sum(self._of(name) for name in stages[: stages.index(stage)])
        whole = sum(self._of(name) for name in stages)
        return min(1.0, (before + self._of(stage) * min(1.0, done / max(total, 1))) / whole)

    def _of(self, stage: str) -> float:
        return self._seconds.get(stage, UNKNOWN)
