"""Jobs on one machine, in processes: each has processor cores of its own, and all the same weights.

A process that dies fails its job alone, and another takes its place.
"""

import argparse
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from atomic import end_cleanly_on_signals
from jobs.attempt import Outcome, Task, attempt
from jobs.sharing import take
from preprocessing.orphans import children_deaf_to_ctrl_c, end_with

SECONDS_TO_END = 30  # of a worker that is told to: it removes what is half made


@dataclass(frozen=True)
class Post:
    """Where a worker computes, and what with."""

    cores: frozenset[int]  # empty where the system binds no process to any
    args: argparse.Namespace  # of what is loaded once
    weights: Path | None  # what sharing.keep() wrote; without it a worker loads for itself


@dataclass
class _Worker:
    post: Post
    process: BaseProcess
    pipe: Connection
    task: Task | None = None  # in hand


def cores_of_each(workers: int) -> list[frozenset[int]]:
    """The cores that this process may use, dealt out; shared where workers are more than cores.

    Bound to them, torch, OpenCV and ffmpeg all start as many threads as a worker has cores.
    """
    if not hasattr(os, "sched_getaffinity"):
        return [frozenset()] * workers
    cores = sorted(os.sched_getaffinity(0))
    if workers >= len(cores):
        return [frozenset({cores[number % len(cores)]}) for number in range(workers)]
    edges = [round(number * len(cores) / workers) for number in range(workers + 1)]
    return [frozenset(cores[a:b]) for a, b in zip(edges, edges[1:], strict=False)]


def run_on_workers(tasks: list[Task], posts: list[Post]) -> Iterator[Outcome]:
    """What came of each task, as it is done. Closed before the end, nothing half made is left."""
    waiting, team = deque(tasks), []
    try:
        team += [_start(post) for post in posts[: len(tasks)]]
        while waiting or any(worker.task for worker in team):
            for worker in team:
                if worker.task is None and waiting:
                    _give(worker, waiting.popleft())
            ready = wait([worker.pipe for worker in team if worker.task])
            for number, worker in enumerate(team):
                if worker.pipe in ready:
                    yield _receive(worker)
                    if not worker.process.is_alive() and waiting:
                        team[number] = _start(worker.post)
        for worker in team:
            worker.pipe.close()  # which ends it
    finally:
        _end(team)


def _start(post: Post) -> _Worker:
    spawn = multiprocessing.get_context("spawn")  # forked thread pools do not work
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=_work, args=(theirs, os.getpid(), post), daemon=False)
    with children_deaf_to_ctrl_c():
        process.start()
    theirs.close()
    return _Worker(post, process, pipe)


def _give(worker: _Worker, task: Task) -> None:
    worker.task = task
    try:
        worker.pipe.send(task)
    except OSError:  # it has died: whoever receives is told
        return


def _receive(worker: _Worker) -> Outcome:
    task, worker.task = worker.task, None
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        return Outcome(task.line, error=_cause(worker.process.exitcode))


def _cause(code: int) -> str:
    if code < 0:
        return (
            f"its process was killed ({signal.Signals(-code).name}), perhaps for want of memory: "
            "try fewer --workers"
        )
    return f"its process ended with {code}; what it said stands above"


def _end(team: list[_Worker]) -> None:
    """Those that still work are told to stop; what they have half made they remove."""
    for worker in team:
        if worker.task and worker.process.is_alive():
            worker.process.terminate()
        worker.pipe.close()
    for worker in team:
        worker.process.join(SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(pipe: Connection, parent: int, post: Post) -> None:
    """In the worker: make what comes through the pipe, until it is closed."""
    end_cleanly_on_signals()
    end_with(parent)
    try:
        if post.cores:
            os.sched_setaffinity(0, post.cores)
        maker = take(post)
        while True:
            pipe.send(attempt(maker, pipe.recv()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
