"""Where a run begins: afresh, at the weights of a file, or exactly where another one stopped."""

import argparse
import logging
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from atomic import whole_or_absent
from hparams import TrainingHParams
from models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from training.engine.checkpoints import BEST, RunProgress, refuse_occupied
from training.engine.cli import UsageError
from training.engine.learner import Learner
from training.engine.runtime import Runtime, open_runtime

log = logging.getLogger(__name__)

WRONG = (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError)


@dataclass
class Start:
    """The numbers of a run and the file that it begins at, which is read once."""

    hp: TrainingHParams
    seed: int
    script: str  # whose run it is, as its checkpoints say
    checkpoint: Checkpoint | None = None
    goes_on: bool = False  # exactly; else only the weights count, and what the original's file has

    def open_runtime(self, args: argparse.Namespace):
        """The context of the Runtime that the command line asks for. Raises ValueError."""
        return open_runtime(
            args.device,
            args.precision,
            compiled=args.compile,
            sync_batchnorm=self.hp.sync_batchnorm,
        )

    def load(self, learner: Learner, restore: Callable[[dict], None] = lambda extra: None) -> None:
        """Put the file into the network in training; `restore` is given what else it holds."""
        if self.checkpoint is None:
            return
        # Of another script's run only the weights: its optimizer had other betas and other losses.
        whole = self.goes_on or "progress" not in self.checkpoint.extra
        load_network(self.checkpoint, learner, whole=whole)
        if self.goes_on:
            with _explained(self.checkpoint.path):
                restore(self.checkpoint.extra)

    def progress(self, runtime: Runtime, run_dir: Path, batch_size: int) -> tuple[int, RunProgress]:
        """The step to begin with and what lies behind; lets go of the file, which is large.

        A checkpoint of the original's tells only its step; weights alone begin at step 0.
        """
        checkpoint, self.checkpoint = self.checkpoint, None
        if checkpoint is None:
            return 0, RunProgress(self.seed, self.script)
        if not self.goes_on:
            known = checkpoint.optimizer and "progress" not in checkpoint.extra
            step = checkpoint.step or 0 if known else 0
            log.info("beginning at the weights of %s, step %d", checkpoint.path, step)
            return step, RunProgress(self.seed, self.script, position=step * batch_size)
        with _explained(checkpoint.path):
            progress = RunProgress.restored(checkpoint.extra["progress"], runtime)
            progress = replace(progress, seed=self.seed, script=self.script)
            step = int(checkpoint.step)
        if runtime.is_first and not _bring_best(checkpoint.path.parent, run_dir):
            progress = replace(progress, best=float("inf"))  # so that there will be one
        log.info("going on from step %d of %s", step, checkpoint.path)
        return step, progress


def read_start(
    args: argparse.Namespace,
    kind: str,
    script: str,
    numbers: type[TrainingHParams],
    *,
    owns_unsigned: Callable[[Checkpoint], bool] = lambda checkpoint: True,
) -> Start:
    """Hyperparameters and seed: the checkpoint's if there is one, the command line's over them.

    numbers: the script's class of hparams.py, whose defaults hold where nothing else is said.
    owns_unsigned: whether a checkpoint of before they said whose they are is the script's own.
    Raises UsageError before anything is read, CheckpointError, or ValueError where the folder
    holds another run.
    """
    hp, seed, checkpoint, goes_on = numbers(), 0, None, False
    _override(hp, args)
    if args.checkpoint_path:
        checkpoint = read_checkpoint(args.checkpoint_path, kind)
        with _explained(checkpoint.path):
            hp = numbers.from_dict({**checkpoint.hparams, **checkpoint.shape_numbers()})
            if "progress" in checkpoint.extra:
                progress = checkpoint.extra["progress"]
                signed = progress.get("script")
                goes_on = signed == script if signed else owns_unsigned(checkpoint)
                seed = int(progress["seed"]) if goes_on else seed
    if not goes_on or checkpoint.path.resolve().parent != args.checkpoint_dir.resolve():
        refuse_occupied(args.checkpoint_dir)
    if not goes_on:
        hp = replace(hp, max_steps=numbers.max_steps)  # where another run was to end
    hp = _override(hp, args)
    return Start(hp, seed if args.seed is None else args.seed, script, checkpoint, goes_on)


def _override(hp: TrainingHParams, args: argparse.Namespace) -> TrainingHParams:
    """The numbers with those of the command line. Raises UsageError."""
    try:
        hp = hp.with_overrides(args.hparams)
    except ValueError as error:
        raise UsageError(f"--hparams: {error}") from error
    return replace(hp, max_steps=args.max_steps) if args.max_steps else hp


def load_network(checkpoint: Checkpoint, learner: Learner, *, whole: bool) -> None:
    """Put a checkpoint into a network in training; `whole` takes the optimizer and the average."""
    path = checkpoint.path
    try:
        learner.network.load_state_dict(checkpoint.state_dict)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit the network of --hparams: it is one of {checkpoint.shape()}"
        ) from error
    if not whole or not checkpoint.optimizer:
        log.warning("%s: the optimizer starts afresh", path)
        learner.load_state_dict({"scaler": {}})
        return
    try:
        learner.load_optimizer(checkpoint.optimizer)
    except WRONG as error:
        raise CheckpointError(
            f"{path}: its optimizer is another network's, or blendshape_wt was switched on "
            f"or off; begin anew from its weights, {BEST} ({error})"
        ) from error
    with _explained(path):
        learner.load_state_dict(checkpoint.extra.get("update", {"scaler": {}}))


def _bring_best(source: Path, run_dir: Path) -> bool:
    """Whether the run's best weights lie in its folder, if need be from where it was before."""
    if not (run_dir / BEST).exists() and (source / BEST).exists():
        with whole_or_absent(run_dir / BEST) as partial:
            shutil.copyfile(source / BEST, partial)
    return (run_dir / BEST).exists()


@contextmanager
def _explained(path: Path):
    """What is wrong with a file's state of training is said with its name."""
    try:
        yield
    except CheckpointError:
        raise
    except WRONG as error:
        raise CheckpointError(
            f"{path}: its state of training is broken ({error}); begin anew from weights, {BEST}"
        ) from error
