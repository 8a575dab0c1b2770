"""Many videos: every job of a file, here or elsewhere, whatever becomes of the others."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jobs.arguments import DEFAULT_OUTFILE, build_parser
from jobs.attempt import Outcome, Task
from jobs.checks import check, complete
from jobs.job_file import JobParser, Jobs, read_jobs
from jobs.one_video import load, make_one
from models.threads import count_cpus


def run_jobs(args: argparse.Namespace) -> int:
    """Tell what becomes of each job, and of how many nothing; the exit code is 1 if any failed.

    Raises ValueError or OSError for what would fail every job.
    """
    tasks, outcomes = read_tasks(args)
    total, failed = len(tasks) + len(outcomes), 0
    for outcome in outcomes:
        _tell(outcome, args, "")
    for done, outcome in enumerate(_run(tasks, args), 1 + len(outcomes)):
        _tell(outcome, args, f"{done} of {total}")
        failed += bool(outcome.error)
    failed += len(outcomes)
    if failed:
        print(f"error: {failed} of {total} jobs failed", file=sys.stderr)
    return 1 if failed else 0


def read_tasks(args: argparse.Namespace) -> tuple[list[Task], list[Outcome]]:
    """The jobs of the file, and apart from them those that are none."""
    parser = build_parser(JobParser)
    jobs = Jobs(parser, args, Path(DEFAULT_OUTFILE).parent)
    tasks, refused = [], []
    for line, job in read_jobs(args.jobs):
        try:
            own = jobs.arguments(job)
            complete(own)
            check(parser, argparse.Namespace(**vars(own) | {"jobs": None}))
            jobs.name_outfile(own, line)
            tasks.append(Task(line, own))
        except ValueError as error:
            refused.append(Outcome(line, error=str(error)))
    return tasks, refused


def _run(tasks: list[Task], args: argparse.Namespace) -> Iterator[Outcome]:
    """What came of each task, by the runner that the flags name."""
    if not tasks:
        return iter(())
    if args.runner == "ray":
        from jobs.on_ray import run_on_ray

        return run_on_ray(tasks, args)
    workers = min(args.workers or count_cpus(), len(tasks))
    return _run_here(tasks, args) if workers == 1 else _run_on_workers(tasks, args, workers)


def _run_here(tasks: list[Task], args: argparse.Namespace) -> Iterator[Outcome]:
    """In this process, one after the other."""
    maker = load(args)
    for task in tasks:
        error = ""
        try:
            make_one(maker, task.args, show_progress=not args.quiet)
        except (ValueError, OSError) as problem:
            error = str(problem)
        yield Outcome(task.line, error)


def _run_on_workers(tasks: list[Task], args: argparse.Namespace, workers: int) -> Iterator[Outcome]:
    from jobs.sharing import keep
    from jobs.workers import Post, cores_of_each, run_on_workers

    maker = load(args)
    device = partial(_device_of, args.device, maker.device.type)
    with tempfile.TemporaryDirectory() as folder:
        weights = keep(maker, tasks, Path(folder))
        del maker  # the workers have theirs
        posts = [
            Post(cores, argparse.Namespace(**vars(args) | {"device": device(number)}), weights)
            for number, cores in enumerate(cores_of_each(workers))
        ]
        yield from run_on_workers(tasks, posts)


def _device_of(asked: str, kind: str, worker: int) -> str:
    """Of several GPUs, each worker has one."""
    if kind != "cuda" or asked not in ("auto", "cuda"):
        return asked
    import torch

    return f"cuda:{worker % torch.cuda.device_count()}"


def _tell(outcome: Outcome, args: argparse.Namespace, progress: str) -> None:
    """Its path on stdout; what went wrong on stderr, and a line of progress where nothing else is.

    A job that was made in this process has printed its own.
    """
    for note in outcome.notes:
        print(f"line {outcome.line}: {note}", file=sys.stderr)
    print(outcome.printed, end="", flush=True)
    if outcome.error:
        print(f"error: {args.jobs}, line {outcome.line}: {outcome.error}", file=sys.stderr)
    elif outcome.printed and not args.quiet:
        path = outcome.printed.splitlines()[-1]
        print(f"{progress}: {path} in {outcome.seconds:.1f} s", file=sys.stderr)
