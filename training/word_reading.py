"""Teach DAVS what is said: words by lips, by sound and by both, before any face is painted.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019) says that it begins so; the code of this part was never released.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from corpus.words import VISEMES
from hparams import DavsHParams
from models.davs.identity import CODE
from models.davs.whole import DAVS
from training.davs_losses import contrastive_loss, viseme_losses
from training.davs_networks import Reading, learn_words
from training.engine.checkpoints import network_state
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime

TOLD_BY = ("lips", "sound", "both")


class WordTrainer:
    """Cross-entropy of the word by each; codes of sound drawn to those of their own lips."""

    def __init__(self, runtime: Runtime, hp: DavsHParams, words: int, by: str):
        self.runtime, self.hp, self.step = runtime, hp, 0
        network = DAVS(words, hp.multiplier, fusion_frames=hp.fusion_frames, judges=False,
                       size=hp.img_size)  # fmt: skip
        network.lip_feature_encoder.drop_out(hp.lip_dropout)
        network = runtime.synced(runtime.place(network)).train()
        learn_words(network, by)
        head = runtime.place(nn.Linear(CODE, len(VISEMES))) if hp.viseme_wt else None
        called = Reading(network, head)
        learnt = [weight for weight in called.parameters() if weight.requires_grad]
        optimizer = torch.optim.Adam(learnt, lr=hp.initial_learning_rate, fused=runtime.fused)
        self.learner = Learner(network, optimizer, runtime, hp, called=called, auxiliary=head)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.learner.micro_batches(micro_batches):
            with self.runtime.autocast():
                told = self.learner.call(batch)
            values = self.losses(told, batch)
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    def losses(self, told: Values, batch: Batch) -> Values:
        word = batch["word"]
        found = {by: F.cross_entropy(told[by], word) for by in TOLD_BY if by in told}
        total = sum(found.values())
        if "more" in told:
            found["more"] = F.cross_entropy(told["more"], batch["more_words"].flatten())
            total = total + found["more"]
        if "both" in told:
            codes = (told[name].flatten(1) for name in ("sound_codes", "lip_codes"))
            found["contrastive"] = contrastive_loss(*codes)
            total = total + self.hp.contrastive_wt * found["contrastive"]
        shown = viseme_losses(told, batch)
        total = total + self.hp.viseme_wt * sum(shown.values())
        return {"loss": total, **found, **shown}

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Losses, and shares of the words that are told right: by_lips, by_sound, by_both."""
        network, means = self.learner.eval_model.eval(), Means()
        reading = Reading(network, self.learner.auxiliary if self.hp.viseme_wt else None)
        for batch in batches:
            with self.runtime.autocast():
                told = reading(batch)
            values = self.losses(told, batch)
            for by in TOLD_BY:
                if by in told:
                    values[f"by_{by}"] = (told[by].argmax(1) == batch["word"]).float().mean()
            means.add(values, weight=len(batch["word"]))
        self.learner.network.train()
        values = means.read_all(self.runtime)
        return {**values, "score": values["loss"]}

    def draw_samples(self, folder: Path) -> None:
        """Words make no pictures."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}
