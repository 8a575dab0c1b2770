"""What the lip warp learns from: two mouths of one frame, a reference, and what lies between.

Sample `n` depends on the seed and n alone, so that a run resumes exactly. The changes of colour and
sharpness are made for a whole batch on the training's own device (`augment`).

Two frames of a real video are such a pair too: what lies between them is not known, the lip numbers
are those that were seen, and only the colours can teach (`known` is 0).
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from training.mouth_files import MouthClip, find_mouth_clips
from training.pair_files import FLOW_STEP, LIPS, TEETH, Shard, find_shards

NO_REFERENCE = 0.25  # of the samples have none: a still has only itself
ANY_REFERENCE = 0.25  # and of these it is any mouth, not the one that shows most teeth
SAME_MOUTH = 0.05  # of the samples ask for the mouth that is there: the best change is none
REAL_SHARE, VIDEO_SHARE = 0.45, 0.25  # of the samples, where there are photographs and videos
NEAR_FRAMES = 50  # of a video, between the two of a pair at most
SAME_POSE = 0.02  # of a square's side and of its angle: more is another pose of the head
MOUTH_REACH, MOUTH_DOWN = (0.7, 0.8), 0.05  # of half a square, right and down; its middle
TRIES = 8  # to find a second frame in the same pose


class Pairs:
    """A map-style dataset of a bank of pairs, of photographs (`real`) and videos beside them."""

    windows_per_sample = 1  # windows that a sample holds

    def __init__(
        self,
        folder: Path,
        split: str,
        seed: int,
        *,
        real: Path | None = None,
        videos: Path | None = None,
    ):
        self.seed = seed
        self.made = _shards_of(folder, split)
        self.real = _shards_of(real, split) if real else []
        self.videos = [MouthClip.read(clip) for clip in find_mouth_clips(videos)] if videos else []
        self.real_share = REAL_SHARE if self.real else 0.0
        self.video_share = VIDEO_SHARE if self.videos else 0.0
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
        if self.videos and rng.random() < self.video_share:
            return video_pair(self.videos[rng.integers(len(self.videos))], rng)
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
            "heard": shard.lips[frame, target].copy(),
            "known": np.float32(1),
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


def video_pair(clip: MouthClip, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two frames of a video in one pose of the head, and a third to borrow from."""
    face = int(rng.integers(len(clip.seen)))
    target = face
    for other in rng.integers(face - NEAR_FRAMES, face + NEAR_FRAMES + 1, TRIES):
        if 0 <= other < len(clip.seen) and _same_pose(*clip.placements[[face, other]]):
            target = int(other)
            break
    size = clip.pictures.shape[1]
    flow = np.zeros((size // FLOW_STEP, size // FLOW_STEP, 2), np.float16)
    return {
        "face": clip.pictures[face].copy(),
        "target": clip.pictures[target].copy(),
        "reference": clip.pictures[int(rng.integers(len(clip.seen)))].copy(),
        "flow": flow,
        "seen": np.ones((size, size), bool),
        "kinds": np.zeros((size, size), np.uint8),
        "face_lips": clip.seen[face].copy(),
        "lips": clip.seen[target].copy(),
        "heard": clip.heard[target].copy(),
        "known": np.float32(0),
    }


def _same_pose(first: np.ndarray, second: np.ndarray) -> bool:
    """Of two placements: x, y, side, angle."""
    side = abs(np.log(first[2] / second[2]))
    return bool(max(side, abs(first[3] - second[3])) < SAME_POSE)


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


def about_the_mouth(size: int, device: torch.device) -> torch.Tensor:
    """Of a video's two frames, the part in which the mouth alone tells them apart: 1 about it,
    fading to 0 at eyes, ears and collar, which move with the head. (1, 1, size, size)
    """
    axis = torch.linspace(-1, 1, size, device=device)
    away = (axis[None, :] / MOUTH_REACH[0]) ** 2 + (
        (axis[:, None] - MOUTH_DOWN) / MOUTH_REACH[1]
    ) ** 2
    return (2 - 2 * away.sqrt()).clamp(0, 1)[None, None]


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
