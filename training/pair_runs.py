"""Runs over pairs of mouths: command line, streams and loop of what learns from them."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from hparams import HParams
from training.engine import run
from training.engine.loop import Trainer
from training.engine.runtime import Runtime, open_runtime
from training.engine.start import Start, read_start
from training.engine.stream import TrainStream, ValidationSet
from training.pairs import Pairs

log = logging.getLogger(__name__)

VALIDATION_SEED = 12345
VALIDATION_BATCHES = 6
DEFAULTS = HParams(
    batch_size=24,
    initial_learning_rate=1.5e-3,
    warmup_steps=200,
    ema_decay=0.995,
    clip_grad_norm=1.0,
    num_workers=0,  # samples are read from mapped memory, faster than a process could send them
    eval_interval=250,
    checkpoint_interval=250,
    log_interval=50,
)

# (runtime, numbers, max_steps, lip numbers of all mouths) -> what is trained
MakeTrainer = Callable[[Runtime, HParams, int | None, np.ndarray], Trainer]


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


def train_on_pairs(args: argparse.Namespace, kind: str, script: str, make: MakeTrainer) -> Path:
    """Train one network on pairs; returns the path of the last checkpoint."""
    start = read_start(args, kind, script, defaults=DEFAULTS)
    with open_runtime(
        args.device, args.precision, compiled=args.compile, sync_batchnorm=start.hp.sync_batchnorm
    ) as runtime:
        return _train(args, start, runtime, make)


def _train(args: argparse.Namespace, start: Start, runtime: Runtime, make: MakeTrainer) -> Path:
    hp = start.hp
    torch.manual_seed(start.seed)
    pairs = Pairs(args.pairs, "train", start.seed, real=args.real_pairs, videos=args.mouths)
    held_out = Pairs(args.pairs, "val", VALIDATION_SEED)
    log.info("%d frames to train on, %d held out", len(pairs), len(held_out))
    trainer = make(runtime, hp, args.max_steps, pairs.lips())
    start.load(trainer.update)
    stream = TrainStream(pairs, hp.batch_size, hp.accumulate, hp.num_workers, runtime)
    validation = ValidationSet(
        held_out, min(VALIDATION_BATCHES * hp.batch_size, held_out.distinct), hp.batch_size,
        hp.num_workers, runtime,
    )  # fmt: skip
    return run.train(trainer, stream, validation, start=start, runtime=runtime, args=args)
