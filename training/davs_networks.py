"""DAVS's networks as distributed training calls them: one forward, all that a step needs."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from hparams import DavsHParams
from models.davs.whole import DAVS, UNUSED, DAVSJudges
from models.inputs import to_faces
from training.engine.loop import Batch


@dataclass(frozen=True, eq=False)
class Faces:
    """A batch of clips. Pictures are RGB in [0, 1]."""

    faces: torch.Tensor  # (B, 12, 3, size, size)
    heard: torch.Tensor  # (B, 12, 20, 12)
    word: torch.Tensor  # (B,)
    identity: torch.Tensor  # (B, 3, size, size), one frame by chance
    watched: torch.Tensor  # (B, 20, 3, size, size), in which identity should tell no word
    places: torch.Tensor  # (B, 6), which of the twelve frames are painted

    @classmethod
    def of(cls, batch: Batch) -> "Faces":
        rgb = (to_faces(batch[name]).flip(-3) for name in ("faces", "identity", "watched"))
        faces, identity, watched = rgb
        return cls(faces, batch["heard"], batch["word"], identity, watched, batch["sequence"])

    @property
    def sequence(self) -> torch.Tensor:
        """(B, 6, 3, size, size): the true faces of what is painted."""
        return pick(self.faces, self.places)

    @property
    def sequence_heard(self) -> torch.Tensor:
        """(B, 6, 20, 12)."""
        return pick(self.heard, self.places)


@dataclass(frozen=True, eq=False)
class Made:
    """What a painter makes of a batch."""

    by_sound: torch.Tensor  # (B, 6, 3, size, size)
    by_lips: torch.Tensor
    sounds: torch.Tensor  # (B, 12, 256), codes
    lips: torch.Tensor
    word_by_sound: torch.Tensor  # (B, words)
    word_by_lips: torch.Tensor
    maps: torch.Tensor  # (B, 20 x channels, h, w) of identity

    def both(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The faces painted from sound and from lips."""
        return self.by_sound, self.by_lips

    def detached(self) -> "Made":
        """The same for the judges, whose losses do not reach the painter."""
        return replace(self, **{name: value.detach() for name, value in vars(self).items()})


class Painting(nn.Module):
    """Faces painted from one identity, by sound and by lips, and what else is judged."""

    def __init__(self, davs: DAVS, hp: DavsHParams):
        super().__init__()
        self.davs, self.frames = davs, hp.judge_frames

    def forward(self, true: Faces) -> Made:
        davs, size = self.davs, true.faces.shape[-3:]
        sounds = davs.mfcc_encoder(true.heard[:, :, None])
        lips = davs.lip_feature_encoder(true.faces)
        # Identities of one frame, and of the frames in which no word should be read.
        seen = torch.cat((true.identity[:, None], true.watched), dim=1)
        code, _, _, skip, largest = davs.ID_encoder(seen.flatten(0, 1))
        code, skip, largest = (part.unflatten(0, seen.shape[:2]) for part in (code, skip, largest))
        speech = torch.cat([pick(codes, true.places) for codes in (sounds, lips)]).flatten(0, 1)
        who = [part[:, 0].repeat_interleave(self.frames, dim=0).repeat(2, *[1] * (part.dim() - 2))
               for part in (code, skip)]  # fmt: skip
        painted = davs.Decoder(*who, speech).float().view(2, len(true.word), self.frames, *size)
        return Made(
            *painted,
            sounds.float(),
            lips.float(),
            davs.model_fusion(sounds).float(),
            davs.model_fusion(lips).float(),
            largest[:, 1:].flatten(1, 2),
        )


class Judging(nn.Module):
    """All judges' verdicts on true and made."""

    def __init__(self, judges: DAVSJudges, hp: DavsHParams):
        super().__init__()
        self.judges, self.frame_gan = judges, hp.frame_gan

    def forward(self, made: Made, true: Faces) -> dict:
        """Logits, "true" and "made" of patches and mouths, "sounds", "lips", "word"."""
        shown = [self._look(faces, true) for faces in (true.sequence, *made.both())]
        domain = self.judges.discriminator_audio.logits
        return {
            "true": shown[0],
            "made": [*shown[1], *shown[2]],
            "sounds": domain(made.sounds).float(),
            "lips": domain(made.lips).float(),
            "word": self.judges.ID_lip_discriminator(made.maps).float(),
        }

    def _look(self, faces: torch.Tensor, true: Faces) -> list[torch.Tensor]:
        heard = true.sequence_heard
        verdicts = [*self.judges.netD_mul.logits(faces.flatten(1, 2), heard)]
        if self.frame_gan:
            single = heard.flatten(0, 1)[:, None]
            verdicts += self.judges.netD.logits(faces.flatten(0, 1), single)
        return [verdict.float() for verdict in verdicts]


class Reading(nn.Module):
    """Words told by lips, by sound, or by both; with a head also the viseme of each frame."""

    def __init__(self, davs: DAVS, viseme_head: nn.Linear | None = None):
        super().__init__()
        self.davs, self.viseme_head = davs, viseme_head

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Logits by "lips", "sound", "both", as far as told; codes as "lip_codes" and so on.

        Visemes (B, 12, visemes) as "lip_visemes" and so on: one head for lips and sound, so that
        their codes say the same thing in the same way.
        """
        told = {}
        if "faces" in batch:
            told["lip_codes"] = self.davs.lip_feature_encoder(to_faces(batch["faces"]).flip(-3))
            told["lips"] = self.davs.model_fusion(told["lip_codes"])
        if "heard" in batch:
            told["sound_codes"] = self.davs.mfcc_encoder(batch["heard"][:, :, None])
            told["sound"] = self.davs.model_fusion(told["sound_codes"])
        if "more_heard" in batch:
            codes = self.davs.mfcc_encoder(batch["more_heard"].flatten(0, 1)[:, :, None])
            told["more"] = self.davs.model_fusion(codes)
            told["more_codes"] = codes
        if self.viseme_head:
            told |= {
                name.replace("codes", "visemes"): self.viseme_head(codes)
                for name, codes in told.items()
                if name.endswith("codes")
            }
        if "lips" in told and "sound" in told:
            told["both"] = told["lips"] + told["sound"]
        return {name: value.float() for name, value in told.items()}


def pick(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(B, 12, ...) -> (B, 6, ...), of each clip its own."""
    rows = torch.arange(len(values), device=values.device)[:, None]
    return values[rows, places]


def learn_words(davs: DAVS, by: str) -> None:
    """Let only that learn which tells words by "lips", "sound" or "both"."""
    davs.requires_grad_(False)
    davs.model_fusion.requires_grad_(True)
    davs.lip_feature_encoder.requires_grad_(by != "sound")
    davs.mfcc_encoder.requires_grad_(by != "lips")
    freeze_unused(davs)


def freeze_unused(network: nn.Module) -> None:
    """Weights that nothing uses learn nothing; several processes would wait for their gradients."""
    for name, weight in network.named_parameters():
        if name.rsplit(".", 1)[0] in UNUSED:
            weight.requires_grad_(False)
