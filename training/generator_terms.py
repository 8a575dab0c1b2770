"""The losses of generators, in training and in validation, whatever their script."""

import logging
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from hparams import HParams
from models.inputs import generator_input, lower_half, to_faces
from models.syncnet import SyncNet
from training.engine.runtime import Runtime
from training.losses import reconstruction, sync_cosine, sync_loss
from training.perceptual import PerceptualLoss

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneratorBatch:
    """A batch of GeneratorWindows as the networks take it."""

    frame_mels: torch.Tensor  # (B, T, 1, 80, 16)
    faces: torch.Tensor  # (B, 6, T, H, W): masked targets and references
    targets: torch.Tensor  # (B, 3, T, H, W) in [0, 1]
    mel: torch.Tensor  # (B, 1, 80, 16), for the expert

    @classmethod
    def of(cls, batch: dict[str, torch.Tensor]) -> "GeneratorBatch":
        targets, references = (
            to_faces(batch[name]).transpose(1, 2) for name in ("targets", "references")
        )
        faces = generator_input(targets, references)
        return cls(batch["frame_mels"][:, :, None], faces, targets, batch["mel"][:, None])


class GeneratorLosses:
    """The frozen networks beside a generator, and the terms that they give."""

    def __init__(
        self, expert: SyncNet, second_expert: SyncNet | None, runtime: Runtime, hp: HParams
    ):
        self.expert, self.second_expert = expert, second_expert
        self.runtime, self.hp = runtime, hp
        self.perceptual = None
        if hp.perceptual_wt:
            self.perceptual = runtime.place(PerceptualLoss())

    def terms(
        self, generated: torch.Tensor, windows: GeneratorBatch, *, with_sync: bool
    ) -> dict[str, torch.Tensor]:
        """reconstruction, l1, and sync and perceptual where they count; with gradients."""
        paid, l1 = reconstruction(generated, windows.targets, self.hp.lower_half_wt)
        terms = {"reconstruction": paid, "l1": l1}
        if with_sync:
            terms["sync"] = sync_loss(self.cosines(self.expert, windows, generated))
        if self.perceptual:
            with self.runtime.autocast():
                terms["perceptual"] = self.perceptual(generated, windows.targets)
        return terms

    def cosines(
        self, expert: SyncNet, windows: GeneratorBatch, faces: torch.Tensor
    ) -> torch.Tensor:
        """(B,) in [0, 1], in float32."""
        with self.runtime.autocast():
            return sync_cosine(expert, windows.mel, faces)

    @torch.inference_mode()
    def scores(self, generated: torch.Tensor, windows: GeneratorBatch) -> dict[str, torch.Tensor]:
        """What validation says of generated faces, beside the terms."""
        lower, true_lower = lower_half(generated), lower_half(windows.targets)
        scores = self.terms(generated, windows, with_sync=True)
        scores["lower_l1"] = F.l1_loss(lower, true_lower)
        scores["sharpness"] = laplacian_variance(lower)
        scores["true_sharpness"] = laplacian_variance(true_lower)
        experts = {"": self.expert, "second_": self.second_expert}
        for prefix, expert in experts.items():
            if expert is not None:
                for name, faces in (("generated", generated), ("true", windows.targets)):
                    cosines = self.cosines(expert, windows, faces)
                    scores[f"{prefix}cosine_{name}"] = cosines.mean()
        return scores


def laplacian_variance(faces: torch.Tensor) -> torch.Tensor:
    """The usual measure of sharpness, of grey levels 0 to 255; faces (B, 3, T, H, W)."""
    grey = 255 * faces.float().mean(1, keepdim=True).transpose(1, 2).flatten(0, 1)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    return F.conv2d(grey, kernel).var(dim=(1, 2, 3)).mean()


def is_fooled(scores: dict[str, float]) -> bool:
    """Whether the expert prefers generated windows to true ones."""
    return scores["cosine_generated"] > scores["cosine_true"]


def warn_if_fooled(scores: dict[str, float], step: int) -> None:
    """Generated mouths that the expert prefers to true ones please it by something else."""
    if is_fooled(scores):
        log.warning(
            "step %d: the expert prefers generated windows (cosine %.3f) to true ones (%.3f): it "
            "is being fooled. Look at the samples; set syncnet_back_off=True, lower "
            "syncnet_max_share, or train the expert with syncnet_augment=0.3",
            step, scores["cosine_generated"], scores["cosine_true"]
        )  # fmt: skip
    if "second_cosine_generated" in scores:
        first = scores["cosine_true"] - scores["cosine_generated"]
        second = scores["second_cosine_true"] - scores["second_cosine_generated"]
        if second > first + 0.15:
            log.warning(
                "step %d: generated windows lie %.3f under true ones for the second expert, %.3f "
                "for the one that trains: what is learnt is partly that expert's own",
                step, second, first
            )  # fmt: skip
