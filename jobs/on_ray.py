"""Jobs on a Ray cluster: the same function for each, wherever it runs."""

import argparse
import os
from collections.abc import Iterator
from functools import partial

from jobs.attempt import Outcome, Task, attempt
from jobs.job_file import OF_ALL
from jobs.one_video import load
from preprocessing.on_ray import RayMissingError, map_on_ray

_makers: dict[tuple, object] = {}  # loaded once in each of the cluster's processes


def run_on_ray(tasks: list[Task], args: argparse.Namespace) -> Iterator[Outcome]:
    """What came of each task, as it is done. Raises ValueError where there is no Ray.

    Every machine must see the project and the files of the jobs under the same paths.
    """
    work = partial(_make, args=args, folder=os.getcwd())
    try:
        yield from map_on_ray(work, tasks, args.ray_address, args.gpus_per_video)
    except RayMissingError as error:
        raise ValueError(str(error)) from error


def _make(task: Task, args: argparse.Namespace, folder: str) -> Outcome:
    os.chdir(folder)  # which the names of files are relative to
    return attempt(_maker(args), task)


def _maker(args: argparse.Namespace):
    key = tuple(getattr(args, name) for name in OF_ALL)
    if key not in _makers:
        _makers.clear()
        _makers[key] = load(args)
    return _makers[key]
