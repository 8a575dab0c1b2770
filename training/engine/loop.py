"""The loop that drives a trainer: steps, log, validation, samples, checkpoints, stopping."""

import logging
import math
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch

from hparams import TrainingHParams
from training.engine.checkpoints import RunProgress, checkpoint_path, save_best, save_run
from training.engine.learner import Learner
from training.engine.log import Means, Pace, RunLog
from training.engine.runtime import Runtime
from training.engine.stream import TrainStream, ValidationSet

log = logging.getLogger(__name__)

Batch = dict[str, torch.Tensor]
Values = dict[str, torch.Tensor]


class Trainer(Protocol):
    """What the loop asks of one experiment; the maths stays in its script."""

    step: int  # optimizer updates made
    learner: Learner  # of the network whose best weights are kept

    def train_step(self, micro_batches: list[Batch]) -> Values:
        """One change of the weights; its losses and what else is worth a curve."""

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Means over the validation set; "score" says which weights are best: lower is better."""

    def draw_samples(self, folder: Path) -> None:
        """Put pictures of what the network does now into the folder, if it makes pictures."""

    def files(self) -> dict[str, dict]:
        """The content of its checkpoints by the prefix of their names, "" the main one."""


class Interrupt:
    """Set by SIGTERM and the first Ctrl-C; the second Ctrl-C stops at once."""

    NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @contextmanager
    def listening(self):
        before = {number: signal.signal(number, self._note) for number in self.NUMBERS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def name(self) -> str:
        return self.signal.name if self.signal else "a signal to another process"

    def _note(self, number: int, frame: object) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)


class Stopped(Exception):
    """A validation that a signal ends; it is made when the run goes on."""


class Loop:
    """One run of a trainer over a stream of batches."""

    def __init__(
        self,
        trainer: Trainer,
        stream: TrainStream,
        validation: ValidationSet,
        progress: RunProgress,
        *,
        run_dir: Path,
        keep: int,
        runtime: Runtime,
        hp: TrainingHParams,
    ):
        """keep: checkpoints beside the best; 0 = all."""
        self.trainer, self.stream, self.validation = trainer, stream, validation
        self.progress, self.run_dir, self.keep = progress, run_dir, keep
        self.runtime, self.hp = runtime, hp
        self.log = RunLog(
            run_dir,
            first_step=trainer.step,
            validated=not progress.unvalidated,
            enabled=runtime.is_first,
        )
        self.means = Means()
        self.pace = Pace(hp.max_steps, stream.windows_a_step)
        self.saved_at = trainer.step  # what the run begins with exists already
        self.interrupt = Interrupt()

    def run(self) -> Path:
        """Train until max_steps, nepochs or a signal; returns the last checkpoint's path.

        Raises ValueError when there is nothing left to do, or the loss is no number any more.
        """
        self.stream.position = self.progress.position
        if not self._has_more() and not self.progress.unvalidated:
            raise ValueError(
                f"nothing to do: step {self.trainer.step}, epoch {self.stream.epoch} is reached "
                "already; raise --max_steps or nepochs"
            )
        steps = iter(self.stream)
        with self.interrupt.listening():
            if self.progress.unvalidated:
                self._validate()
            self.pace.restart()
            while self._has_more() and not self._is_stopped():
                with self.pace.waiting(self.runtime.is_idle):
                    micro_batches = next(steps)
                self._step(micro_batches)
        if self.saved_at != self.trainer.step:
            self._save()
        return checkpoint_path(self.run_dir, self.trainer.step)

    def _is_stopped(self) -> bool:
        stopped = self.runtime.any(self.interrupt.signal is not None)
        if stopped:
            log.warning("stopped by %s at step %d", self.interrupt.name, self.trainer.step)
        return stopped

    def _has_more(self) -> bool:
        reached = self.trainer.step >= (self.hp.max_steps or math.inf)
        ended = getattr(self.trainer, "finished", False)  # a curriculum that is through
        return not (reached or ended) and self.stream.epoch < self.hp.nepochs

    def _step(self, micro_batches: list[Batch]) -> None:
        self.means.add(
            self.trainer.train_step([self.runtime.move(batch) for batch in micro_batches])
        )
        self.trainer.step += 1
        self.pace.steps += 1
        self.progress.position = self.stream.position
        step, hp = self.trainer.step, self.hp
        last = not self._has_more()
        if step % hp.log_interval == 0 or last:
            self._write_means()
        with self.pace.stopped():
            is_due = step % hp.checkpoint_interval == 0
            # At the first step too: what is wrong with validation should show at once.
            if step % hp.eval_interval == 0 or step == 1 or last:
                self.progress.unvalidated = True
                if is_due:
                    self._save()  # a validation takes long, and not all who stop a run wait for it
                self._validate()
            if is_due:
                self._save()

    def _write_means(self) -> None:
        """Of this process's share of the batches; the first process's stands for all."""
        step, values = self.trainer.step, self.means.read() | {"epoch": self.stream.epoch}
        self.log.write(step, "train", values | self.pace.read(step))
        self._require_numbers(math.isfinite(values["loss"]), "the loss is")
        self.means = Means()
        self.pace.restart()

    def _require_numbers(self, finite: bool, what: str) -> None:
        if not finite:
            raise ValueError(
                f"{what} no number any more at step {self.trainer.step}: go on from the last "
                f"checkpoint in {self.run_dir} with clip_grad_norm=1, a lower rate or "
                "--precision fp32"
            )

    def _validate(self) -> None:
        step = self.trainer.step
        try:
            values = self.trainer.validate(map(self.runtime.move, self._validation_batches()))
        except Stopped:
            return
        self.progress.unvalidated = False
        self.log.write(step, "val", values)
        if not self.runtime.is_first:
            return
        if values["score"] < self.progress.best:
            save_best(self.run_dir, step, self.trainer.learner, self.hp)
        self.progress.best = min(self.progress.best, values["score"])
        self.trainer.draw_samples(self.run_dir / f"samples_step{step:09d}")

    def _validation_batches(self) -> Iterator[Batch]:
        """Until a signal comes; processes that wait for each other's numbers end together."""
        for batch in self.validation:
            if self.interrupt.signal and self.runtime.world_size == 1:
                raise Stopped
            yield batch

    def _save(self) -> None:
        """Nothing that is broken takes the place of what is not."""
        step = self.trainer.step
        shared = {
            "global_step": step,
            "global_epoch": self.stream.epoch,
            "progress": self.progress.state(self.runtime),
        }
        contents = self.trainer.files()
        weights = (
            value for content in contents.values() for value in content["state_dict"].values()
        )
        finite = all(bool(torch.isfinite(value).all()) for value in weights)
        self._require_numbers(finite, "a weight is")
        files = {prefix: {**content, **shared} for prefix, content in contents.items()}
        if self.runtime.is_first:
            save_run(self.run_dir, step, files, self.keep)
        self.saved_at = step
