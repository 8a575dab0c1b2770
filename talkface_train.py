"""Train the generator against a frozen lip-sync expert.

python talkface_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/talkface \
    --syncnet_checkpoint_path runs/expert/checkpoint_best.pth
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from hparams import HParams
from models.talkface import TalkFace
from training.engine.checkpoints import network_state, quality_file
from training.engine.cli import run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.experts import add_expert_arguments
from training.generator_runs import train_generator
from training.generator_terms import GeneratorBatch, GeneratorLosses, is_fooled, warn_if_fooled
from training.samples import draw_samples
from training.session import training_parser
from training.sync_weight import SyncWeight
from training.windows import GeneratorWindows

SCRIPT = "talkface_train"


class GeneratorTrainer:
    """Pictures first; the expert has a say once there is something to judge."""

    def __init__(
        self,
        runtime: Runtime,
        hp: HParams,
        losses: GeneratorLosses,
        samples: GeneratorWindows,
    ):
        self.runtime, self.hp, self.losses, self.samples = runtime, hp, losses, samples
        self.step = 0
        generator = runtime.place(TalkFace(hp.img_height, hp.img_width, hp.multiplier))
        generator = runtime.synced(generator).train()
        optimizer = torch.optim.Adam(
            generator.parameters(), lr=hp.initial_learning_rate, fused=runtime.fused
        )
        self.learner = Learner(generator, optimizer, runtime, hp)
        self.sync_weight = SyncWeight(hp, full=hp.syncnet_wt_on)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.learner.micro_batches(micro_batches):
            # Mask the targets' lower halves and set references beside them: (B, 6, T, H, W).
            windows = GeneratorBatch.of(batch)
            # Paint each face anew by its own 200 ms of sound: (B, 3, T, H, W).
            with self.runtime.autocast():
                generated = self.learner.call(windows.frame_mels, windows.faces)
            # L1 to the targets; what the expert and VGG say, once they count.
            with_sync = self.sync_weight.value > 0
            terms = self.losses.terms(generated, windows, with_sync=with_sync)
            terms["loss"] = self.loss(terms, self.sync_weight.value)
            self.learner.backward(terms["loss"], len(micro_batches))
            means.add(terms)
        return means.tensors() | self.learner.apply(self.step)

    def loss(self, terms: dict, sync_weight: float):
        """From tensors or from floats: sync and pictures share a weight of 1."""
        total = (1 - sync_weight) * terms["reconstruction"]
        if sync_weight:
            total = total + sync_weight * terms["sync"]
        if self.hp.perceptual_wt:
            total = total + self.hp.perceptual_wt * terms["perceptual"]
        return total

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        generator, means = self.learner.eval_model.eval(), Means()
        for batch in batches:
            windows = GeneratorBatch.of(batch)
            with self.runtime.autocast():
                generated = generator(windows.frame_mels, windows.faces)
            means.add(self.losses.scores(generated, windows), weight=len(windows.mel))
        self.learner.network.train()
        scores = means.read_all(self.runtime)
        scores["score"] = self.loss(scores, self.hp.syncnet_wt_on)
        others = self.loss(scores, 0.0)
        self.sync_weight.decide(scores["l1"], scores["sync"], others, fooled=is_fooled(scores))
        if self.runtime.is_first:
            warn_if_fooled(scores, self.step)
        return {**scores, "sync_weight": self.sync_weight.value}

    def draw_samples(self, folder: Path) -> None:
        draw_samples(self.learner.eval_model.eval(), self.samples, self.runtime, folder)
        self.learner.network.train()

    def files(self) -> dict[str, dict]:
        state = network_state(self.learner, self.hp)
        return {"": {**state, "sync_weight": self.sync_weight.state_dict()}}


def train(args: argparse.Namespace) -> Path:
    start = read_start(
        args,
        "generator",
        SCRIPT,
        HParams,
        owns_unsigned=lambda found: not quality_file(found.path).exists(),
    )
    return train_generator(args, start, GeneratorTrainer)


def main(argv: list[str] | None = None) -> int:
    parser = training_parser(__doc__.splitlines()[0])
    add_expert_arguments(parser)
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
