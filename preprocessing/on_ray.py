"""Preprocess many clips on a Ray cluster: the same function per clip, wherever it runs."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from face_detection import Detector
from preprocessing.attempt import try_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.workers import build_detector

CLIPS_IN_FLIGHT_PER_CPU = 2  # tasks handed out; the rest wait here
RETRIES = 10  # of a clip whose machine is lost; a broken clip is no failure of its task
PROJECT = Path(__file__).resolve().parents[1]


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
    try:
        import ray
    except ImportError as error:
        raise RayMissingError(
            "--backend ray needs Ray on every machine: pip install 'ray[default]'"
        ) from error
    paths = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    ray.init(address=address, runtime_env={"env_vars": {"PYTHONPATH": paths}}, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1, num_gpus=gpus_per_clip, max_retries=RETRIES)(_preprocess)
        window = max(1, int(ray.cluster_resources().get("CPU", 1))) * CLIPS_IN_FLIGHT_PER_CPU
        waiting, running = iter(clips), []
        while True:
            while len(running) < window and (clip := next(waiting, None)):
                running.append(task.remote(clip, settings, gpus_per_clip > 0))
            if not running:
                return
            done, running = ray.wait(running)
            yield from ray.get(done)
    finally:
        ray.shutdown()


def _preprocess(clip: SourceVideo, settings: PreprocessSettings, on_gpu: bool) -> dict:
    return try_clip(clip, settings, _detector(settings, "cuda" if on_gpu else "cpu"))


@lru_cache(maxsize=1)
def _detector(settings: PreprocessSettings, device: str) -> Detector:
    """Built once in each worker process."""
    return build_detector(settings, device)
