"""From a command line to a run: numbers, corpora and streams, the same for every script."""

import argparse
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from corpus.clips import Clip, Corpus, read_corpus, warn_about
from corpus.filelists import FILELISTS
from hparams import LipHParams
from training.engine.cli import add_run_arguments
from training.engine.loop import Trainer
from training.engine.run import train
from training.engine.runtime import Runtime
from training.engine.start import Start
from training.engine.stream import TrainStream, ValidationSet
from training.windows import Windows

log = logging.getLogger(__name__)

VALIDATION_SEED = 12345


def training_parser(description: str, *, data_required: bool = True) -> argparse.ArgumentParser:
    """The flags of every training script; those of the original keep their names."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add_corpus_arguments(parser, required=data_required)
    add_run_arguments(parser)
    return parser


def add_corpus_arguments(parser: argparse._ActionsContainer, *, required: bool = True) -> None:
    """Where the clips are that a training learns from."""
    add = parser.add_argument
    add("--data_root", type=Path, required=required, help="the corpus, as preprocess.py wrote it")
    add("--filelists", type=Path, default=FILELISTS, help="folder of train.txt and val.txt")


@dataclass(frozen=True)
class Session:
    """What a script's own code works with."""

    args: argparse.Namespace
    start: Start
    runtime: Runtime
    train: Corpus | None = None  # None: the script reads its own
    val: Corpus | None = None

    @property
    def hp(self) -> LipHParams:
        return self.start.hp

    @property
    def seed(self) -> int:
        return self.start.seed

    @property
    def workers(self) -> int:
        """Loading processes for this one: no more than there are cores to run them."""
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return min(self.hp.num_workers, max(1, (os.cpu_count() or 1) // local))

    def sounds(self) -> tuple[Clip, ...]:
        """The clips of sounds.txt, of which sound and truth are there, and no faces need be."""
        return self.runtime.from_first(
            lambda: _read_list(self.args, "sounds", self.hp, sound_alone=True)
        ).clips

    def stream(self, windows: Windows, batch_size: int) -> TrainStream:
        workers = self.workers if self.hp.num_workers else 0
        stream = TrainStream(windows, batch_size, self.hp.grad_accum_steps, workers, self.runtime)
        log.info("%s", stream.describe())
        return stream

    def validation(self, windows: Windows, batch_size: int, most: int) -> ValidationSet:
        """At most `most` batches, the same every time."""
        workers = self.workers if self.hp.num_workers else 0
        count = min(most * batch_size, windows.distinct)
        return ValidationSet(windows, count, batch_size, workers, self.runtime)

    def run(self, trainer: Trainer, stream: TrainStream, validation: ValidationSet) -> Path:
        """Train from where the run stands; returns the path of the last checkpoint."""
        return train(
            trainer, stream, validation,
            start=self.start, runtime=self.runtime, args=self.args,
        )  # fmt: skip


def open_session(args: argparse.Namespace, runtime: Runtime, start: Start) -> Session:
    """Read the corpora and tell what is in them."""
    hp = start.hp
    log.info("multiplier %g, faces %dx%d", hp.multiplier, hp.img_height, hp.img_width)
    session = _open(args, runtime, start, ("train", "val"), sound_alone=False)
    if runtime.is_first:
        for split, corpus in (("train", session.train), ("val", session.val)):
            warn_about(corpus, hp, split)
    return session


def open_sound_session(args: argparse.Namespace, runtime: Runtime, start: Start) -> Session:
    """The same of sounds.txt and sounds_val.txt, whose clips need sound and truth alone."""
    return _open(args, runtime, start, ("sounds", "sounds_val"), sound_alone=True)


def _open(
    args: argparse.Namespace,
    runtime: Runtime,
    start: Start,
    lists: tuple[str, str],
    *,
    sound_alone: bool,
) -> Session:
    log.info("%s, %s, seed %d", runtime.device, runtime.precision, start.seed)
    corpora = runtime.from_first(
        lambda: [_read_list(args, name, start.hp, sound_alone=sound_alone) for name in lists]
    )
    both = {clip.name for clip in corpora[0].clips} & {clip.name for clip in corpora[1].clips}
    if both:
        log.warning(
            "%d clips are in %s.txt and in %s.txt: validation means less", len(both), *lists
        )
    torch.manual_seed(start.seed)
    return Session(args, start, runtime, *corpora)


def _read_list(args: argparse.Namespace, name: str, hp: LipHParams, *, sound_alone: bool) -> Corpus:
    corpus = read_corpus(
        args.data_root, args.filelists / f"{name}.txt", hp, workers=hp.num_workers,
        sound_alone=sound_alone,
    )  # fmt: skip
    log.info("%s: %s", name, corpus.summary("sound" if sound_alone else "faces"))
    return corpus
