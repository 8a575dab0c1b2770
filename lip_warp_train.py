"""Train the lip warp: a frame and lip numbers -> the frame with that mouth, from pairs of mouths.

python lip_warp_train.py --pairs pairs --checkpoint_dir runs/warp
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from hparams import LipWarpHParams
from models.lip_warp import LipWarp, Warp, compose, move_pixels
from training.engine.checkpoints import network_state
from training.engine.cli import add_run_arguments, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import read_start
from training.pair_runs import add_pair_arguments, train_on_pairs
from training.pairs import about_the_mouth, as_floats, augment, mouth_region

SCRIPT = "lip_warp_train"
GRID_ROWS = 8
SEEN_ERROR = 0.35  # spreads by which what is seen of the given mouth is off, on average
VIDEO_WEIGHT = 3.0  # of the colours about the mouth of a video's frames, which are all they teach
# What each part of the loss weighs.
WEIGHTS = {"flow": 0.5, "layers": 0.3, "picture": 4.0, "edges": 2.0, "paint": 1.0, "kinds": 0.1}


class WarpTrainer:
    """The warp, its losses and what is looked at on the way."""

    def __init__(self, runtime: Runtime, hp: LipWarpHParams, lips: np.ndarray):
        self.runtime, self.hp, self.step = runtime, hp, 0
        network = runtime.synced(runtime.place(LipWarp(hp.multiplier))).train()
        network.lips_mean.copy_(torch.from_numpy(lips.mean(axis=0)))
        network.lips_spread.copy_(torch.from_numpy(lips.std(axis=0)) + 0.02)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=hp.initial_learning_rate, weight_decay=1e-4
        )
        self.learner = Learner(network, optimizer, runtime, hp)
        self.shown: Batch | None = None

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        generator = torch.Generator().manual_seed(self.step)
        for batch in self.learner.micro_batches(micro_batches):
            # Pictures (B, 3, SIZE, SIZE) in [0, 1], changed alike; lips (B, 15) as they are seen.
            batch = augment(as_floats(batch), generator)
            batch["face_lips"] = self.as_seen(batch["face_lips"], batch["known"], generator)
            # Flow (B, 2, SIZE / 2, SIZE / 2), layers and paint, each against what the pair knows.
            values = self.losses(batch, self.warp(batch))
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    def as_seen(
        self, lips: torch.Tensor, known: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The given mouth's numbers, off as those are that are seen in real pictures."""
        noise = torch.randn(lips.shape, generator=generator).to(lips.device)
        share = torch.rand(len(lips), 1, generator=generator).to(lips.device) * known[:, None]
        return lips + SEEN_ERROR * 2 * share * noise * self.learner.network.lips_spread

    def warp(self, batch: Batch, network: torch.nn.Module | None = None) -> Warp:
        with self.runtime.autocast():
            return (network or self.learner.call)(
                batch["face"], batch["reference"], batch["lips"], batch["face_lips"]
            )

    def losses(self, batch: Batch, warp: Warp) -> Values:
        """Flow and layers by the truth, colour by the target; most where something changes."""
        flow, target = batch["flow"], batch["target"]
        true = batch["known"][:, None, None, None]  # (B, 1, 1, 1): of a video no flow is known
        hidden = (1 - batch["seen"]) * true
        # (B, 1, SIZE/2, SIZE/2): a flow is known where all of its four pixels are seen.
        known = F.avg_pool2d(1 - hidden, 2).floor() * true
        reach = flow.abs().sum(dim=1, keepdim=True)
        heavy = 1 + 6 * hidden + 2 * F.interpolate(reach, scale_factor=2.0).clamp(max=3)
        near = about_the_mouth(target.shape[-1], target.device)
        heavy = heavy * torch.where(true > 0, 1.0, VIDEO_WEIGHT * near)
        made = compose(warp, batch["face"], batch["reference"])
        values = {
            "flow": flow_loss(warp.flow, flow, known),
            "layers": layers_loss(warp.layers, hidden, true),
            "picture": ((made - target).abs() * heavy).mean(),
            "edges": edges_loss(made, target, heavy),
            "paint": ((warp.paint - target).abs() * hidden).sum() / (3 * hidden.sum() + 1),
        }
        if warp.kinds is not None:
            kinds = F.cross_entropy(warp.kinds, batch["kinds"][:, ::2, ::2], reduction="none")
            values["kinds"] = (kinds * true[:, 0]).mean()
        loss = sum(WEIGHTS[name] * value for name, value in values.items())
        return {"loss": loss, **values}

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """`mouth`: L1 about the mouth over that of leaving the frame as it is."""
        network, means = self.learner.eval_model.eval(), Means()
        for number, batch in enumerate(batches):
            batch = as_floats(batch)
            warp = self.warp(batch, network)
            made = compose(warp, batch["face"], batch["reference"])
            changed = mouth_region(batch)
            nothing = ((batch["face"] - batch["target"]).abs() * changed).mean()
            left = ((made - batch["target"]).abs() * changed).mean()
            still = ((batch["face"] - batch["target"]).abs() * (1 - changed)).mean()
            found = {"mouth_l1": left, "nothing_l1": nothing, "elsewhere": still}
            means.add(self.losses(batch, warp) | found, len(made))
            if number == 0:
                self.shown = batch
        self.learner.network.train()
        values = means.read_all(self.runtime)
        values["mouth"] = values["mouth_l1"] / max(values["nothing_l1"], 1e-9)
        return {**values, "score": values["mouth"]}

    @torch.inference_mode()
    def draw_samples(self, folder: Path) -> None:
        """A grid: given, target, made, the moved pixels alone, and what was not moved."""
        if self.shown is None:
            return
        batch = {name: value[: 2 * GRID_ROWS] for name, value in self.shown.items()}
        warp = self.warp(batch, self.learner.eval_model.eval())
        self.learner.network.train()
        share = torch.softmax(warp.layers, dim=1)
        columns = (
            batch["face"], batch["target"], compose(warp, batch["face"], batch["reference"]),
            move_pixels(batch["face"], warp.flow), share,
        )  # fmt: skip
        rows = torch.cat([column.float() for column in columns], dim=3)
        rows = (rows.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        halves = [np.concatenate(list(half)) for half in np.split(rows[: len(rows) // 2 * 2], 2)]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "0.png"), np.concatenate(halves, axis=1))

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def flow_loss(found: torch.Tensor, flow: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """L1 where the truth is known, most where something moves; of each sample as a share of its
    movement, or the few wide open mouths would outweigh all of speech.
    """
    reach = flow.abs().sum(dim=1, keepdim=True)
    off = (found - flow).abs().sum(dim=1, keepdim=True) * known * (1 + reach.clamp(max=4))
    movement = (reach * known).mean(dim=(1, 2, 3))
    return (off.mean(dim=(1, 2, 3)) / (0.5 + movement)).mean()


def layers_loss(layers: torch.Tensor, hidden: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """The given picture is taken where it shows what is wanted, and not where it does not.

    Not weighted: a share that leans to paint would soften all that lies about the lips.
    """
    given = layers[:, :1] - torch.logsumexp(layers[:, 1:], dim=1, keepdim=True)
    return F.binary_cross_entropy_with_logits(given, 1 - hidden, weight=true.expand_as(given))


def edges_loss(made: torch.Tensor, target: torch.Tensor, heavy: torch.Tensor) -> torch.Tensor:
    """L1 of the differences between neighbours: what is sharp there should be sharp here."""
    off, total = made - target, 0.0
    for axis in (2, 3):
        count = off.shape[axis] - 1
        total = total + (off.diff(dim=axis).abs() * heavy.narrow(axis, 0, count)).mean()
    return total / 2


def train(args: argparse.Namespace) -> Path:
    start = read_start(args, "lip_warp", SCRIPT, LipWarpHParams)
    return train_on_pairs(args, start, WarpTrainer)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add_pair_arguments(parser)
    add_run_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    return run_script(build_parser(), argv, train)


if __name__ == "__main__":
    sys.exit(main())
