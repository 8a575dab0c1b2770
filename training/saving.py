"""Checkpoints of a run: what an exact resume needs, which to keep, which was best."""

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from hparams import HParams
from models.checkpoint import Checkpoint, CheckpointError, read_checkpoint, save_checkpoint
from training.runtime import Runtime
from training.update import Update

log = logging.getLogger(__name__)


def checkpoint_path(run_dir: Path, step: int, prefix: str = "") -> Path:
    """Named as the original names them; the discriminator's begin with `disc_`."""
    return run_dir / f"{prefix}checkpoint_step{step:09d}.pth"


def checkpoint_steps(run_dir: Path) -> list[int]:
    """The steps of which a folder holds checkpoints, rising."""
    names = (re.fullmatch(r"checkpoint_step(\d{9})\.pth", path.name) for path in run_dir.glob("*"))
    return sorted(int(match[1]) for match in names if match)


def network_state(update: Update, hp: HParams) -> dict:
    """A network, its optimizer and its average, as a checkpoint holds them."""
    optimizer = update.optimizer.state_dict() if hp.save_optimizer_state else None
    return {
        "state_dict": _plain(update.network.state_dict()),
        "optimizer": optimizer,
        "hparams": hp.to_dict(),
        "update": update.state_dict(),
    }


def _plain(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """In the ordinary memory layout, which every reader of checkpoints expects."""
    return {name: value.detach().contiguous() for name, value in weights.items()}


def load_network(path: str | Path, kind: str, update: Update) -> Checkpoint:
    """Put a checkpoint into a network in training, with all that the file has beside weights.

    A file of weights alone begins a new training from them.
    """
    checkpoint = read_checkpoint(path, kind)
    try:
        update.network.load_state_dict(checkpoint.state_dict)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} does not fit the network of --hparams: it is one of {checkpoint.shape()}"
        ) from error
    if checkpoint.optimizer:
        try:
            update.optimizer.load_state_dict(checkpoint.optimizer)
        except ValueError as error:
            raise CheckpointError(
                f"{path}: its optimizer is another network's, or syncnet_truth_wt was switched on "
                f"or off; begin anew from its weights, checkpoint_best.pth ({error})"
            ) from error
    else:
        log.warning("%s holds no optimizer: it starts afresh", path)
    update.load_state_dict(checkpoint.extra.get("update", {"scaler": {}}))
    return checkpoint


@dataclass
class Progress:
    """How far a run is, beside its networks."""

    seed: int
    position: int = 0  # windows taken from the stream
    best: float = float("inf")  # validation score so far

    def state(self, runtime: Runtime) -> dict:
        """Also the random numbers of every process, which come together for this."""
        return {
            "seed": self.seed,
            "position": self.position,
            "best": self.best,
            "random": runtime.gather(_random_state(runtime.device)),
        }

    @classmethod
    def restored(cls, state: dict, runtime: Runtime) -> "Progress":
        """Continue the random numbers too, as far as there are as many processes as then."""
        random = state["random"]
        if len(random) == runtime.world_size:
            _restore_random(random[runtime.rank], runtime.device)
        return cls(state["seed"], state["position"], state["best"])


def _random_state(device: torch.device) -> dict:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random(state: dict, device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def save_run(run_dir: Path, step: int, files: dict[str, dict], keep: int) -> Path:
    """Write {prefix: content} as this step's checkpoints; the last `keep` stay, all if 0."""
    for prefix, content in files.items():
        _write(checkpoint_path(run_dir, step, prefix), content)
    old = [earlier for earlier in checkpoint_steps(run_dir) if earlier < step]
    for earlier in old[: len(old) + 1 - keep] if keep else ():
        for prefix in files:
            checkpoint_path(run_dir, earlier, prefix).unlink(missing_ok=True)
    return checkpoint_path(run_dir, step)


def _write(path: Path, content: dict) -> None:
    try:
        save_checkpoint(path, content)
    except (RuntimeError, OSError) as error:  # torch's own writer raises the former
        free = shutil.disk_usage(path.parent).free / 2**20
        raise OSError(
            f"cannot write {path} ({error}); {free:.0f} MiB are free there. --keep N removes old "
            "checkpoints"
        ) from error


def save_best(run_dir: Path, step: int, update: Update, hp: HParams) -> None:
    """The weights to use, the averaged ones where there are, without what only training needs."""
    weights = _plain(update.judged.state_dict())
    content = {"state_dict": weights, "optimizer": None, "global_step": step, "global_epoch": 0}
    _write(run_dir / "checkpoint_best.pth", {**content, "hparams": hp.to_dict()})


def refuse_occupied(run_dir: Path) -> None:
    """A new run must not mix its checkpoints with those of another."""
    steps = checkpoint_steps(run_dir)
    if steps:
        raise ValueError(
            f"{run_dir} holds checkpoints up to step {steps[-1]}; go on from one with "
            f"--checkpoint_path {checkpoint_path(run_dir, steps[-1])}, or name another folder"
        )
