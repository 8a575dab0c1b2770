"""What the lip warp learns from: two mouths of one frame, a reference, and what lies between.

Sample `n` depends on the seed and n alone, so that a run resumes exactly. The changes of colour and
sharpness are made for a whole batch on the training's own device (`augment`).
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from training.pair_files import LIPS, TEETH, Shard, find_shards

NO_REFERENCE = 0.25  # of the samples have none: a still has only itself
ANY_REFERENCE = 0.25  # and of these it is any mouth, not the one that shows most teeth
SAME_MOUTH = 0.05  # of the samples ask for the mouth that is there: the best change is none


class Pairs:
    """A map-style dataset of a bank of pairs. `real`: how often a photograph is drawn, 0..1"""

    each = 1  # windows that a sample holds

    def __init__(self, folder: Path, split: str, seed: int, *, real: Path | None, real_share=0.3):
        self.seed = seed
        self.made = _shards_of(folder, split)
        self.real = _shards_of(real, split) if real else []
        self.real_share = real_share if self.real else 0.0
        if not self.made:
            raise ValueError(f"{folder} holds no speaker for {split}; draw more of them")
        self.teeth = {id(shard): _teeth(shard) for shard in (*self.made, *self.real)}

    def __len__(self) -> int:
        """Frames, each of which has many pairs."""
        return sum(shard.frames for shard in (*self.made, *self.real))

    @property
    def distinct(self) -> int:
        """Pairs of two mouths of one frame."""
        shards = (*self.made, *self.real)
        return sum(s.frames * s.images.shape[1] * (s.images.shape[1] - 1) for s in shards)

    def lips(self) -> np.ndarray:
        """Every mouth's numbers, for their mean and spread. (mouths, 15)"""
        return np.concatenate([shard.lips.reshape(-1, shard.lips.shape[-1]) for shard in self.made])

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, number))
        bank = self.real if rng.random() < self.real_share else self.made
        shard = bank[rng.integers(len(bank))]
        frame = int(rng.integers(shard.frames))
        mouths = shard.images.shape[1]
        source, target = rng.choice(mouths, 2, replace=False)
        if rng.random() < SAME_MOUTH:
            target = source
        reference = self._reference(shard, frame, int(source), rng)
        return {
            "face": shard.images[frame, source].copy(),
            "target": shard.images[frame, target].copy(),
            "reference": shard.images[reference].copy(),
            "flow": shard.flow[frame, target, source].copy(),
            "seen": shard.seen_between(frame, target, source),
            "kinds": shard.kinds[frame, target].copy(),
            "face_lips": shard.lips[frame, source].copy(),
            "lips": shard.lips[frame, target].copy(),
        }

    def _reference(
        self, shard: Shard, frame: int, source: int, rng: np.random.Generator
    ) -> tuple[int, int]:
        """(frame, mouth) of the picture to borrow from: another frame of the scene's, if any."""
        others = np.flatnonzero(shard.scenes == shard.scenes[frame])
        others = others[others != frame]
        if not len(others) or rng.random() < NO_REFERENCE:
            return frame, source
        if rng.random() < ANY_REFERENCE:
            return int(rng.choice(others)), int(rng.integers(shard.images.shape[1]))
        teeth = self.teeth[id(shard)][others]
        best, mouth = np.unravel_index(int(teeth.argmax()), teeth.shape)
        return int(others[best]), int(mouth)


def _shards_of(folder: Path, split: str) -> list[Shard]:
    """Those of speakers to train on, or of all others."""
    shards = map(Shard, find_shards(folder))
    return [one for one in shards if (one.about["split"] == "train") == (split == "train")]


def _teeth(shard: Shard) -> np.ndarray:
    """How many pixels of teeth each picture shows. (frames, K)"""
    return np.stack([(frame == TEETH).sum(axis=(1, 2)) for frame in shard.kinds])


def as_floats(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A collated batch as the network takes it: pictures (B, 3, H, W) in [0, 1]."""
    pictures = {
        name: batch[name].permute(0, 3, 1, 2).float() / 255
        for name in ("face", "target", "reference")
    }
    return {
        **batch,
        **pictures,
        "flow": batch["flow"].permute(0, 3, 1, 2).float(),
        "seen": batch["seen"][:, None].float(),
        "kinds": batch["kinds"].long(),
    }


def mouth_region(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Where lips, teeth and what lies between them are in the target, and 8 pixels about it."""
    inner = (batch["kinds"] >= LIPS).float()[:, None]
    return F.max_pool2d(inner, 17, stride=1, padding=8)


def augment(batch: dict[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Other cameras, lights and codecs, the same for face and target; half of it mirrored."""
    count, device = len(batch["face"]), batch["face"].device

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    def chance(share: float) -> torch.Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < share).to(device)

    names = ("face", "target", "reference")
    gamma, gain = torch.exp(0.2 * normal(count, 1, 1, 1)), torch.exp(0.1 * normal(count, 3, 1, 1))
    lift, grey = 0.05 * normal(count, 1, 1, 1), chance(0.05)
    shrink = 1 + 2 * float(torch.rand(1, generator=generator))  # one for the batch
    soft, mirrored = chance(0.35), chance(0.5)
    noise = (
        normal(*batch["face"].shape)
        * 0.02
        * chance(0.3)
        * torch.rand(count, 1, 1, 1, generator=generator).to(device)
    )
    out = dict(batch)
    for name in names:
        x = (batch[name].clamp(1e-4, 1) ** gamma * gain + lift).clamp(0, 1)
        x = torch.where(grey, x.mean(dim=1, keepdim=True), x)
        x = torch.where(soft, _softened(x, shrink), x)
        out[name] = (x + noise).clamp(0, 1)
    for name in (*names, "seen"):
        out[name] = torch.where(mirrored, out[name].flip(3), out[name])
    turned = batch["flow"].flip(3) * batch["flow"].new_tensor([-1.0, 1.0])[:, None, None]
    out["flow"] = torch.where(mirrored, turned, batch["flow"])
    out["kinds"] = torch.where(mirrored[:, 0], batch["kinds"].flip(2), batch["kinds"])
    return out


def _softened(x: torch.Tensor, shrink: float) -> torch.Tensor:
    size = x.shape[-2:]
    small = F.interpolate(x, scale_factor=1 / shrink, mode="area")
    return F.interpolate(small, size=size, mode="bilinear", align_corners=False)
