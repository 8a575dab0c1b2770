"""Train the lip-sync expert: do these five mouths and this sound belong together?

python color_syncnet_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/expert
"""

import argparse
import sys
from collections.abc import Iterable

import torch

from corpus.clips import Corpus
from hparams import SyncNetHParams
from models.syncnet import SyncNet
from training.blendshapes import (
    BLENDSHAPES,
    ExpertWithHead,
    blendshape_loss,
    expert_head,
    require_truth,
)
from training.engine.checkpoints import network_state
from training.engine.cli import run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.expert_score import score_expert, stacked_mouths, warn_if_stuck
from training.losses import bce_of_cosine, bce_of_matrix, contrast, cosine, negatives
from training.session import VALIDATION_SEED, Session, open_session, training_parser
from training.windows import ExpertContrast, ExpertPairs

SCRIPT = "color_syncnet_train"


class ExpertTrainer:
    """The expert on pairs, as published, or on windows of one clip against each other."""

    def __init__(self, runtime: Runtime, hp: SyncNetHParams, corpus: Corpus):
        self.runtime, self.hp, self.corpus = runtime, hp, corpus
        self.step = 0
        expert = runtime.place(SyncNet(hp.img_height, hp.img_width, hp.multiplier))
        expert = runtime.synced(expert).train()
        head = runtime.place(expert_head(expert)) if hp.blendshape_wt else None
        trained = ExpertWithHead(expert, head) if head else expert
        optimizer = torch.optim.Adam(
            trained.parameters(), lr=hp.initial_learning_rate, fused=runtime.fused
        )
        self.learner = Learner(expert, optimizer, runtime, hp, called=trained, auxiliary=head)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        # Pairs in sync or not, as published; or K windows of a clip against each other (InfoNCE).
        losses = self.contrast_losses if self.hp.infonce_windows else self.pair_losses
        means, counts = Means(), self.count_all(micro_batches)
        for batch in self.learner.micro_batches(micro_batches):
            # mel (B, 80, 16) and mouths (B, 15, H / 2, W), or K of both, to unit vectors; compare.
            values = losses(batch, counts)
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    def count_all(self, micro_batches: list[Batch]) -> Values:
        """What a micro-batch's terms are divided by, where a step has several of them or processes.

        Not each by its own count: the step would not be that of the whole batch.
        """
        if len(micro_batches) * self.runtime.world_size == 1:
            return {}
        counts = Means()
        for batch in micro_batches:
            counts.add(self.count(batch))
        return {n: self.runtime.mean_tensor(value) for n, value in counts.tensors().items()}

    def count(self, batch: Batch) -> Values:
        """The blendshapes that are known, and the wrong pairs."""
        counts = {name: (~batch[name].isnan()).sum() for name in BLENDSHAPES}
        if "sounds_blendshapes" in batch:
            counts["audio_blendshapes"] = (
                counts["audio_blendshapes"] + (~batch["sounds_blendshapes"].isnan()).sum()
            )
        if "starts" in batch:
            counts["wrong"] = negatives(batch["starts"], self.hp.min_gap).sum()
        return counts

    def pair_losses(self, batch: Batch, counts: Values) -> Values:
        """The original's: is the cosine 1 in sync and 0 off sync?"""
        sound, mouth, shape_losses = self.embed(
            batch, batch["mel"], stacked_mouths(batch["mouths"]), counts
        )
        cosines, in_sync = cosine(sound, mouth), batch["in_sync"]
        right = ((cosines > 0.5) == (in_sync > 0.5)).float().mean()
        loss = self.with_blendshapes(bce_of_cosine(cosines, in_sync), shape_losses)
        return {"loss": loss, "accuracy": right, **shape_losses}

    def contrast_losses(self, batch: Batch, counts: Values) -> Values:
        """Which of the clip's sounds is each mouth's? And the original's loss on all pairs."""
        mel, mouths = batch["mel"], stacked_mouths(batch["mouths"])
        *pair, shape_losses = self.embed(batch, mel.flatten(0, 1), mouths.flatten(0, 1), counts)
        sounds, mouths = (vectors.unflatten(0, (len(mel), -1)) for vectors in pair)
        wrong = negatives(batch["starts"], self.hp.min_gap)
        among = contrast(sounds, mouths, wrong, self.hp.temperature)
        bce, right = bce_of_matrix(sounds, mouths, wrong, counts.get("wrong"))
        loss = self.with_blendshapes(among + self.hp.bce_wt * bce, shape_losses)
        return {"loss": loss, "contrast": among, "bce": bce, "accuracy": right, **shape_losses}

    def embed(self, batch: Batch, mel: torch.Tensor, mouths: torch.Tensor, counts: Values):
        """Unit vectors of each sound and window of mouths, and the losses of their blendshapes."""
        pairs = len(mel)
        truth = {name: batch[name].flatten(0, -2) for name in BLENDSHAPES}
        if "sounds" in batch:
            mel = torch.cat((mel, batch["sounds"].flatten(0, 1)))
            truth["audio_blendshapes"] = torch.cat(
                (truth["audio_blendshapes"], batch["sounds_blendshapes"].flatten(0, 1))
            )
        with self.runtime.autocast():
            sound, mouth, *predicted = self.learner.call(mel[:, None], mouths)
        shape_losses = {
            name: blendshape_loss(values, truth[name], counts.get(name))
            for name, values in zip(BLENDSHAPES, predicted, strict=False)  # without a head none
        }
        return sound[:pairs], mouth, shape_losses

    def with_blendshapes(self, comparing: torch.Tensor, shape_losses: Values) -> torch.Tensor:
        """The loss of a step: of comparing, once its time has come, and of blendshapes."""
        if self.step < self.hp.blendshape_warmup_steps:
            comparing = 0 * comparing
        return comparing + self.hp.blendshape_wt * sum(shape_losses.values())

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        expert = self.learner.eval_model.eval()
        score = score_expert(expert, batches, self.runtime)
        self.learner.network.train()
        if self.runtime.is_first:
            warn_if_stuck(score, self.step, self.corpus, self.hp)
        return {**score, "score": score["loss"]}

    def draw_samples(self, folder) -> None:
        """An expert makes no pictures."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def train(args: argparse.Namespace):
    start = read_start(args, "expert", SCRIPT, SyncNetHParams)
    with start.open_runtime(args) as runtime:
        return train_expert(open_session(args, runtime, start))


def train_expert(session: Session):
    """Returns the path of the last checkpoint."""
    hp = session.hp
    sounds = session.sounds() if hp.sound_windows else ()
    if hp.blendshape_wt and not sounds:
        require_truth(session.train)
    trainer = ExpertTrainer(session.runtime, hp, session.train)
    session.start.load(trainer.learner)
    clips, each = session.train.clips, hp.infonce_windows
    kind = ExpertContrast if each else ExpertPairs
    changes = hp.augment, hp.augment_sound
    windows = kind(clips, hp, session.seed, *changes, sounds=sounds)
    stream = session.stream(windows, items_in_a_batch(hp))
    pairs = ExpertPairs(session.val.clips, hp, VALIDATION_SEED)
    validation = session.validation(pairs, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def items_in_a_batch(hp: SyncNetHParams) -> int:
    """Pairs, or clips of infonce_windows each, that make batch_size windows."""
    each = hp.infonce_windows
    if not each:
        return hp.batch_size
    if each < 2 or hp.batch_size % each:
        raise ValueError(
            f"infonce_windows={each} must be 2 or more and divide batch_size={hp.batch_size}"
        )
    return hp.batch_size // each


def main(argv: list[str] | None = None) -> int:
    return run_script(training_parser(__doc__.splitlines()[0]), argv, train)


if __name__ == "__main__":
    sys.exit(main())
