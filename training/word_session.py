"""From a command line to a run over words: corpora, streams and loop of davs_train.py."""

import argparse
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from corpus.words import WordClip, WordCorpus, read_word_corpus
from hparams import DavsHParams
from training.engine.loop import Trainer
from training.engine.run import train
from training.engine.runtime import Runtime
from training.engine.start import Start
from training.engine.stream import TrainStream, ValidationSet
from training.word_windows import WordWindows

log = logging.getLogger(__name__)


def add_word_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the clips of words are that a training learns from."""
    add = parser.add_argument
    add("--data_root", type=Path, required=True, help="clips of words: {train,val}/<class>/<k>/")
    add("--sounds", type=Path, help="more of the same words to hear, made with --sound_only")


@dataclass(frozen=True)
class WordSession:
    """What the script's own code works with."""

    args: argparse.Namespace
    start: Start
    runtime: Runtime
    train: WordCorpus
    val: WordCorpus

    @property
    def hp(self) -> DavsHParams:
        return self.start.hp

    @property
    def seed(self) -> int:
        return self.start.seed

    def sounds(self) -> tuple[WordClip, ...]:
        """The clips of --sounds, none where it is not given. Raises ValueError for other words."""
        if self.args.sounds is None:
            return ()
        more = self.runtime.from_first(
            lambda: read_word_corpus(self.args.sounds, "train", sound_alone=True)
        )
        if more.words != self.train.words:
            raise ValueError(f"{self.args.sounds} has other words than {self.args.data_root}")
        log.info("sounds: %s", more.summary())
        return more.clips

    def run(self, trainer: Trainer, windows: WordWindows, unseen: WordWindows) -> Path:
        """Train from where the run stands; returns the path of the last checkpoint."""
        hp = self.hp
        # Loading processes: no more than there are cores to run them.
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        workers = min(hp.num_workers, max(1, (os.cpu_count() or 1) // local))
        stream = TrainStream(windows, hp.batch_size, hp.grad_accum_steps, workers, self.runtime)
        log.info("%s", stream.describe())
        count = min(hp.eval_batches * hp.batch_size, unseen.distinct)
        validation = ValidationSet(unseen, count, hp.batch_size, workers, self.runtime)
        return train(
            trainer, stream, validation, start=self.start, runtime=self.runtime, args=self.args
        )


def open_word_session(
    args: argparse.Namespace, runtime: Runtime, start: Start, *, sound_alone: bool = False
) -> WordSession:
    """Read both corpora and tell what is in them. Raises CorpusError.

    sound_alone: clips without faces do, as make_corpus --sound_only makes them.
    """
    hp = start.hp
    log.info("%s, %s, seed %d", runtime.device, runtime.precision, start.seed)
    log.info("multiplier %g, faces %dx%d", hp.multiplier, hp.img_size, hp.img_size)
    corpora = runtime.from_first(
        lambda: [
            read_word_corpus(args.data_root, split, sound_alone=sound_alone)
            for split in ("train", "val")
        ]
    )
    for name, corpus in zip(("train", "val"), corpora, strict=True):
        log.info("%s: %s", name, corpus.summary())
    torch.manual_seed(start.seed)
    return WordSession(args, start, runtime, *corpora)
