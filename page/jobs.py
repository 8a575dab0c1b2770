"""One job at a time, in the order they came: the queue that all sessions and the API share."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from page.limits import Limits, QueueFullError
from page.pace import Pace

log = logging.getLogger(__name__)

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)


class CancelledError(Exception):
    """Raised within a job whose owner wants it no more; what it had begun is left undone."""


class Job:
    """One piece of work: where it stands, and what it has made so far."""

    def __init__(self, owner: str, stages: tuple[str, ...], frames: int, pace: Pace) -> None:
        """stages: the work's, in order; frames: about how many each will count."""
        self.id = secrets.token_urlsafe(12)
        self.owner, self.stages, self.frames = owner, stages, frames
        self.state = WAITING
        self.stage, self.done, self.total = "", 0, None
        self.made: dict[str, object] = {}  # what can be shown already, by name
        self.error: BaseException | None = None
        self.ended_at: float | None = None  # time.monotonic()
        self._pace = pace
        self._cancel = threading.Event()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """What lipsync is given: notes where the job stands, and ends it once cancelled."""
        if self._cancel.is_set():
            raise CancelledError
        self._pace.note(stage, done)
        self.stage, self.done, self.total = stage, done, total
        self.frames = total or self.frames

    def show(self, **made: object) -> None:
        """Hand over a part of the result, while the rest is still made."""
        if self._cancel.is_set():
            raise CancelledError
        self.made = self.made | made

    def cancel(self) -> None:
        self._cancel.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancel.is_set()

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def seconds_left(self) -> float | None:
        """As far as the stages' pace is known."""
        if self.state != RUNNING or self.stage not in self.stages:
            return None
        later = self.stages[self.stages.index(self.stage) + 1 :]
        rest = (self.total or self.frames) - self.done
        return self._pace.left(self.stage, rest, later, self.frames)

    @property
    def share_done(self) -> float:
        """Of all stages' expected time, in [0, 1]."""
        if self.stage not in self.stages:
            return 1.0 if self.state == DONE else 0.0
        return self._pace.share_done(self.stages, self.stage, self.done, self.total or self.frames)


class JobQueue:
    """Runs jobs one by one in a thread of its own, which alone touches the networks."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pace = Pace()
        self._jobs: dict[str, Job] = {}  # all that are remembered, in the order they came
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="jobs")

    def submit(
        self, owner: str, work: Callable[[Job], None], stages: tuple[str, ...], frames: int = 100
    ) -> Job:
        """Put work at the end of the queue. Raises QueueFullError."""
        job = Job(owner, stages, frames, self._pace)
        with self._lock:
            self._check_room(owner)
            self._jobs[job.id] = job
        self._worker.submit(self._run, job, work).add_done_callback(lambda run: _close(job, run))
        return job

    def _check_room(self, owner: str) -> None:
        open_jobs = [job for job in self._jobs.values() if not job.has_ended]
        if len(open_jobs) >= self._limits.waiting:
            raise QueueFullError(f"{len(open_jobs)} jobs wait already; try again in a while")
        own = sum(job.owner == owner for job in open_jobs)
        if own >= self._limits.of_one:
            raise QueueFullError(f"{own} of your jobs wait already; wait for one, or cancel it")

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        if job.is_cancelled:
            raise CancelledError
        job.state = RUNNING
        self._pace.begin()
        work(job)

    def find(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def ahead_of(self, job: Job) -> int:
        """How many jobs end before this one begins."""
        with self._lock:
            before = list(self._jobs.values())
        return sum(not other.has_ended for other in before[: before.index(job)])

    def cancel(self, job: Job) -> None:
        """End it at its next frame; one that waits counts no more, and never begins."""
        job.cancel()
        if job.state == WAITING:
            job.state = CANCELLED

    def cancel_all_of(self, owner: str) -> None:
        for job in list(self._jobs.values()):
            if job.owner == owner and not job.has_ended:
                self.cancel(job)

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do something small once the jobs that are here now have ended."""
        self._worker.submit(work)

    def forget(self, before: float) -> list[Job]:
        """Jobs that ended before this time.monotonic(), which are remembered no more."""
        with self._lock:
            old = [job for job in self._jobs.values() if job.ended_at and job.ended_at < before]
            for job in old:
                del self._jobs[job.id]
        return old

    def close(self) -> None:
        """Cancel everything, and wait until the running job has let go."""
        for job in list(self._jobs.values()):
            job.cancel()
        self._worker.shutdown(cancel_futures=True)


def _close(job: Job, run: Future) -> None:
    """Note how a job ended, whatever it raised."""
    if run.cancelled() or isinstance(run.exception(), CancelledError):
        job.state = CANCELLED
    elif (error := run.exception()) is not None:
        job.error, job.state = error, FAILED
        if not isinstance(error, ValueError | OSError):
            log.error("a job failed", exc_info=error)
    else:
        job.state = DONE
    job.ended_at = time.monotonic()
