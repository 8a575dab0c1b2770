"""Train the lip-sync expert: do these five mouths and this sound belong together?

python color_syncnet_train.py --data_root lrs2_preprocessed/ --checkpoint_dir runs/expert
"""

import argparse
import logging
import sys
from collections.abc import Iterable

import torch

from corpus.clips import Corpus
from hparams import SyncNetHParams
from models.syncnet import SyncNet
from training.engine.checkpoints import network_state
from training.engine.cli import run_script
from training.engine.learner import Update
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime, open_runtime
from training.engine.start import read_start
from training.expert_score import score_expert, stacked_mouths, warn_if_stuck
from training.losses import bce_of_cosine, bce_of_matrix, contrast, cosine, opponents
from training.mouth_shapes import ShapeTeller, TaughtExpert, telling_loss
from training.session import VALIDATION_SEED, Session, open_session, training_parser
from training.windows import ExpertContrast, ExpertPairs

SCRIPT = "color_syncnet_train"

log = logging.getLogger(__name__)


class ExpertTrainer:
    """The expert on pairs, as published, or on windows of one clip against each other."""

    def __init__(self, runtime: Runtime, hp: SyncNetHParams, corpus: Corpus):
        self.runtime, self.hp, self.corpus = runtime, hp, corpus
        self.step = 0
        expert = runtime.place(SyncNet(hp.img_height, hp.img_width, hp.multiplier))
        expert = runtime.synced(expert).train()
        teller = runtime.place(ShapeTeller(expert)) if hp.blendshape_wt else None
        taught = TaughtExpert(expert, teller) if teller else expert
        optimizer = torch.optim.Adam(
            taught.parameters(), lr=hp.initial_learning_rate, fused=runtime.fused
        )
        self.update = Update(expert, optimizer, runtime, hp, called=taught, beside=teller)

    def train_step(self, parts: list[Batch]) -> Values:
        losses = self.contrast_losses if self.hp.infonce_windows else self.pair_losses
        means, counts = Means(), self.count_all(parts)
        for batch in self.update.parts(parts):
            values = losses(batch, counts)
            self.update.backward(values["loss"], len(parts))
            means.add(values)
        return means.tensors() | self.update.apply(self.step)

    def count_all(self, parts: list[Batch]) -> Values:
        """What the terms of one part are divided by, where a step has several parts or processes.

        Not each by its own count: the step would not be that of the whole batch.
        """
        if len(parts) * self.runtime.world_size == 1:
            return {}
        counts = Means()
        for batch in parts:
            counts.add(self.count(batch))
        return {n: self.runtime.mean_tensor(value) for n, value in counts.tensors().items()}

    def count(self, batch: Batch) -> Values:
        """The shapes that are known, and the wrong pairs."""
        counts = {name: (~batch[name].isnan()).sum() for name in ("heard", "seen")}
        if "sounds_heard" in batch:
            counts["heard"] = counts["heard"] + (~batch["sounds_heard"].isnan()).sum()
        if "starts" in batch:
            counts["wrong"] = opponents(batch["starts"], self.hp.min_gap).sum()
        return counts

    def pair_losses(self, batch: Batch, counts: Values) -> Values:
        """The original's: is the cosine 1 in sync and 0 off sync?"""
        sound, mouth, telling = self.embed(
            batch, batch["mel"], stacked_mouths(batch["mouths"]), counts
        )
        cosines, in_sync = cosine(sound, mouth), batch["in_sync"]
        right = ((cosines > 0.5) == (in_sync > 0.5)).float().mean()
        loss = self.with_telling(bce_of_cosine(cosines, in_sync), telling)
        return {"loss": loss, "accuracy": right, **telling}

    def contrast_losses(self, batch: Batch, counts: Values) -> Values:
        """Which of the clip's sounds is each mouth's? And the original's loss on all pairs."""
        mel, mouths = batch["mel"], stacked_mouths(batch["mouths"])
        *pair, telling = self.embed(batch, mel.flatten(0, 1), mouths.flatten(0, 1), counts)
        sounds, mouths = (vectors.unflatten(0, (len(mel), -1)) for vectors in pair)
        wrong = opponents(batch["starts"], self.hp.min_gap)
        among = contrast(sounds, mouths, wrong, self.hp.temperature)
        bce, right = bce_of_matrix(sounds, mouths, wrong, counts.get("wrong"))
        loss = self.with_telling(among + self.hp.bce_wt * bce, telling)
        return {"loss": loss, "contrast": among, "bce": bce, "accuracy": right, **telling}

    def embed(self, batch: Batch, mel: torch.Tensor, mouths: torch.Tensor, counts: Values):
        """Unit vectors of each sound and of each window of mouths, and what telling costs."""
        pairs = len(mel)
        truth = {name: batch[name].flatten(0, -2) for name in ("heard", "seen")}
        if "sounds" in batch:
            mel = torch.cat((mel, batch["sounds"].flatten(0, 1)))
            truth["heard"] = torch.cat((truth["heard"], batch["sounds_heard"].flatten(0, 1)))
        with self.runtime.autocast():
            sound, mouth, *told = self.update.call(mel[:, None], mouths)
        telling = {
            name: telling_loss(guess, truth[name], counts.get(name))
            for name, guess in zip(("heard", "seen"), told, strict=False)  # without a teller none
        }
        return sound[:pairs], mouth, telling

    def with_telling(self, comparing: torch.Tensor, telling: Values) -> torch.Tensor:
        """The loss of a step: of comparing, once its time has come, and of telling shapes."""
        if self.step < self.hp.blendshape_warmup_steps:
            comparing = 0 * comparing
        return comparing + self.hp.blendshape_wt * sum(telling.values())

    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        expert = self.update.judged.eval()
        score = score_expert(expert, batches, self.runtime)
        self.update.network.train()
        if self.runtime.is_first:
            warn_if_stuck(score, self.step, self.corpus, self.hp)
        return {**score, "score": score["loss"]}

    def draw_samples(self, folder) -> None:
        """An expert makes no pictures."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.update, self.hp)}


def train(args: argparse.Namespace):
    start = read_start(args, "expert", SCRIPT, SyncNetHParams)
    hp = start.hp
    with open_runtime(
        args.device, args.precision, compiled=args.compile, sync_batchnorm=hp.sync_batchnorm
    ) as runtime:
        return train_expert(open_session(args, runtime, start))


def train_expert(session: Session):
    """Returns the path of the last checkpoint."""
    hp = session.hp
    sounds = session.sounds() if hp.sound_windows else ()
    if hp.blendshape_wt and not sounds:
        require_truth(session.train)
    trainer = ExpertTrainer(session.runtime, hp, session.train)
    session.start.load(trainer.update)
    clips, each = session.train.clips, hp.infonce_windows
    kind = ExpertContrast if each else ExpertPairs
    changes = hp.augment, hp.augment_sound
    windows = kind(clips, hp, session.seed, *changes, sounds=sounds)
    stream = session.stream(windows, items_in_a_batch(hp))
    pairs = ExpertPairs(session.val.clips, hp, VALIDATION_SEED)
    validation = session.validation(pairs, hp.batch_size, hp.eval_batches)
    return session.run(trainer, stream, validation)


def require_truth(corpus: Corpus) -> None:
    """Refuse to teach shapes that are known of no mouth."""
    if not corpus.truth_share:
        raise ValueError(
            "blendshape_wt: no clip has a truth.json; only made clips have (docs/synthesis.md)"
        )
    log.info("the shapes of the mouths are known in %.0f%% of the clips", 100 * corpus.truth_share)


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
