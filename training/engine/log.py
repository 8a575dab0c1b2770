"""What a run writes down: metrics.jsonl, TensorBoard where it is installed, lines on the screen."""

import json
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import torch

from atomic import whole_or_absent
from training.engine.runtime import Runtime

log = logging.getLogger(__name__)


class RunLog:
    """The metrics of one run; silent in all processes but the first."""

    def __init__(
        self, run_dir: Path, *, first_step: int = 0, validated: bool = True, enabled: bool = True
    ):
        """Lines that a run which was cut off left, and that will be written again, are removed.

        They are those of steps after `first_step`, and of its validation if that is still to come.
        """
        self.path = run_dir / "metrics.jsonl"
        self.enabled = enabled
        if not enabled:
            return
        run_dir.mkdir(parents=True, exist_ok=True)
        self._forget_after(first_step, validated)
        self._board = _open_tensorboard(run_dir, first_step)

    def write(self, step: int, split: str, values: dict[str, float]) -> None:
        """One line of the file: {"step", "split", and the values by name}."""
        if not self.enabled:
            return
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, "split": split, **finite}) + "\n")
        if self._board:
            for name, value in values.items():
                self._board.add_scalar(f"{split}/{name}", value, step)
            self._board.flush()
        words = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        log.info("step %d %s  %s", step, split, words)

    def _forget_after(self, step: int, validated: bool) -> None:
        if not self.path.exists():
            return
        lines = self.path.read_text().splitlines(keepends=True)
        last = {"train": step, "val": step if validated else step - 1}
        places = map(_place_of, lines)
        kept = [line for line, (split, at) in zip(lines, places, strict=True) if at <= last[split]]
        if len(kept) < len(lines):
            with whole_or_absent(self.path) as partial:
                partial.write_text("".join(kept))


def _place_of(line: str) -> tuple[str, float]:
    """Split and step of a line; a line that was cut off belongs to none."""
    try:
        values = json.loads(line)
        return values["split"], values["step"]
    except (ValueError, KeyError, TypeError):
        return "train", math.inf


def _open_tensorboard(run_dir: Path, first_step: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run_dir), purge_step=first_step + 1)


class Means:
    """Means of named 0-d tensors; they stay on their device until somebody reads them."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._weights: dict[str, float] = defaultdict(float)

    def add(self, values: dict[str, torch.Tensor], weight: float = 1.0) -> None:
        for name, value in values.items():
            value = value.detach().float() * weight
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._weights[name] += weight

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: total / self._weights[name] for name, total in self._sums.items()}

    def read(self) -> dict[str, float]:
        return {name: value.item() for name, value in self.tensors().items()}

    def read_all(self, runtime: Runtime) -> dict[str, float]:
        """Over all processes; one that had nothing to add may have none of the names."""
        own = {name: total.item() for name, total in self._sums.items()}
        names = dict.fromkeys(name for names in runtime.gather(list(own)) for name in names)
        sums = {name: own.get(name, 0.0) for name in names}
        return runtime.mean(sums, max(self._weights.values(), default=0.0))


class Pace:
    """Where the time goes: windows a second, the share spent waiting for data, what is left."""

    def __init__(self, max_steps: int, windows_a_step: int):
        self.max_steps, self.windows = max_steps, windows_a_step
        self.restart()

    def restart(self) -> None:
        self.steps, self.waited_seconds = 0, 0.0
        self._begun = time.perf_counter()

    @contextmanager
    def waiting(self, is_idle: Callable[[], bool]):
        """The block waits for data; it counts where the device has nothing left to do by then."""
        began = time.perf_counter()
        yield
        if is_idle():
            self.waited_seconds += time.perf_counter() - began

    @contextmanager
    def stopped(self):
        """The block is no training: validation, checkpoints."""
        began = time.perf_counter()
        yield
        self._begun += time.perf_counter() - began

    def read(self, step: int) -> dict[str, float]:
        """Over the steps made since the last restart, of which `step` is the latest."""
        seconds = max(time.perf_counter() - self._begun, 1e-9)
        values = {
            "windows_per_second": self.steps * self.windows / seconds,
            "data_wait_share": min(1.0, self.waited_seconds / seconds),
        }
        if self.max_steps:
            seconds_a_step = seconds / max(1, self.steps)
            values["hours_left"] = (self.max_steps - step) * seconds_a_step / 3600
        return values
