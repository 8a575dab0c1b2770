"""What LipGAN's judge is asked of each true face, its wrong sound, and the generated face."""

from dataclasses import dataclass

import torch
from torch import nn

from models.inputs import generator_input, to_faces
from models.lipgan import LipGANJudge
from models.lipgan.judge import distance
from training.losses import contrastive

TOGETHER = 0.5  # distances below it count as a right pair: halfway to the loss's margin


@dataclass(frozen=True)
class LipGanBatch:
    """A batch of LipGanWindows as the networks take it."""

    sound: torch.Tensor  # (B, 1, 80, 27) or (B, 1, 12, 35)
    wrong_sound: torch.Tensor
    face: torch.Tensor  # (B, 6, H, W): the reference, and the target without its lower half
    target: torch.Tensor  # (B, 3, H, W) in [0, 1]

    @classmethod
    def of(cls, batch: dict[str, torch.Tensor]) -> "LipGanBatch":
        target, reference = to_faces(batch["target"]), to_faces(batch["reference"])
        face = generator_input(target, reference, reference_first=True)
        return cls(batch["sound"][:, None], batch["wrong_sound"][:, None], face, target)


class Comparison(nn.Module):
    """The judge as distributed training calls it: by its forward, for three distances at once."""

    def __init__(self, judge: LipGANJudge):
        super().__init__()
        self.judge = judge

    def forward(
        self,
        sound: torch.Tensor,
        wrong_sound: torch.Tensor,
        faces: torch.Tensor,
        generated: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Each (B, 1)."""
        right, wrong = self.judge.embed_sound(torch.cat((sound, wrong_sound))).chunk(2)
        shown = faces if generated is None else torch.cat((faces, generated.to(faces.dtype)))
        true, *made = self.judge.embed_face(shown).split(len(faces))
        distances = {"true": distance(true, right), "mispaired": distance(true, wrong)}
        if made:
            distances["generated"] = distance(made[0], right)
        return distances


def judge_terms(distances: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the judge pays; right pairs weigh as much as both kinds of wrong ones together."""
    paid = {name: contrastive(values, wrong=name != "true") for name, values in distances.items()}
    wrong = [value for name, value in paid.items() if name != "true"]
    total = (paid["true"] + torch.stack(wrong).mean()) / 2
    return {f"judge_{name}": value for name, value in paid.items()} | {"judge": total}


def judge_scores(distances: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """How often the judge is right of true faces, and how often the generator deceives it."""
    together = {name: (value < TOGETHER).float().mean() for name, value in distances.items()}
    right, wrong = together["true"], 1 - together["mispaired"]
    return {
        "accuracy": (right + wrong) / 2,
        "accuracy_true": right,
        "accuracy_mispaired": wrong,
        # With one face and two sounds, which is its own? No threshold has a part in this.
        "ranked": (distances["true"] < distances["mispaired"]).float().mean(),
        "deceived": together["generated"],
    }
