"""A generator's run: windows, what it pays for, where it begins; with a judge of its own or not."""

import argparse
from collections.abc import Callable
from pathlib import Path

from hparams import HParams
from training.engine.loop import Trainer
from training.engine.runtime import Runtime
from training.engine.start import Start
from training.experts import open_generator_losses
from training.generator_terms import GeneratorLosses
from training.session import VALIDATION_SEED, Session, open_session
from training.windows import GeneratorWindows

# (runtime, hyperparameters, losses, windows to draw samples of) -> what is trained
MakeTrainer = Callable[[Runtime, HParams, GeneratorLosses, GeneratorWindows], Trainer]


def train_generator(
    args: argparse.Namespace,
    start: Start,
    make: MakeTrainer,
    restore: Callable[[Session, Trainer], None] = lambda session, trainer: None,
) -> Path:
    """Returns the path of the last checkpoint. `restore` loads what the trainer has on top."""
    with start.open_runtime(args) as runtime:
        session = open_session(args, runtime, start)
        hp = session.hp
        windows = GeneratorWindows(session.train.clips, hp, session.seed, hp.augment)
        unseen = GeneratorWindows(session.val.clips, hp, VALIDATION_SEED)
        trainer = make(runtime, hp, open_generator_losses(session), unseen)
        start.load(trainer.learner, trainer.sync_weight.restore)
        restore(session, trainer)
        stream = session.stream(windows, hp.batch_size)
        validation = session.validation(unseen, hp.batch_size, hp.eval_batches)
        return session.run(trainer, stream, validation)
