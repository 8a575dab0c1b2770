"""Painting alone, before DAVS's judges come: identity and decoder learn to draw what sound says.

Speech stands still, and lips and judges, which cost ten times as much, take no part.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from hparams import DavsHParams
from models.davs.whole import DAVS
from training.davs_losses import picture_losses
from training.davs_networks import Faces, Painting, pick
from training.engine.checkpoints import network_state
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.word_samples import draw_faces
from training.word_windows import FaceWindows

DRAWN = 2  # frames of a clip in a step, at most


class Drawing(nn.Module):
    """One identity and what is said in a few frames -> those frames (B, n, 3, size, size)."""

    def __init__(self, davs: DAVS):
        super().__init__()
        self.davs = davs

    def forward(self, true: Faces, places: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            speech = self.davs.mfcc_encoder(pick(true.heard, places)[:, :, None])
        code, _, _, skip, _ = self.davs.ID_encoder(true.identity)
        who = (part.repeat_interleave(places.shape[1], dim=0) for part in (code, skip))
        painted = self.davs.Decoder(*who, speech.flatten(0, 1))
        return painted.float().unflatten(0, places.shape)


class PictureTrainer:
    """The painter pays for pixels, and more for those of the mouth."""

    def __init__(self, runtime: Runtime, hp: DavsHParams, painter: DAVS, samples: FaceWindows):
        self.runtime, self.hp, self.samples, self.step = runtime, hp, samples, 0
        painter = runtime.synced(runtime.place(painter)).eval().requires_grad_(False)
        learnt = [
            weight
            for part in (painter.ID_encoder, painter.Decoder)
            for weight in part.requires_grad_(True).parameters()
        ]
        optimizer = torch.optim.Adam(learnt, lr=hp.initial_learning_rate, fused=runtime.fused)
        self.learner = Learner(painter, optimizer, runtime, hp, called=Drawing(painter))

    def train_step(self, micro_batches: list[Batch]) -> Values:
        painter, means = self.learner.network, Means()
        painter.ID_encoder.train()
        painter.Decoder.train()
        for batch in self.learner.micro_batches(micro_batches):
            # An identity (B, 3, size, size) and a few sounds (B, n, 20, 12) to as many faces.
            terms = self.terms(self.learner.call, Faces.of(batch))
            terms["loss"] = self.hp.whole_wt * terms["whole"] + self.hp.mouth_wt * terms["mouth"]
            self.learner.backward(terms["loss"], len(micro_batches))
            means.add(terms)
        return means.tensors() | self.learner.apply(self.step)

    def terms(self, draw: nn.Module, true: Faces) -> Values:
        """Differences in levels, of whole pictures and once more of their mouths."""
        last = true.places.shape[1] - 1
        some = torch.linspace(0, last, min(DRAWN, last + 1)).long()
        places = true.places[:, some.to(true.places.device)]
        with self.runtime.autocast():
            drawn = draw(true, places)
        whole, mouth = picture_losses(drawn, pick(true.faces, places))
        return {"whole": whole, "mouth": mouth}

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Differences in levels."""
        drawing, means = Drawing(self.learner.eval_model.eval()), Means()
        for batch in batches:
            means.add(self.terms(drawing, Faces.of(batch)), weight=len(batch["word"]))
        values = means.read_all(self.runtime)
        return {**values, "score": values["whole"] + values["mouth"]}

    def draw_samples(self, folder: Path) -> None:
        painting = Painting(self.learner.eval_model.eval(), self.hp)
        draw_faces(painting, self.samples, self.runtime, folder)

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}
