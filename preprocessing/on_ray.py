"""Preprocess many clips on a Ray cluster: the same function per clip, wherever it runs."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from face_detection import Detector
from preprocessing.attempt import try_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.workers import build_detector

IN_FLIGHT_PER_CPU = 2  # tasks handed out; the rest wait here
RETRIES = 10  # of a clip whose machine is lost; a broken clip is no failure of its task
SECONDS_TO_STOP = 10  # of the tasks in hand, when a run is interrupted: they tidy up
PROJECT = Path(__file__).resolve().parents[1]

Item = TypeVar("Item")
Done = TypeVar("Done")


class RayMissingError(RuntimeError):
    """Ray was asked for and is not installed."""


def run_on_ray(
    clips: list[SourceVideo],
    settings: PreprocessSettings,
    address: str | None,
    gpus_per_clip: float,
) -> Iterator[dict]:
    """Preprocess clips on a Ray cluster; yields each clip's report row as it is done.

    Every machine must see the project, the clips and the target under the same paths. A clip
    whose machine is lost is done again on another.
    """
    work = partial(_preprocess, settings=settings, on_gpu=gpus_per_clip > 0)
    return map_on_ray(work, clips, address, gpus_per_clip)


def map_on_ray(
    work: Callable[[Item], Done], items: Iterable[Item], address: str | None, gpus_each: float
) -> Iterator[Done]:
    """What `work` makes of each item, on one processor of a cluster and so much of a GPU.

    As it is done. Raises RayMissingError. Closed before the end, what is in hand is interrupted.
    """
    try:
        import ray
    except ImportError as error:
        raise RayMissingError(
            "a Ray cluster needs Ray on every machine: pip install 'ray[default]'"
        ) from error
    paths = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    ray.init(address=address, runtime_env={"env_vars": {"PYTHONPATH": paths}}, log_to_driver=False)
    running = []
    try:
        task = ray.remote(num_cpus=1, num_gpus=gpus_each, max_retries=RETRIES)(_call)
        window = max(1, int(ray.cluster_resources().get("CPU", 1))) * IN_FLIGHT_PER_CPU
        waiting = iter(items)
        while True:
            running += [task.remote(work, item) for item in islice(waiting, window - len(running))]
            if not running:
                return
            done, running = ray.wait(running)
            yield from ray.get(done)
    finally:
        if running and ray.is_initialized():
            for one in running:
                ray.cancel(one)
            ray.wait(running, num_returns=len(running), timeout=SECONDS_TO_STOP)
        ray.shutdown()


def _call(work: Callable[[Item], Done], item: Item) -> Done:
    return work(item)


def _preprocess(clip: SourceVideo, settings: PreprocessSettings, on_gpu: bool) -> dict:
    return try_clip(clip, settings, _detector(settings, "cuda" if on_gpu else "cpu"))


@lru_cache(maxsize=1)
def _detector(settings: PreprocessSettings, device: str) -> Detector:
    """Built once in each worker process."""
    return build_detector(settings, device)
