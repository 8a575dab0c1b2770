"""A generator and a judge that learn against each other: their step, and the judge's files.

What the judge is asked, and what either pays, stays in the script: this is what does not depend
on it. The judge may be several networks in one module.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hparams import TrainingHParams
from models.checkpoint import read_checkpoint
from training.engine.checkpoints import BEST, QUALITY, network_state, quality_file
from training.engine.learner import Learner
from training.engine.loop import Batch
from training.engine.start import load_network
from training.session import Session


class Gan:
    """The updates of both networks, made side by side from the same batches."""

    def __init__(self, generator: Learner, judge: Learner):
        self.generator, self.judge = generator, judge

    def micro_batches(self, batches: list[Batch]) -> Iterator[Batch]:
        """Those of a batch, for both, whose last ones, which exchange gradients, meet."""
        for batch, _ in zip(
            self.generator.micro_batches(batches), self.judge.micro_batches(batches), strict=True
        ):
            yield batch

    @contextmanager
    def frozen_judge(self) -> Iterator[nn.Module]:
        """The judge as the generator pays it: its weights take no part in what is computed here."""
        learnt = [weight for weight in self.judge.network.parameters() if weight.requires_grad]
        for weight in learnt:
            weight.requires_grad_(False)
        try:
            yield self.judge.network
        finally:
            for weight in learnt:
                weight.requires_grad_(True)

    def apply(self, step: int) -> dict[str, torch.Tensor]:
        """Change the weights of both; what the log should say."""
        judge_said = self.judge.apply(step)
        said = {"disc_gradient_norm": judge_said["gradient_norm"]}
        return self.generator.apply(step) | said

    def files(self, hp: TrainingHParams) -> dict[str, dict]:
        """Both networks' checkpoints by the prefix of their names, the generator's the main one."""
        return {"": network_state(self.generator, hp), QUALITY: network_state(self.judge, hp)}


def judge_numbers(hp: TrainingHParams) -> TrainingHParams:
    """The numbers of a judge's update: nobody uses an averaged one."""
    return replace(hp, ema_decay=0.0)


def add_judge_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--disc_checkpoint_path", type=Path,
        help="the discriminator to go on with; without it, the one beside --checkpoint_path",
    )  # fmt: skip


def load_judge(session: Session, judge: Learner, kind: str) -> None:
    """The judge that the command line names, or the one saved with the generator's run.

    Raises ValueError where that one is gone: a fresh one would undo what the generator learnt.
    """
    path, run = session.args.disc_checkpoint_path, None
    if path is None and session.start.goes_on:
        run = session.start.checkpoint
        path = quality_file(run.path)
        if not path.exists():
            raise ValueError(
                f"{run.path} was saved with a discriminator, {path.name}, which is not there; name "
                f"one with --disc_checkpoint_path, or begin anew from the weights in {BEST}"
            )
    if path is None:
        return
    checkpoint = read_checkpoint(path, kind)
    if run and checkpoint.step != run.step:
        raise ValueError(f"{path} is of step {checkpoint.step}, {run.path} of step {run.step}")
    load_network(checkpoint, judge, whole=True)
