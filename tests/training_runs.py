"""Short runs of the training scripts on a toy corpus, and what they leave."""

import json
from pathlib import Path

import torch

import color_syncnet_train
import hq_talkface_train
import talkface_train
from hparams import HParams
from models.checkpoint import save_checkpoint
from models.syncnet import SyncNet

TINY = (
    "img_height=32,img_width=32,multiplier=0.0625,batch_size=4,num_workers=0,log_interval=1,"
    "eval_batches=1"
)
EVERY_TWO_STEPS = "checkpoint_interval=2,eval_interval=2"
MAINS = {
    "expert": color_syncnet_train.main,
    "generator": talkface_train.main,
    "hq": hq_talkface_train.main,
}


def arguments(kind: str, root: Path, run_dir: Path, steps: int, *more: str, hparams="") -> list:
    """The command line of a run of the script `kind` over root's corpus."""
    parts = ",".join(filter(None, (TINY, EVERY_TWO_STEPS, hparams))).split(",")
    chosen = dict(part.split("=") for part in parts)  # the last of two counts
    numbers = ",".join(f"{name}={value}" for name, value in chosen.items())
    line = ["--data_root", root, "--filelists", root / "filelists", "--checkpoint_dir", run_dir]
    line += ["--hparams", numbers, "--max_steps", steps, "--device", "cpu", "--precision", "fp32"]
    if kind != "expert":
        line += ["--syncnet_checkpoint_path", write_expert(root / "expert.pth"), "--force"]
    return [str(part) for part in (*line, *more)]


def write_expert(path: Path, size: int = 32) -> Path:
    """An expert that knows nothing, the same every time."""
    if not path.exists():
        torch.manual_seed(99)
        hp = HParams().with_overrides(f"img_size={size},multiplier=0.0625")
        weights = SyncNet(size, size, 0.0625).state_dict()
        save_checkpoint(path, {"state_dict": weights, "hparams": hp.to_dict()})
    return path


def run(kind: str, root: Path, run_dir: Path, steps: int, *more: str, hparams="") -> int:
    return MAINS[kind](arguments(kind, root, run_dir, steps, *more, hparams=hparams))


def metrics(run_dir: Path, split: str) -> list[dict]:
    lines = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["split"] == split]


def differences(first: object, second: object, where: str = "") -> list[str]:
    """Where two checkpoints differ in any bit."""
    if torch.is_tensor(first) and torch.is_tensor(second):
        return [] if torch.equal(first, second) else [where]
    if isinstance(first, dict) and isinstance(second, dict):
        found = [] if first.keys() == second.keys() else [f"{where}: keys"]
        for name in first.keys() & second.keys():
            found += differences(first[name], second[name], f"{where}/{name}")
        return found
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        found = [] if len(first) == len(second) else [f"{where}: length"]
        for number, pair in enumerate(zip(first, second, strict=False)):
            found += differences(*pair, f"{where}/{number}")
        return found
    return [] if first == second else [f"{where}: {first} and {second}"]


def load(path: Path) -> dict:
    return torch.load(path, weights_only=True)
