"""Batches in the order of the stream of samples, from any position on, split over processes."""

import signal
from collections.abc import Iterator
from typing import Protocol

import cv2
import torch
from torch.utils.data import DataLoader, default_collate

from training.engine.runtime import Runtime


class Numbered(Protocol):
    """A dataset without end: which sample is number n follows from n alone."""

    windows_per_sample: int  # windows in one sample

    def __len__(self) -> int:
        """Samples in an epoch."""

    def __getitem__(self, number: int) -> dict: ...


class TrainStream:
    """The batches of each step: lists of micro-batches, of which this process takes its share.

    `position` counts the samples that all processes together have taken so far.
    """

    def __init__(
        self,
        dataset: Numbered,
        batch_size: int,
        grad_accum_steps: int,
        workers: int,
        runtime: Runtime,
    ):
        shares = grad_accum_steps * runtime.world_size
        if batch_size % shares:
            raise ValueError(
                f"a batch of {batch_size} does not divide into {runtime.world_size} processes x "
                f"{grad_accum_steps} micro-batches; take "
                f"{max(1, round(batch_size / shares)) * shares}"
            )
        self.dataset, self.batch_size, self.workers = dataset, batch_size, workers
        self.grad_accum_steps, self.runtime = grad_accum_steps, runtime
        self.micro_batch = batch_size // shares
        self.position = 0

    @property
    def epoch(self) -> int:
        """How often the whole dataset has been drawn from."""
        return self.position // len(self.dataset)

    @property
    def windows_a_step(self) -> int:
        """Where a sample is several windows of a clip, more than batch_size."""
        return self.batch_size * self.dataset.windows_per_sample

    def describe(self) -> str:
        return (
            f"{self.windows_a_step} windows a step = {self.runtime.world_size} processes x "
            f"{self.grad_accum_steps} micro-batches x "
            f"{self.micro_batch * self.dataset.windows_per_sample}; "
            f"{len(self.dataset)} samples an epoch"
        )

    def __iter__(self) -> Iterator[list[dict[str, torch.Tensor]]]:
        """Steps from `position` on, without end; `position` moves on as each one is asked for."""
        loader = iter(
            open_loader(self.dataset, self._numbers(self.position), self.workers, self.runtime)
        )
        while True:
            micro_batches = [next(loader) for _ in range(self.grad_accum_steps)]
            self.position += self.batch_size
            yield micro_batches

    def _numbers(self, position: int) -> Iterator[list[int]]:
        """The samples of this process in turn; the shares of all processes lie side by side."""
        stride = self.micro_batch * self.runtime.world_size
        first = position + self.micro_batch * self.runtime.rank
        while True:
            yield list(range(first, first + self.micro_batch))
            first += stride


class ValidationSet:
    """The first `count` samples, the same at every validation; this process's share of them."""

    def __init__(
        self, dataset: Numbered, count: int, batch_size: int, workers: int, runtime: Runtime
    ):
        self.dataset, self.workers, self.runtime = dataset, workers, runtime
        numbers = range(runtime.rank, count, runtime.world_size)
        share = max(1, batch_size // runtime.world_size)
        self.batches = [list(numbers[n : n + share]) for n in range(0, len(numbers), share)]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return iter(open_loader(self.dataset, self.batches, self.workers, self.runtime))

    def __len__(self) -> int:
        return len(self.batches)


def open_loader(dataset: Numbered, numbers, workers: int, runtime: Runtime) -> DataLoader:
    """Batches of the samples with these numbers, made by worker processes."""
    return DataLoader(
        dataset,
        batch_sampler=numbers,
        num_workers=workers,
        collate_fn=getattr(dataset, "collate", default_collate),
        worker_init_fn=_start_worker,
        pin_memory=runtime.device.type == "cuda",
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),  # its own: opening a loader must not move the run's
    )


def _start_worker(number: int) -> None:
    """One thread each: the workers are the parallelism. Signals to all mean the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
