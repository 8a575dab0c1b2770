"""What all tabs and the API share: limits, queue, sessions' files, networks."""

import threading
import time
from pathlib import Path

import gradio as gr

from page.files import Sessions, remove
from page.jobs import Job, JobQueue
from page.limits import Limits
from page.studio import Studio

SWEEP_SECONDS = 300


class Rooms:
    """The server's state."""

    def __init__(self, studio: Studio, sessions: Sessions, limits: Limits) -> None:
        self.studio, self.sessions, self.limits = studio, sessions, limits
        self.queue = JobQueue(limits)
        self._closed = threading.Event()
        threading.Thread(target=self._sweep, daemon=True).start()

    def claim(self, request: gr.Request, path: str) -> Path:
        """An upload, as this session's own. Raises ValueError."""
        return self.sessions.claim(request.session_hash, path)

    def submit(
        self, request: gr.Request, work: str, *values, stages: tuple[str, ...], frames: int = 100
    ) -> Job:
        """Have the studio do this work. Raises QueueFullError."""
        return self.put(request.session_hash, work, *values, stages=stages, frames=frames)

    def put(
        self, owner: str, work: str, *values, stages: tuple[str, ...], frames: int = 100
    ) -> Job:
        """The same for an owner without a page."""
        method = getattr(self.studio, work)
        return self.queue.submit(owner, lambda job: method(*values, job), stages, frames)

    def leave(self, session: str) -> None:
        """A page was closed: its jobs end, its files go."""
        self.queue.cancel_all_of(session)
        removed = self.sessions.end(session)
        self.queue.afterwards(lambda: remove(*removed))  # what its running job still wrote

    def close(self) -> None:
        self._closed.set()
        self.queue.close()
        self.sessions.close()

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sessions.sweep()
            self.queue.forget(time.monotonic() - 3600 * self.limits.keep_hours)
