"""How good an expert is: its loss, how often it is right, and whether it learns at all."""

import logging
import math
from collections.abc import Iterable

import torch

from corpus.clips import Corpus
from hparams import SyncNetHParams
from models.inputs import to_faces
from models.syncnet import SyncNet
from training.engine.runtime import Runtime
from training.losses import bce_of_cosine, cosine

log = logging.getLogger(__name__)

CHANCE = math.log(2)  # the loss of an expert that has learnt nothing
LITTLE_DATA_CLIPS = 500


def stacked_mouths(mouths: torch.Tensor) -> torch.Tensor:
    """(..., 5, H / 2, W, 3) uint8 -> (..., 15, H / 2, W) in [0, 1], as the expert takes them."""
    return to_faces(mouths).flatten(-4, -3)


@torch.inference_mode()
def score_expert(
    expert: SyncNet, batches: Iterable[dict[str, torch.Tensor]], runtime: Runtime
) -> dict[str, float]:
    """Of an expert in evaluation mode, on ExpertPairs: means over all processes.

    loss: the original's; accuracy_in_sync: share of right pairs with a cosine over 0.5;
    accuracy_off_sync: share of wrong pairs under it; margin: of their mean cosines.
    """
    cosines, truths = [torch.zeros(0)], [torch.zeros(0)]
    for batch in batches:
        with runtime.autocast():
            pair = expert(batch["mel"][:, None], stacked_mouths(batch["mouths"]))
        cosines.append(cosine(*pair).cpu())
        truths.append(batch["in_sync"].cpu())
    cosines, truths = torch.cat(cosines), torch.cat(truths)
    count = len(cosines)
    right, wrong = cosines[truths == 1], cosines[truths == 0]
    loss = bce_of_cosine(cosines, truths).item() * count if count else 0.0
    means = runtime.mean({"loss": loss}, count)
    means |= runtime.mean(_sums(right, right > 0.5, "in_sync"), len(right))
    means |= runtime.mean(_sums(wrong, wrong < 0.5, "off_sync"), len(wrong))
    means["accuracy"] = (means["accuracy_in_sync"] + means["accuracy_off_sync"]) / 2
    means["margin"] = means["cosine_in_sync"] - means["cosine_off_sync"]
    return means


def _sums(cosines: torch.Tensor, hits: torch.Tensor, name: str) -> dict[str, float]:
    return {f"accuracy_{name}": hits.sum().item(), f"cosine_{name}": cosines.sum().item()}


def learns_nothing(score: dict[str, float]) -> bool:
    """Whether an expert stands where it began: no better than a coin."""
    return score["loss"] > CHANCE - 0.03 and score["accuracy"] < 0.55


def likely_causes(corpus: Corpus, hp: SyncNetHParams) -> list[str]:
    """What keeps an expert at ln 2 with this corpus and these numbers, the likeliest first."""
    causes = []
    if corpus.late_share > 0.1:
        causes.append(
            f"in {corpus.late_share:.0%} of the clips faces and sound end over 0.5 s apart: "
            f"another frame rate than {hp.fps:g}, or frames that were renumbered"
        )
    if hp.initial_learning_rate >= 1e-3:
        causes.append(f"initial_learning_rate={hp.initial_learning_rate:g} is high; 1e-4 is usual")
    if len(corpus.clips) < LITTLE_DATA_CLIPS:
        causes.append(f"{len(corpus.clips)} clips are few: thousands are usual")
    if hp.batch_size < 32:
        causes.append(f"batch_size={hp.batch_size} is small; 64 is usual")
    if corpus.truth_share > 0.5 and not hp.blendshape_wt:
        causes.append("the mouths' shapes are known and not used: blendshape_wt=2")
    causes += [
        "sound and lips of the clips are not in sync (dubbed, or an offset: "
        "`python -m evaluation.score` measures it)",
        "it is early: on LRS2 the original leaves ln 2 after 100 000 steps and more; "
        "infonce_windows=16 is a faster way",
    ]
    return causes


def warn_if_stuck(score: dict[str, float], step: int, corpus: Corpus, hp: SyncNetHParams) -> None:
    """Say so where an expert has learnt nothing yet, and what may be the cause."""
    if step > max(1, hp.blendshape_warmup_steps) and learns_nothing(score):
        causes = "\n".join(f"  - {cause}" for cause in likely_causes(corpus, hp))
        log.warning(
            "step %d: the loss is %.3f, no better than a coin's (ln 2 = 0.693). Likely causes:\n%s",
            step, score["loss"], causes
        )  # fmt: skip


def require_good_expert(score: dict[str, float], limit: float, *, force: bool) -> None:
    """Refuse to train against an expert that is blind to this corpus, unless forced."""
    words = (
        "the expert on this validation set: loss {loss:.3f}, right on {accuracy_in_sync:.1%} of "
        "the pairs in sync and {accuracy_off_sync:.1%} of those off sync"
    ).format(**score)
    log.info(words)
    if score["loss"] <= limit:
        return
    if force:
        log.warning("its loss is over expert_max_loss=%g; trained against it all the same", limit)
        return
    raise ValueError(
        f"{words}. Over {limit:g} it cannot teach a generator (--hparams expert_max_loss): train "
        "an expert on this corpus with color_syncnet_train.py, or go on with --force"
    )
