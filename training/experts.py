"""The frozen experts that a generator is trained against, checked before days are spent."""

import argparse
import logging
from pathlib import Path

from torch import nn

from hparams import ClipHParams, SyncNetHParams
from models.checkpoint import load
from models.syncnet import SyncNet
from training.expert_score import require_good_expert, score_expert
from training.generator_terms import GeneratorLosses
from training.session import VALIDATION_SEED, Session
from training.windows import ExpertPairs

log = logging.getLogger(__name__)


def add_expert_arguments(parser: argparse.ArgumentParser) -> None:
    """What both generators' scripts have on top."""
    add = parser.add_argument
    add("--syncnet_checkpoint_path", type=Path, required=True, help="the expert to train against")
    add("--second_syncnet_checkpoint_path", type=Path,
        help="another expert that only watches: generated mouths should please it too")  # fmt: skip
    add("--force", action="store_true", help="train even against an expert that is blind here")


def freeze(network: nn.Module) -> nn.Module:
    """Fix weights and BatchNorm statistics; gradients still flow to the input."""
    return network.eval().requires_grad_(False)


def open_generator_losses(session: Session) -> GeneratorLosses:
    """The experts that the command line names. Raises ValueError if the first is blind here."""
    args, hp, runtime = session.args, session.hp, session.runtime
    expert = _open_expert(args.syncnet_checkpoint_path, session)
    score = score_expert(expert, _pairs(session, expert), runtime)
    require_good_expert(score, hp.expert_max_loss, force=args.force)
    second = None
    if args.second_syncnet_checkpoint_path:
        second = _open_expert(args.second_syncnet_checkpoint_path, session)
    return GeneratorLosses(expert, second, runtime, hp)


def _open_expert(path: Path, session: Session) -> SyncNet:
    expert = freeze(session.runtime.place(load(path, "expert")))
    hp = session.hp
    if (expert.height, expert.width) != (hp.img_height, hp.img_width):
        log.info(
            "%s is an expert for %dx%d: faces of %dx%d are scaled for it",
            path, expert.height, expert.width, hp.img_height, hp.img_width
        )  # fmt: skip
    return expert


def _pairs(session: Session, expert: SyncNet):
    """The validation pairs at the expert's own face size."""
    own = {name: getattr(session.hp, name) for name in ClipHParams.names()}
    hp = SyncNetHParams(**own | {"img_height": expert.height, "img_width": expert.width})
    windows = ExpertPairs(session.val.clips, hp, VALIDATION_SEED)
    batches = session.validation(windows, hp.batch_size, session.hp.eval_batches)
    return map(session.runtime.move, batches)
