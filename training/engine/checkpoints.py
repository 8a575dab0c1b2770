"""Checkpoints of a run: what an exact resume needs, which to keep, which was best."""

import logging
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from hparams import TrainingHParams
from models.checkpoint import save_checkpoint
from training.engine.learner import Learner
from training.engine.runtime import Runtime

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

log = logging.getLogger(__name__)

BEST = "checkpoint_best.pth"
QUALITY = "disc_"  # before the name of a checkpoint: the quality discriminator's of the same step


def checkpoint_path(run_dir: Path, step: int, prefix: str = "") -> Path:
    """Named as the original names them; the discriminator's begin with `disc_`."""
    return run_dir / f"{prefix}checkpoint_step{step:09d}.pth"


def quality_file(path: Path) -> Path:
    """Where the discriminator lies that was saved with a generator's checkpoint."""
    return path.with_name(QUALITY + path.name)


def checkpoint_steps(run_dir: Path) -> list[int]:
    """The steps of which a folder holds checkpoints, rising."""
    names = (re.fullmatch(r"checkpoint_step(\d{9})\.pth", path.name) for path in run_dir.glob("*"))
    return sorted(int(match[1]) for match in names if match)


def network_state(learner: Learner, hp: TrainingHParams) -> dict:
    """A network, its optimizer and its average, as a checkpoint holds them."""
    optimizer = learner.optimizer.state_dict() if hp.save_optimizer_state else None
    return {
        "state_dict": _plain(learner.network.state_dict()),
        "optimizer": optimizer,
        "hparams": hp.to_dict(),
        "network": learner.network.arguments,
        "update": learner.state_dict(),
    } | learner.notes


def _plain(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """In the ordinary memory layout, which every reader of checkpoints expects."""
    return {name: value.detach().contiguous() for name, value in weights.items()}


@dataclass
class RunProgress:
    """How far a run is, beside its networks."""

    seed: int
    script: str = ""  # whose run it is
    position: int = 0  # windows taken from the stream
    best: float = float("inf")  # validation score so far
    unvalidated: bool = False  # this step's validation is still to be made

    def state(self, runtime: Runtime) -> dict:
        """Also the random numbers of every process, which come together for this."""
        return {
            "seed": self.seed,
            "script": self.script,
            "unvalidated": self.unvalidated,
            "position": self.position,
            "best": self.best,
            "random": runtime.gather(_random_state(runtime.device)),
        }

    @classmethod
    def restored(cls, state: dict, runtime: Runtime) -> "RunProgress":
        """Continue the random numbers too, as far as there are as many processes as then."""
        random = state["random"]
        if len(random) == runtime.world_size:
            _restore_random(random[runtime.rank], runtime.device)
        return cls(
            int(state["seed"]),
            state.get("script", ""),
            int(state["position"]),
            float(state["best"]),
            bool(state.get("unvalidated")),
        )


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
    """Write {prefix: content} as this step's checkpoints; the last `keep` stay, all if 0.

    The main one, of prefix "", is written last and removed first: where it is, the others are.
    """
    main_last = sorted(files, key=lambda prefix: prefix == "")
    for prefix in main_last:
        _write(checkpoint_path(run_dir, step, prefix), files[prefix])
    old = [earlier for earlier in checkpoint_steps(run_dir) if earlier < step]
    for earlier in old[: max(0, len(old) + 1 - keep)] if keep else ():
        for prefix in reversed(main_last):
            checkpoint_path(run_dir, earlier, prefix).unlink(missing_ok=True)
    return checkpoint_path(run_dir, step)


@contextmanager
def run_lock(run_dir: Path, runtime: Runtime):
    """Keep other trainings out of a folder for the time of the block, or raise ValueError."""
    if fcntl is None or not runtime.is_first:
        yield
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another training writes to {run_dir}: wait for its end, or name another folder "
                "with --checkpoint_dir"
            ) from error
        except OSError as error:  # a file system without locks
            log.warning("%s cannot be locked (%s): start no other training there", run_dir, error)
        yield


def _write(path: Path, content: dict) -> None:
    try:
        save_checkpoint(path, content)
    except (RuntimeError, OSError) as error:  # torch's own writer raises the former
        free = shutil.disk_usage(path.parent).free / 2**20
        raise OSError(
            f"cannot write {path} ({error}); {free:.0f} MiB are free there. --keep N removes old "
            "checkpoints"
        ) from error


def save_best(run_dir: Path, step: int, learner: Learner, hp: TrainingHParams) -> None:
    """The weights to use, the averaged ones where there are, without what only training needs."""
    weights = _plain(learner.eval_model.state_dict())
    content = {"state_dict": weights, "optimizer": None, "global_step": step, "global_epoch": 0}
    stated = {"hparams": hp.to_dict(), "network": learner.network.arguments}
    _write(run_dir / BEST, {**content, **stated, **learner.notes})


def refuse_occupied(run_dir: Path) -> None:
    """A new run must not mix its checkpoints with those of another."""
    steps = checkpoint_steps(run_dir)
    if steps:
        raise ValueError(
            f"{run_dir} holds checkpoints up to step {steps[-1]}; go on from one with "
            f"--checkpoint_path {checkpoint_path(run_dir, steps[-1])}, or name another folder"
        )
