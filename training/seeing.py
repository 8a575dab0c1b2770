"""Teach a network to see lip motion: mouths of the pairs, moved about as a tracker misplaces them.

The loss is that of a Laplace distribution whose width the network tells itself (Kendall and Gal,
2017), so that what cannot be seen (hands, profiles, blur) is told with doubt. Mouths of real videos
(--mouths) are taught what is heard in their sound: it is not what they do, but near it on average.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from hparams import LipSeeingHParams
from models.lip_motion import EXPRESSION, INDEX, NAMES
from models.lip_seeing import LipSeeing
from training.engine.checkpoints import network_state
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.pair_files import TEETH
from training.pairs import as_floats, augment

log = logging.getLogger(__name__)

SHIFT, SCALE, TURN = 0.03, 0.06, 0.06  # shares of the side, and radians: standard deviations
HEARD_WEIGHT = 0.4  # of a number that is not known of a real mouth, but heard in its sound
HIDDEN = 0.08  # of the pictures have something before the mouth
SHOWN = ("jawOpen", "mouthClose", "mouthPucker", "mouthSmile")  # have a curve of their own


class SeeingTrainer:
    """Numbers in spreads, each with its doubt."""

    def __init__(self, runtime: Runtime, hp: LipSeeingHParams, lips: np.ndarray):
        self.runtime, self.hp, self.step = runtime, hp, 0
        network = runtime.synced(runtime.place(LipSeeing(hp.multiplier, near=True))).train()
        network.lips_mean.copy_(torch.from_numpy(lips.mean(axis=0)))
        network.lips_spread.copy_(torch.from_numpy(lips.std(axis=0)) + 0.02)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=hp.initial_learning_rate, weight_decay=1e-3
        )
        self.learner = Learner(network, optimizer, runtime, hp)
        weights = torch.full((len(NAMES),), HEARD_WEIGHT)
        weights[[INDEX[name] for name in EXPRESSION]] = 0.0  # a smile is not heard
        self.heard_weights = weights.to(runtime.device)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        generator = torch.Generator().manual_seed(self.step)
        for batch in self.learner.micro_batches(micro_batches):
            # Mouths (B, 3, SIZE, SIZE) in [0, 1], moved about and now and then hidden.
            batch = augment(as_floats(batch), generator)
            mouths = hide(misplace(batch["target"], generator), generator)
            # Fifteen numbers in spreads with their doubts, (B, 15) each, and the share of teeth.
            with self.runtime.autocast():
                predicted = self.learner.call(mouths)
            losses = self.losses(*predicted, batch)
            self.learner.backward(losses["loss"], len(micro_batches))
            means.add(losses)
        return means.tensors() | self.learner.apply(self.step)

    def losses(
        self, values: torch.Tensor, doubt: torch.Tensor, teeth: torch.Tensor, batch: Batch
    ) -> Values:
        truth = self.in_spreads(batch["heard"])
        known = batch["known"]
        off = (values - truth).abs()
        share = 100 * (batch["kinds"] == TEETH).float().mean(dim=(1, 2))
        wrong = ((teeth - share).abs() * known).mean()
        # Most numbers are 0 most of the time: their mean is wanted and not their median. The doubt
        # learns from the errors, but not they from it: it would spare what is hard.
        near = F.smooth_l1_loss(values, truth, beta=1.0, reduction="none")
        weights = torch.where(known[:, None] > 0, 1.0, self.heard_weights)
        doubted = (off.detach() * torch.exp(-doubt) + doubt) * known[:, None]
        predicted = 2 * (near * weights).mean() + doubted.mean()
        return {
            "loss": predicted + 0.1 * wrong,
            "error": (off * known[:, None]).mean() / known.mean().clamp(min=1e-6),
            "heard_error": (off * (weights > 0) * (1 - known[:, None])).mean(),
            "teeth": wrong,
        }

    def in_spreads(self, lips: torch.Tensor) -> torch.Tensor:
        network = self.learner.network
        return (lips - network.lips_mean) / network.lips_spread

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Mean absolute errors in spreads, of all numbers and of some."""
        network, means = self.learner.eval_model.eval(), Means()
        for batch in batches:
            batch = as_floats(batch)
            with self.runtime.autocast():
                values, doubt, teeth = network(batch["target"])
            off = (values - self.in_spreads(batch["lips"])).abs().mean(dim=0)
            named = {name: off[INDEX[name]] for name in SHOWN} | {"doubt": doubt.exp().mean()}
            means.add(self.losses(values, doubt, teeth, batch) | named, len(values))
        self.learner.network.train()
        values = means.read_all(self.runtime)
        return {**values, "score": values["error"]}

    def draw_samples(self, folder: Path) -> None:
        """What is seen makes no pictures."""

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def misplace(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each picture moved, scaled and turned a little, as a square is that a tracker places."""
    count = len(pictures)
    normal = torch.randn(4, count, generator=generator)
    scale, turn = torch.exp(SCALE * normal[0]), TURN * normal[1]
    cos, sin = scale * torch.cos(turn), scale * torch.sin(turn)
    rows = [torch.stack([cos, -sin, 2 * SHIFT * normal[2]]),
            torch.stack([sin, cos, 2 * SHIFT * normal[3]])]  # fmt: skip
    maps = torch.stack(rows).permute(2, 0, 1).to(pictures.device)
    grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def hide(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Some pictures with a plain patch before the mouth, as a hand or a microphone may be."""
    count, _, height, width = pictures.shape
    drawn = torch.rand(8, count, generator=generator)
    hidden = pictures.clone()
    for number in np.flatnonzero(drawn[0].numpy() < HIDDEN):
        x, y = (drawn[1:3, number] * 0.6 + 0.2).tolist()
        w, h = (drawn[3:5, number] * 0.25 + 0.1).tolist()
        left, top = int((x - w) * width), int((y - h) * height)
        patch = (
            slice(max(top, 0), int((y + h) * height)),
            slice(max(left, 0), int((x + w) * width)),
        )
        hidden[number, :, *patch] = drawn[5:8, number, None, None].to(pictures.device)
    return hidden
