"""Preprocess many clips on one machine: a process pool on the CPU, or one process per GPU."""

import logging
import multiprocessing
import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from face_detection import Detector, make_detector
from models.threads import count_cpus
from preprocessing.attempt import try_clip
from preprocessing.orphans import children_deaf_to_ctrl_c, end_with
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.wild.preprocess_film import build_judges

THREADS_PER_GPU = 8  # clips decoded at a time, so that the GPU gets large batches
CLIPS_PER_GPU_TASK = 128


class WorkerError(RuntimeError):
    """A worker process died; the message says what may help."""


@dataclass(frozen=True)
class Machine:
    """What there is to work with."""

    devices: tuple[str, ...]  # one worker process each; the same one may come several times
    clips_at_once: int  # in each process, with one detector for all of them
    clips_per_task: int

    @classmethod
    def find(cls, ngpu: int, workers: int, detector: str) -> "Machine":
        """ngpu GPUs where there are any and the detector is a network, else CPU processes."""
        there = torch.cuda.device_count() if detector != "haar" else 0
        if min(ngpu, there) > 0:
            gpus = tuple(f"cuda:{index}" for index in range(min(ngpu, there)))
            return cls(gpus, THREADS_PER_GPU, CLIPS_PER_GPU_TASK)
        return cls(("cpu",) * (workers or count_cpus()), 1, 1)


def run_here(
    clips: list[SourceVideo], settings: PreprocessSettings, machine: Machine
) -> Iterator[dict]:
    """Preprocess clips in worker processes; yields each clip's report row as it is done.

    Raises WorkerError when a process dies, and what ails the machine (see try_clip). Closing the
    generator lets the clips in hand be finished.
    """
    if machine == Machine(("cpu",), 1, 1):
        detector = build_detector(settings, "cpu")
        return (try_clip(clip, settings, detector) for clip in clips)
    return _run_in_pool(clips, settings, machine)


def _run_in_pool(
    clips: list[SourceVideo], settings: PreprocessSettings, machine: Machine
) -> Iterator[dict]:
    spawn = multiprocessing.get_context("spawn")  # forked CUDA and thread pools do not work
    devices = spawn.Queue()
    for device in machine.devices:
        devices.put(device)
    pool = ProcessPoolExecutor(
        len(machine.devices), spawn, _start_worker, (os.getpid(), devices, settings, machine)
    )
    size = machine.clips_per_task
    tasks = [clips[first : first + size] for first in range(0, len(clips), size)]
    with children_deaf_to_ctrl_c():
        futures = [pool.submit(_preprocess, task) for task in tasks]
    try:
        for done in as_completed(futures):
            yield from done.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process died, perhaps for want of memory; run again with fewer --workers: "
            "clips that are done are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


class SharedDetector:
    """One detector for the threads of a process: what they ask for at one time is one batch."""

    def __init__(self, detector: Detector) -> None:
        self.settings = detector.settings
        self.device = getattr(detector, "device", "cpu")
        self._detector = detector
        self._asked: queue.SimpleQueue[tuple[list[np.ndarray], Future]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See Detector.detect; waits for its turn."""
        answer: Future = Future()
        self._asked.put((images, answer))
        return answer.result()

    def _serve(self) -> None:
        while True:
            asked = [self._asked.get()]
            while not self._asked.empty():
                asked.append(self._asked.get())
            self._answer(asked)

    def _answer(self, asked: list[tuple[list[np.ndarray], Future]]) -> None:
        try:
            found = iter(self._detector.detect([image for images, _ in asked for image in images]))
        except BaseException as error:  # handed on, whatever it is, to those who wait for it
            for _, answer in asked:
                answer.set_exception(error)
            return
        for images, answer in asked:
            answer.set_result([next(found) for _ in images])


_worker: "_Worker | None" = None


@dataclass(frozen=True)
class _Worker:
    """What a worker process keeps from one task to the next."""

    settings: PreprocessSettings
    detector: Detector
    threads: int


def _start_worker(parent: int, devices, settings: PreprocessSettings, machine: Machine) -> None:
    global _worker
    logging.basicConfig(level=logging.ERROR)
    end_with(parent)
    torch.set_num_threads(max(1, count_cpus() // len(machine.devices)))
    cv2.setNumThreads(1)
    detector = build_detector(settings, devices.get())
    if machine.clips_at_once > 1:
        detector = SharedDetector(detector)
    _worker = _Worker(settings, detector, machine.clips_at_once)


def build_detector(settings: PreprocessSettings, device: str) -> Detector:
    """The detector that the settings name, on one device."""
    return make_detector(
        settings.detector,
        device=device,
        s3fd_path=settings.s3fd_path,
        batch_size=settings.batch_size,
    )


def check_weights(settings: PreprocessSettings) -> None:
    """Raise what is wrong with the networks' files: told once, and not by every worker."""
    build_detector(settings, "cpu")
    if settings.wild:
        build_judges(settings.wild, "cpu")


def _preprocess(clips: list[SourceVideo]) -> list[dict]:
    with ThreadPoolExecutor(_worker.threads) as threads:
        return list(
            threads.map(lambda clip: try_clip(clip, _worker.settings, _worker.detector), clips)
        )
