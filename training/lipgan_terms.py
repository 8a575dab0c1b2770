"""What LipGAN's judge is asked of each true face, its wrong sound, and the generated face."""

from dataclasses import dataclass

import torch
from torch import nn

from models.inputs import generator_input, to_faces
from models.lipgan import LipGANJudge
from models.lipgan.judge import distance
from training.blendshapes import BLENDSHAPES, BlendshapeHead, blendshape_loss
from training.losses import contrastive

PAIRS = ("true", "mispaired", "generated")
TOGETHER = 0.5  # distances below it count as a right pair: halfway to the loss's margin


@dataclass(frozen=True)
class LipGanBatch:
    """A batch of LipGanWindows as the networks take it."""

    sound: torch.Tensor  # (B, 1, 80, 27) or (B, 1, 12, 35)
    wrong_sound: torch.Tensor | None  # None: those of the batch's other faces are
    face: torch.Tensor  # (B, 6, H, W): the reference, and the target without its lower half
    target: torch.Tensor  # (B, 3, H, W) in [0, 1]
    sounds: torch.Tensor | None = None  # as `sound`, of clips without pictures
    # By BLENDSHAPES: of the mouths that spoke sound, wrong_sound and sounds; and of those that the
    # targets and the references show.
    shapes: dict[str, torch.Tensor] | None = None

    @classmethod
    def of(cls, batch: dict[str, torch.Tensor]) -> "LipGanBatch":
        target, reference = to_faces(batch["target"]), to_faces(batch["reference"])
        face = generator_input(target, reference, reference_first=True)
        wrong = batch["wrong_sound"][:, None] if "wrong_sound" in batch else None
        sounds = batch["sounds"].flatten(0, 1)[:, None] if "sounds" in batch else None
        return cls(batch["sound"][:, None], wrong, face, target, sounds, _shapes(batch))


def _shapes(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    if "blendshapes" not in batch:
        return None
    heard = [batch["blendshapes"]]
    if "wrong_blendshapes" in batch:
        heard.append(batch["wrong_blendshapes"])
    if "sounds_blendshapes" in batch:
        heard.append(batch["sounds_blendshapes"].flatten(0, 1))
    seen = torch.cat((batch["blendshapes"], batch["reference_blendshapes"]))
    return dict(zip(BLENDSHAPES, (torch.cat(heard), seen), strict=True))


class Comparison(nn.Module):
    """The judge as distributed training calls it: by its forward, for three distances at once.

    With a head it also tells the blendshapes of what it hears and of the true faces. among: it
    compares each true face, and each reference, with all sounds of the batch.
    """

    def __init__(
        self, judge: LipGANJudge, head: BlendshapeHead | None = None, *, among: bool = False
    ):
        super().__init__()
        self.judge, self.head, self.among = judge, head, among

    def forward(
        self,
        sound: torch.Tensor,
        wrong_sound: torch.Tensor | None,
        faces: torch.Tensor,
        generated: torch.Tensor | None = None,
        sounds: torch.Tensor | None = None,
        references: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Distances (B, 1) by PAIRS; with a head also shapes (n, 11) by BLENDSHAPES.

        references: true faces of other moments of the same clips.
        """
        given = [part for part in (sound, wrong_sound, sounds) if part is not None]
        heard = self.judge.sound_features(torch.cat(given))
        real = faces if references is None else torch.cat((faces, references))
        shown = real if generated is None else torch.cat((real, generated.to(faces.dtype)))
        seen = self.judge.face_features(shown)
        compared = len(sound) * (1 if wrong_sound is None else 2)
        right, *others = self.judge.sound_code(heard[:compared]).split(len(sound))
        wrong = others[0] if others else right.roll(1, 0)
        codes = self.judge.face_code(seen)
        true, made = codes[: len(faces)], codes[len(real) :]
        said = {"true": distance(true, right), "mispaired": distance(true, wrong)}
        if generated is not None:
            said["generated"] = distance(made, right)
        if self.among:
            said["among"] = wrong_distances(codes[: len(real)], torch.cat((right, *others)))
        if self.head:
            told = self.head.audio(heard.flatten(1)), self.head.video(seen[: len(real)].flatten(1))
            said |= zip(BLENDSHAPES, told, strict=True)
        return said


def wrong_distances(faces: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
    """Of each face's code from all sounds' but its own, which come first in their order."""
    cosines = faces.float() @ sounds.float().T
    own = torch.eye(*cosines.shape, dtype=torch.bool, device=faces.device)
    return (2 - 2 * cosines[~own]).clamp(min=1e-6).sqrt()


def shape_terms(
    said: dict[str, torch.Tensor], shapes: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """What the judge pays for blendshapes that it tells wrong; {} where it has no head."""
    return {n: blendshape_loss(said[n], shapes[n]) for n in BLENDSHAPES if n in said}


def judge_terms(said: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the judge pays; right pairs weigh as much as both kinds of wrong ones together."""
    paid = {name: contrastive(said[name], wrong=name != "true") for name in PAIRS if name in said}
    if "among" in said:
        paid["mispaired"] = contrastive(said["among"], wrong=True)
    wrong = [value for name, value in paid.items() if name != "true"]
    total = (paid["true"] + torch.stack(wrong).mean()) / 2
    return {f"judge_{name}": value for name, value in paid.items()} | {"judge": total}


def judge_scores(said: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """How often the judge is right of true faces, and how often the generator deceives it."""
    together = {n: (said[n] < TOGETHER).float().mean() for n in PAIRS if n in said}
    right, wrong = together["true"], 1 - together["mispaired"]
    deceived = {"deceived": together["generated"]} if "generated" in together else {}
    return deceived | {
        "accuracy": (right + wrong) / 2,
        "accuracy_true": right,
        "accuracy_mispaired": wrong,
        # With one face and two sounds, which is its own? No threshold has a part in this.
        "ranked": (said["true"] < said["mispaired"]).float().mean(),
    }
