"""One job tried, wherever it runs: what came of it, with all that it said."""

import argparse
import contextlib
import io
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.one_video import make_one


@dataclass(frozen=True)
class Task:
    """A job: its line in the job file, and its flags."""

    line: int
    args: argparse.Namespace


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    line: int
    error: str = ""  # empty where it was made
    printed: str = ""  # for stdout; the path is its last line
    notes: list[str] = field(default_factory=list)  # for stderr
    seconds: float = 0.0


def attempt(maker, task: Task) -> Outcome:
    """Make a job's video without a word; bad input is an outcome, as any other.

    maker: what one_video.load() gave.
    """
    begin, error = time.perf_counter(), ""
    printed, notes = io.StringIO(), []
    with contextlib.redirect_stdout(printed), _noted(notes, task.args.quiet):
        try:
            make_one(maker, task.args, show_progress=False)
        except (ValueError, OSError) as problem:
            error = str(problem)
    return Outcome(task.line, error, printed.getvalue(), notes, time.perf_counter() - begin)


@contextlib.contextmanager
def _noted(notes: list[str], quiet: bool) -> Iterator[None]:
    """What is logged meanwhile is added to `notes`, and shown nowhere."""
    logger = logging.getLogger()
    before, level = logger.handlers, logger.level
    handler = logging.Handler()
    handler.emit = lambda record: notes.append(record.getMessage())
    logger.handlers = [handler]
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    try:
        yield
    finally:
        logger.handlers = before
        logger.setLevel(level)
