"""Runs over pairs of mouths: command line, streams and loop of what learns from them."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hparams import LipWarpHParams
from training.engine import run
from training.engine.loop import Trainer
from training.engine.runtime import Runtime
from training.engine.start import Start
from training.engine.stream import TrainStream, ValidationSet
from training.pairs import Pairs

log = logging.getLogger(__name__)

VALIDATION_SEED = 12345
VALIDATION_BATCHES = 6

# (runtime, hyperparameters, lip numbers of all mouths) -> what is trained
MakeTrainer = Callable[[Runtime, LipWarpHParams, np.ndarray], Trainer]


def add_pair_arguments(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Where the pairs are that a training learns from."""
    add = parser.add_argument
    add("--pairs", type=Path, required=required, help="as python -m synthesis.make_pairs drew them")
    add("--real_pairs", type=Path, help="the same, of photographs that were given other mouths")
    add(
        "--mouths",
        type=Path,
        help="of real videos, as python -m preprocessing.mouth_clips cut them",
    )


def train_on_pairs(args: argparse.Namespace, start: Start, make: MakeTrainer) -> Path:
    """Train one network on pairs; returns the path of the last checkpoint."""
    with start.open_runtime(args) as runtime:
        return _train(args, start, runtime, make)


def _train(args: argparse.Namespace, start: Start, runtime: Runtime, make: MakeTrainer) -> Path:
    hp = start.hp
    torch.manual_seed(start.seed)
    pairs = Pairs(args.pairs, "train", start.seed, real=args.real_pairs, videos=args.mouths)
    held_out = Pairs(args.pairs, "val", VALIDATION_SEED)
    log.info("%d frames to train on, %d held out", len(pairs), len(held_out))
    trainer = make(runtime, hp, pairs.lips())
    start.load(trainer.learner)
    stream = TrainStream(pairs, hp.batch_size, hp.grad_accum_steps, hp.num_workers, runtime)
    validation = ValidationSet(
        held_out, min(VALIDATION_BATCHES * hp.batch_size, held_out.distinct), hp.batch_size,
        hp.num_workers, runtime,
    )  # fmt: skip
    return run.train(trainer, stream, validation, start=start, runtime=runtime, args=args)
