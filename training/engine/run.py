"""The end of every training script: the loop over its trainer, from where the run stands."""

import argparse
from pathlib import Path

from training.engine.checkpoints import run_lock
from training.engine.loop import Loop, Schedule, Trainer
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
    eval_interval: int | None = None,
    checkpoint_interval: int | None = None,
) -> Path:
    """Train as long as the command line says; returns the path of the last checkpoint.

    Intervals, in steps, are hp.eval_interval and hp.checkpoint_interval without others.
    """
    hp, run_dir = start.hp, args.checkpoint_dir
    schedule = Schedule(
        run_dir=run_dir,
        max_steps=args.max_steps,
        max_epochs=hp.nepochs,
        eval_interval=eval_interval or hp.eval_interval,
        checkpoint_interval=checkpoint_interval or hp.checkpoint_interval,
        log_interval=hp.log_interval,
        keep=args.keep,
    )
    with run_lock(run_dir, runtime):
        trainer.step, progress = start.progress(runtime, run_dir, stream.batch_size)
        return Loop(trainer, stream, validation, progress, schedule, runtime, hp).run()
