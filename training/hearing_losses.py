"""What is wrong with lip motion that was heard: losses to learn by, counts on held-out clips."""

from collections import Counter

import torch
from torch.nn import functional as F

from hparams import LipHearingHParams
from models.lip_hearing import LipHearing, lip_opening
from models.lip_motion import EXPRESSION, INDEX, NAMES, SHUT_OPENING, TUCKED_ROLL
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime

OPENING_SPREAD = 0.13  # of synthetic clips: an error of the opening is weighed in it
OPEN = 0.1  # an opening from here on is one that everybody sees
EXPRESSION_INDICES = [INDEX[name] for name in EXPRESSION]


def hearing_losses(
    network: LipHearing, predicted: torch.Tensor, batch: Batch, hp: LipHearingHParams
) -> Values:
    """predicted: what forward says, (B, frames, 17). "loss" is their weighed sum."""
    predicted = predicted.float()
    numbers, logits = predicted[..., : len(NAMES)], predicted[..., len(NAMES) :]
    truth = (batch["lips"] - network.mean) / network.spread
    frames = batch["known"] * (1 + hp.contact_wt * batch["near_contact"])
    wrong = numbers - truth
    apart = lip_opening(numbers * network.spread + network.mean) - lip_opening(batch["lips"])
    touch = F.binary_cross_entropy_with_logits(logits, batch["contacts"], reduction="none")
    weights = _number_weights(hp.expression_wt).to(predicted.device)
    values = {
        "numbers": _mean(wrong.square() @ weights, frames),
        "velocity": _mean(wrong.diff(dim=1).square() @ weights, frames[:, 1:]),
        "opening": _mean((apart / OPENING_SPREAD).square(), frames),
        "touch": _mean(touch.mean(dim=-1), frames),
    }
    values["loss"] = (
        values["numbers"]
        + hp.velocity_wt * values["velocity"]
        + hp.opening_wt * values["opening"]
        + hp.touch_wt * values["touch"]
    )
    return values


def _number_weights(expression: float) -> torch.Tensor:
    """Of each number, 1 in all."""
    weights = torch.ones(len(NAMES))
    weights[EXPRESSION_INDICES] = expression
    return weights / weights.sum()


def _mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)


class HearingScore:
    """Over a validation set: squared errors in spreads, and the share of contacts that are made.

    A p b m is kept where the lips are shut in its burst's frame or the one before; an f v where the
    lip is tucked in. falsely_shut: of frames whose lips are well apart and near no contact.
    """

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def add(self, network: LipHearing, predicted: torch.Tensor, batch: Batch) -> None:
        lips = network.finish(predicted.float())
        known = batch["known"] > 0
        errors = ((lips - batch["lips"]) / network.spread).square()[known]
        for name, error in zip(NAMES, errors.sum(dim=0).tolist(), strict=True):
            self._count(name, error, len(errors))
        shut = lip_opening(lips) < SHUT_OPENING
        tucked = lips[..., INDEX["mouthRollLower"]] > TUCKED_ROLL
        for real in (False, True):
            clips, suffix = batch["recorded"] == real, "_recorded" if real else ""
            self._count_kept("shut" + suffix, shut[clips], batch["shut_bursts"][clips])
            self._count_kept("tucked" + suffix, tucked[clips], batch["tucked_ends"][clips])
            opened = lip_opening(batch["lips"]) > OPEN
            opened = opened & known & ~batch["near_contact"]
            self._count_share("falsely_shut" + suffix, shut[clips], opened[clips])

    def _count_kept(self, name: str, made: torch.Tensor, wanted: torch.Tensor) -> None:
        before = F.pad(made[:, :-1], (1, 0))
        self._count_share(name, made | before, wanted)

    def _count_share(self, name: str, made: torch.Tensor, among: torch.Tensor) -> None:
        self._count(name, int((made & among).sum()), int(among.sum()))

    def _count(self, name: str, amount: float, of: int) -> None:
        self.sums[name] += amount
        self.counts[name] += of

    def read(self, runtime: Runtime) -> dict[str, float]:
        """Its "score": the mean error of what sound tells, plus the shares of contacts lost."""
        values = {
            name: runtime.mean({name: float(total)}, self.counts[name])[name]
            for name, total in sorted(self.sums.items())
        }
        some = runtime.mean({name: float(count) for name, count in self.counts.items()}, 1)
        values = {name: value for name, value in values.items() if some[name]}
        heard = [values[name] for name in NAMES if name not in EXPRESSION]
        values["error"] = sum(values[name] for name in NAMES) / len(NAMES)
        values["heard_error"] = sum(heard) / len(heard)
        lost = [1 - values[name] for name in values if name.startswith(("shut", "tucked"))]
        false = [values[name] for name in values if name.startswith("falsely_shut")]
        return {**values, "score": values["heard_error"] + sum(lost) + sum(false)}
