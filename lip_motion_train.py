"""Train what tells lip motion: from sound, or from mouths in pictures, to fifteen numbers a frame.

python lip_motion_train.py --data_root sounds/ --filelists sounds/filelists \
    --checkpoint_dir runs/hearing
python lip_motion_train.py --what seeing --pairs pairs/ --checkpoint_dir runs/seeing

Hearing learns from the clips of `python -m synthesis.make_corpus --sound_only`, seeing from the
pairs of `python -m synthesis.make_pairs` (docs/lip_motion.md).
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from hparams import LipHearingHParams, LipSeeingHParams
from models.lip_hearing import LipHearing
from training.engine.checkpoints import network_state
from training.engine.cli import add_run_arguments, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.hearing_losses import HearingScore, hearing_losses
from training.hearing_windows import HearingPieces, measure_lips
from training.pair_runs import add_pair_arguments, train_on_pairs
from training.seeing import SeeingTrainer
from training.session import VALIDATION_SEED, Session, add_corpus_arguments, open_sound_session

SCRIPT = "lip_motion_train --what hearing"  # whose runs go on
SEEING_SCRIPT = "lip_motion_train --what seeing"


class HearingTrainer:
    """Numbers in spreads, contacts first: what is near them weighs several times."""

    def __init__(self, runtime: Runtime, hp: LipHearingHParams):
        self.runtime, self.hp = runtime, hp
        self.step = 0
        network = runtime.place(LipHearing(hp.channels, hp.causal))
        network = runtime.synced(network).train()
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=hp.initial_learning_rate, weight_decay=hp.weight_decay
        )
        self.learner = Learner(network, optimizer, runtime, hp)

    def learn_scale(self, mean: np.ndarray, spread: np.ndarray) -> None:
        """What the numbers are on average and how far they spread, at the start of a training."""
        self.learner.network.mean.copy_(torch.from_numpy(mean))
        self.learner.network.spread.copy_(torch.from_numpy(spread))

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.learner.micro_batches(micro_batches):
            # Mel (B, 80, columns) to lip numbers and contacts at each frame: (B, frames, 17).
            with self.runtime.autocast():
                predicted = self.learner.call(batch["mel"], self.places(batch))
            # Errors in spreads, most near contacts; of one frame and from it to the next.
            values = hearing_losses(self.learner.network, predicted, batch, self.hp)
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    def places(self, batch: Batch) -> torch.Tensor:
        """Where in the mel the frames of the pieces are, in columns."""
        frames = torch.arange(batch["lips"].shape[1], device=batch["mel"].device)
        return (frames + 0.5) * (self.hp.mels_per_second / self.hp.fps)

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        network, score = self.learner.eval_model.eval(), HearingScore()
        for batch in batches:
            with self.runtime.autocast():
                predicted = network(batch["mel"], self.places(batch))
            score.add(network, predicted, batch)
        self.learner.network.train()
        return score.read(self.runtime)

    def draw_samples(self, folder: Path) -> None:
        """What is heard makes no pictures by itself."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def train(args: argparse.Namespace) -> Path:
    if args.what == "seeing":
        start = read_start(args, "lip_seeing", SEEING_SCRIPT, LipSeeingHParams)
        return train_on_pairs(args, start, SeeingTrainer)
    start = read_start(args, "lip_hearing", SCRIPT, LipHearingHParams)
    with start.open_runtime(args) as runtime:
        return train_hearing(open_sound_session(args, runtime, start))


def train_hearing(session: Session) -> Path:
    """Returns the path of the last checkpoint."""
    hp = session.hp
    trainer = HearingTrainer(session.runtime, hp)
    trainer.learn_scale(*measure_lips(session.train.clips))
    session.start.load(trainer.learner)  # whose scale it keeps
    trainer.learner.network.causal.fill_(hp.causal)  # also where it begins at another's
    pieces = HearingPieces(session.train.clips, hp, session.seed, augment_sound=hp.augment_sound)
    stream = session.stream(pieces, hp.batch_size)
    unseen = HearingPieces(session.val.clips, hp, VALIDATION_SEED)
    validation = session.validation(unseen, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--what", choices=("hearing", "seeing"), default="hearing", help="what to train")
    add_corpus_arguments(parser.add_argument_group("hearing"), required=False)
    add_pair_arguments(parser.add_argument_group("seeing"), required=False)
    add_run_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    needed = {"hearing": "data_root", "seeing": "pairs"}[args.what]
    if getattr(args, needed) is None:
        parser.error(f"--what {args.what} needs --{needed}")
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
