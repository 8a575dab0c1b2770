"""Train the generator against a frozen lip-sync expert and a discriminator that learns with it.

python hq_talkface_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/hq \
    --syncnet_checkpoint_path runs/expert/checkpoint_best.pth
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from hparams import HParams
from models.quality_discriminator import VisualQualityDiscriminator
from models.talkface import TalkFace
from training.engine.checkpoints import quality_file
from training.engine.cli import run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.experts import add_expert_arguments
from training.gan import Gan, add_judge_argument, judge_numbers, load_judge
from training.generator_runs import train_generator
from training.generator_terms import GeneratorBatch, GeneratorLosses, is_fooled, warn_if_fooled
from training.samples import draw_samples
from training.session import Session, training_parser
from training.sync_weight import SyncWeight
from training.windows import GeneratorWindows

# Of both optimizers: the first moment forgets sooner, since the other network moves the target.
BETAS = (0.5, 0.999)
SCRIPT = "hq_talkface_train"


class Critic(nn.Module):
    """A discriminator as distributed training calls it: by its forward, for logits."""

    def __init__(self, discriminator: VisualQualityDiscriminator):
        super().__init__()
        self.discriminator = discriminator

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.discriminator.logits(faces).float()


class HqTrainer:
    """The generator pays for what the expert and the discriminator do not believe."""

    def __init__(
        self,
        runtime: Runtime,
        hp: HParams,
        losses: GeneratorLosses,
        samples: GeneratorWindows,
    ):
        self.runtime, self.hp, self.losses, self.samples = runtime, hp, losses, samples
        self.step = 0
        shape = (hp.img_height, hp.img_width, hp.multiplier)
        generator = runtime.synced(runtime.place(TalkFace(*shape))).train()
        optimizer = torch.optim.Adam(
            generator.parameters(), lr=hp.initial_learning_rate, betas=BETAS, fused=runtime.fused
        )
        self.learner = Learner(generator, optimizer, runtime, hp)
        self.discriminator = runtime.place(VisualQualityDiscriminator(*shape))
        optimizer = torch.optim.Adam(
            self.discriminator.parameters(),
            lr=hp.disc_initial_learning_rate,
            betas=BETAS,
            fused=runtime.fused,
        )
        self.critic = Learner(
            self.discriminator, optimizer, runtime, judge_numbers(hp),
            called=Critic(self.discriminator),
        )  # fmt: skip
        self.gan = Gan(self.learner, self.critic)
        self.sync_weight = SyncWeight(hp, full=hp.hq_syncnet_wt_on)

    @property
    def disc_weight(self) -> float:
        """Rises from 0: at first the discriminator knows less than the generator."""
        return self.hp.disc_wt * min(1.0, self.step / max(1, self.hp.disc_warmup_steps))

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.gan.micro_batches(micro_batches):
            # Masked targets beside references, (B, 6, T, H, W), to faces, (B, 3, T, H, W).
            windows = GeneratorBatch.of(batch)
            with self.runtime.autocast():
                generated = self.learner.call(windows.frame_mels, windows.faces)
            # The generator pays for what differs, and for what expert and discriminator doubt.
            terms = self.losses.terms(generated, windows, with_sync=self.sync_weight.value > 0)
            terms["quality"] = self.quality_loss(generated)
            terms["loss"] = self.loss(terms, self.sync_weight.value, self.disc_weight)
            self.learner.backward(terms["loss"], len(micro_batches))
            # The discriminator learns from the same faces, cut off from what painted them.
            terms |= self.critic_terms(generated.detach(), windows.targets)
            self.critic.backward(terms["disc_real"] + terms["disc_fake"], len(micro_batches))
            means.add(terms)
        return means.tensors() | self.gan.apply(self.step)

    def quality_loss(self, generated: torch.Tensor) -> torch.Tensor:
        """What the generator pays; the discriminator's weights take no part in it."""
        with self.gan.frozen_judge() as discriminator, self.runtime.autocast():
            return discriminator.perceptual_loss(generated)

    def critic_terms(self, generated: torch.Tensor, targets: torch.Tensor) -> Values:
        """What the discriminator pays for true and for generated faces."""
        with self.runtime.autocast():
            logits = self.critic.call(torch.cat((targets, generated.to(targets.dtype)), dim=2))
        real, fake = logits.chunk(2)  # frames lie time after time: first the true ones
        score = F.binary_cross_entropy_with_logits
        return {
            "disc_real": score(real, torch.ones_like(real)),
            "disc_fake": score(fake, torch.zeros_like(fake)),
        }

    def loss(self, terms: dict, sync_weight: float, disc_weight: float):
        """From tensors or from floats: sync, quality and pictures share a weight of 1."""
        total = (1 - sync_weight - disc_weight) * terms["reconstruction"]
        total = total + disc_weight * terms["quality"]
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
                quality = self.discriminator.perceptual_loss(generated)
            scores = self.losses.scores(generated, windows) | {"quality": quality}
            scores |= self.critic_terms(generated, windows.targets)
            means.add(scores, weight=len(windows.mel))
        self.learner.network.train()
        scores = means.read_all(self.runtime)
        # The discriminator's verdict changes with the discriminator: it cannot say what is best.
        pictures = {**scores, "quality": 0.0}
        scores["score"] = self.loss(pictures, self.hp.hq_syncnet_wt_on, 0.0)
        others = self.loss(scores, 0.0, self.disc_weight)
        self.sync_weight.decide(scores["l1"], scores["sync"], others, fooled=is_fooled(scores))
        if self.runtime.is_first:
            warn_if_fooled(scores, self.step)
        weights = {"sync_weight": self.sync_weight.value, "disc_weight": self.disc_weight}
        return scores | weights

    def draw_samples(self, folder: Path) -> None:
        draw_samples(self.learner.eval_model.eval(), self.samples, self.runtime, folder)
        self.learner.network.train()

    def files(self) -> dict[str, dict]:
        files = self.gan.files(self.hp)
        files[""]["sync_weight"] = self.sync_weight.state_dict()
        return files


def train(args: argparse.Namespace) -> Path:
    start = read_start(
        args,
        "generator",
        SCRIPT,
        HParams,
        owns_unsigned=lambda found: quality_file(found.path).exists(),
    )
    return train_generator(args, start, HqTrainer, restore_judge)


def restore_judge(session: Session, trainer: HqTrainer) -> None:
    load_judge(session, trainer.critic, "discriminator")


def main(argv: list[str] | None = None) -> int:
    parser = training_parser(__doc__.splitlines()[0])
    add_expert_arguments(parser)
    add_judge_argument(parser)
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
