"""The end of every training script: the loop over its trainer, from where the run stands."""

import argparse
from pathlib import Path

from training.engine.checkpoints import run_lock
from training.engine.loop import Loop, Trainer
from training.engine.runtime import Runtime
from training.engine.start import Start
from training.engine.stream import TrainStream, ValidationSet


def train(
    trainer: Trainer,
    stream: TrainStream,
    validation: ValidationSet,
    *,
    start: Start,
    runtime: Runtime,
    args: argparse.Namespace,
) -> Path:
    """Train until start.hp.max_steps; returns the path of the last checkpoint."""
    run_dir = args.checkpoint_dir
    with run_lock(run_dir, runtime):
        trainer.step, progress = start.progress(runtime, run_dir, stream.batch_size)
        return Loop(
            trainer, stream, validation, progress,
            run_dir=run_dir, keep=args.keep, runtime=runtime, hp=start.hp,
        ).run()  # fmt: skip
