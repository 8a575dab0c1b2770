"""Checkpoints in and out: any form that a published or own file comes in, known for what it is.

python -m models.checkpoint FILE      what a file holds
"""

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from atomic import whole_or_absent
from models.checkpoint_files import BROKEN, CheckpointError, read_content
from models.registry import KINDS, Kind, kind_of
from models.undrawn import Undrawn

FORMAT = "talkface-1"
SIZES = {"height", "width", "multiplier", "channels"}  # what is a number in every network
COUNTER = "num_batches_tracked"  # of a BatchNorm


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file as read: its weights under their plain names, and what lies beside them."""

    path: Path
    state_dict: dict[str, torch.Tensor]
    kind: Kind
    arguments: dict = field(default_factory=dict)  # of the network's constructor, if they are told
    hparams: dict = field(default_factory=dict)  # empty for files of others
    step: int | None = None
    epoch: int | None = None
    optimizer: dict | None = None
    extra: dict = field(default_factory=dict)  # whatever else the file holds

    def shape(self) -> dict:
        """The arguments of the network's constructor: as the file says, else as its tensors show.

        Our files state them; those of before stated the hyperparameters alone.
        """
        if self.arguments:
            return self.arguments
        numbers = self.kind.numbers
        stated = {key: self.hparams[name] for key, name in numbers.items() if name in self.hparams}
        return {key: stated.get(key, value) for key, value in self._measured().items()}

    def shape_numbers(self) -> dict:
        """The same by the names of hyperparameters."""
        names = self.kind.numbers
        return {names[key]: value for key, value in self.shape().items() if key in names}

    def _measured(self) -> dict:
        try:
            return self.kind.measure(self.state_dict)
        except BROKEN as error:
            raise CheckpointError(
                f"{self.path} looks like {self.kind.title}, but its size cannot be told from its "
                f"tensors ({error})"
            ) from error

    def build(self, device: str | torch.device = "cpu") -> nn.Module:
        """The network with these weights, in evaluation mode; every weight must find its place."""
        shape = self.shape()
        self._refuse_misfit(self.kind.network, shape)
        with Undrawn():
            built = self.kind.network(**shape)
        built.load_state_dict(self.state_dict, strict=True)
        return built.to(device).eval()

    def _refuse_misfit(self, network: type[nn.Module], shape: dict) -> None:
        """Before memory is taken: a file may state any size."""
        try:
            with torch.device("meta"), Undrawn():
                wanted = network(**_sizes(shape)).state_dict()
        except BROKEN as error:
            raise CheckpointError(
                f"{self.path}: no {network.__name__} can be of {shape} ({error})"
            ) from error
        counted = {name for name in wanted if name.endswith(COUNTER)}  # torch fills these in
        missing = wanted.keys() - self.state_dict.keys() - counted
        wrong = [
            f"{name} is {tuple(value.shape)}, not {tuple(wanted[name].shape)}"
            for name, value in self.state_dict.items()
            if name in wanted and value.shape != wanted[name].shape
        ]
        wrong += [f"{name} is too much" for name in self.state_dict if name not in wanted]
        wrong += [f"{name} is missing" for name in sorted(missing)]
        if wrong:
            raise CheckpointError(
                f"{self.path} is {self.kind.title}, but its weights do not fit one of {shape}: "
                f"{'; '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}"
            )


def _sizes(shape: dict) -> dict:
    """The same if a network may be so large; raises ValueError."""
    for name, value in shape.items():
        parts = value if isinstance(value, list | tuple) else (value,)
        if not all(_is_size(name, part) for part in parts):
            raise ValueError(f"{name} is {value!r:.50}")
    return shape


def _is_size(name: str, value: object) -> bool:
    """Whether a network's argument may have this value, which a file states."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name.endswith("multiplier"):
        return number and 0 <= value <= 64  # 0: as the network's other one
    if name in SIZES:
        return number and isinstance(value, int) and 0 < value <= 8192
    return not number or abs(value) <= 8192


def load(path: str | Path, kind: str, device: str | torch.device = "cpu") -> nn.Module:
    """The network of a kind, by its name in the registry, out of a file; in evaluation mode.

    Raises CheckpointError or FileNotFoundError.
    """
    return read_checkpoint(path, kind).build(device)


def read_checkpoint(path: str | Path, wanted: str | None = None) -> Checkpoint:
    """Read a file of any form, onto the CPU; `wanted` names the only kind that will do.

    Forms: {state_dict, optimizer, global_step, global_epoch}, a bare state dict, either with
    `module.` before every name, TorchScript, safetensors. Raises CheckpointError or
    FileNotFoundError, never gives part of a network.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such checkpoint: {path}")
    content = read_content(path)
    weights = content.pop("state_dict")
    kind = kind_of(weights)
    if kind is None:
        raise CheckpointError(f"{path} holds the weights of no network that talkface knows")
    if wanted and kind.name != wanted:
        raise CheckpointError(f"{path}: this is {kind.title}, not {KINDS[wanted].title}")
    return Checkpoint(
        path,
        weights,
        kind,
        arguments=content.pop("network", None) or {},
        hparams=content.pop("hparams", None) or {},
        step=content.pop("global_step", None),
        epoch=content.pop("global_epoch", None),
        optimizer=content.pop("optimizer", None),
        extra=content,
    )


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Write a training checkpoint, whole or not at all.

    `state` has the original's keys (state_dict, optimizer, global_step, global_epoch), hparams
    as a dict, and whatever else an exact resume needs.
    """
    if "state_dict" not in state:
        raise ValueError(f"a checkpoint needs a state_dict, got only {sorted(state)}")
    with whole_or_absent(path) as partial:
        torch.save({"format": FORMAT, **state}, partial)


def save_weights(
    path: str | Path,
    network: nn.Module,
    hparams: dict,
    *,
    step: int = 0,
    half: bool = False,
    extra: dict | None = None,
) -> None:
    """Write a network's weights alone, as safetensors; `half` stores 16-bit floats.

    extra: plain values by name that a reader finds in Checkpoint.extra.
    """
    weights = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    stated = {"format": FORMAT, "hparams": json.dumps(hparams), "global_step": str(step)}
    stated["network"] = json.dumps(network.arguments)
    stated["extra"] = json.dumps(extra or {})
    with whole_or_absent(path) as partial:
        partial.write_bytes(save(weights, stated))  # save_file would make it nobody else's to read


def describe(path: str | Path) -> dict:
    """What a checkpoint file holds, for people."""
    checkpoint = read_checkpoint(path)
    shape = checkpoint.shape()
    parameters = sum(
        value.numel()
        for name, value in checkpoint.state_dict.items()
        if not name.endswith(("running_mean", "running_var", COUNTER))
    )
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    face = f"{shape['height']}x{shape['width']} (height x width)" if "height" in shape else None
    others = [f"{name} {value}" for name, value in shape.items() if name not in SIZES]
    rows = {
        "kind": checkpoint.kind.title.partition(" ")[2],
        "built with": ", ".join(others) or None,
        "face size": face,
        "multiplier": shape.get("multiplier"),
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "parameters": f"{parameters:,}",
        "terms": checkpoint.extra.get("terms"),
        "sha256": digest,
    }
    return {name: value for name, value in rows.items() if value is not None}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.checkpoint", description="Say what a checkpoint file holds."
    )
    parser.add_argument("file", type=Path, nargs="+", help="checkpoint files, of any form")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    failed = 0
    for path in args.file:
        try:
            rows = describe(path)
        except (CheckpointError, OSError) as error:
            print(error, file=sys.stderr)
            failed = 1
            continue
        print(path)
        for name, value in rows.items():
            print(f"  {name:<11} {value}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
