"""The clock of a live session: takes sound as it comes, gives each frame when it is due."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

import numpy as np

from lipsync.live.session import LiveFrame, LiveSession
from lipsync.live.tape import as_samples

MOST_WAITING_SECONDS = 30.0  # of sound that was pushed and is not yet its turn
LATE_FRAMES = 1.0  # behind the clock, from which on pictures are repeated to catch up
STALLED_SECONDS = 10.0  # behind the clock, from which on it is set anew: a laptop slept


@dataclass
class Played:
    """What a player has done so far."""

    frames: int = 0
    repeated: int = 0  # frames that show the picture before again
    dropped_seconds: float = 0.0  # of sound that came faster than it could be played
    stalls: int = 0  # times that the clock was set anew


class Player:
    """Gives frames at their pace, whatever comes: sound in bursts, late, or none at all.

    Where no sound waits there is silence. A frame that can't be made in time repeats the picture
    before, so that pictures never fall behind the sound. push, show and interrupt may be called
    from any thread while another one takes frames().
    """

    def __init__(
        self,
        session: LiveSession,
        *,
        most_seconds: float = MOST_WAITING_SECONDS,
        drop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """most_seconds: of sound that may wait. drop: where more comes, forget the oldest, as
        suits a microphone; else push waits, as suits a speech synthesiser.
        """
        if not most_seconds > 0:
            raise ValueError(f"most_seconds must be over 0, not {most_seconds}")
        self.session, self.played = session, Played()
        self._most, self._drop = round(most_seconds * session.sample_rate), drop
        self._clock, self._sleep = clock, sleep
        self._waiting: deque[np.ndarray] = deque()
        self._count = 0  # samples in them
        self._picture: np.ndarray | None = None
        self._interrupted = self._closed = self._ended = False
        self._changed = threading.Condition()

    def push(self, samples: np.ndarray) -> None:
        """Sound to be spoken after what was pushed before: mono, float or int16."""
        samples = as_samples(samples)
        with self._changed:
            for first in range(0, len(samples), self._most):
                self._add(samples[first : first + self._most])

    def show(self, picture: np.ndarray) -> None:
        """A camera's newest picture; one that was not yet taken is forgotten."""
        with self._changed:
            self._picture = picture

    def interrupt(self) -> None:
        """Forget all sound that was not yet heard; the mouth comes to rest."""
        with self._changed:
            self._forget(self._count)
            self._interrupted = True
            self._changed.notify_all()

    def end(self) -> None:
        """No more sound will come: frames() ends when all of it was shown."""
        with self._changed:
            self._ended = True

    def close(self) -> None:
        """frames() ends, and whoever waits in push goes on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def frames(self) -> Iterator[LiveFrame]:
        """The frames, each when it is due, until end() or close()."""
        session, begin = self.session, self._clock()
        for tick in count():
            due = begin + float((tick + 1) / session.fps)
            self._wait_until(due)
            if self._closed:
                return
            late = self._clock() - due
            if late > STALLED_SECONDS:
                begin += late
                self.played.stalls += 1
            samples, last = self._next_block(tick)
            hurry = LATE_FRAMES / session.fps < late <= STALLED_SECONDS
            yield from self._counted(session.feed(samples, hurry=hurry))
            if last:
                yield from self._counted(session.finish())
                return

    def _next_block(self, tick: int) -> tuple[np.ndarray, bool]:
        """The sound of one tick, and whether it is the last."""
        with self._changed:
            if self._interrupted:
                self.session.interrupt()
                self._interrupted = False
            if self._picture is not None:
                self.session.show(self._picture)
                self._picture = None
            rate = Fraction(self.session.sample_rate) / self.session.fps
            wanted = round((tick + 1) * rate) - round(tick * rate)
            last = self._ended and self._count <= wanted
            found = self._take(wanted)
            self._changed.notify_all()
        return np.pad(found, (0, 0 if last else wanted - len(found))), last

    def _wait_until(self, due: float) -> None:
        while not self._closed and (seconds := due - self._clock()) > 0:
            self._sleep(min(seconds, 0.1))

    def _counted(self, frames: list[LiveFrame]) -> Iterator[LiveFrame]:
        for frame in frames:
            self.played.frames += 1
            self.played.repeated += frame.repeated
            yield frame

    def _add(self, samples: np.ndarray) -> None:
        while self._count + len(samples) > self._most and not self._drop and not self._closed:
            self._changed.wait()
        over = self._count + len(samples) - self._most
        if over > 0:
            self._forget(over)
            self.played.dropped_seconds += over / self.session.sample_rate
        self._waiting.append(samples)
        self._count += len(samples)

    def _forget(self, samples: int) -> None:
        self._take(samples)

    def _take(self, samples: int) -> np.ndarray:
        """Up to so many of the samples that wait."""
        taken = []
        while samples and self._waiting:
            block = self._waiting.popleft()
            taken.append(block[:samples])
            if len(block) > samples:
                self._waiting.appendleft(block[samples:])
            samples -= len(taken[-1])
            self._count -= len(taken[-1])
        return np.concatenate(taken) if taken else np.zeros(0, np.float32)
