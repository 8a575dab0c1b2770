"""Checkpoints in and out: any form that a published or own file comes in, known for what it is.

python -m models.checkpoint FILE      what a file holds
"""

import argparse
import hashlib
import json
import pickle
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from atomic import whole_or_absent
from models.face_finder import FaceFinder
from models.kinds import KINDS, Kind, kind_of
from models.quality_discriminator import VisualQualityDiscriminator
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.talkface import TalkFace

FORMAT = "talkface-1"


class CheckpointError(ValueError):
    """A file is no checkpoint, or not of the network that was asked for; the message says what."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file as read: its weights under their plain names, and what lies beside them."""

    path: Path
    state_dict: dict[str, torch.Tensor]
    kind: Kind
    hparams: dict = field(default_factory=dict)  # empty for files of others
    step: int | None = None
    epoch: int | None = None
    optimizer: dict | None = None
    extra: dict = field(default_factory=dict)  # whatever else the file holds

    def shape(self) -> dict:
        """Face height, width and multiplier: as the file says, else as its tensors show."""
        measured = self.kind.measure(self.state_dict)
        names = {"height": "img_height", "width": "img_width", "multiplier": "multiplier"}
        stated = {key: self.hparams[name] for key, name in names.items() if name in self.hparams}
        return {key: stated.get(key, value) for key, value in measured.items()}

    def build(self, network: type[nn.Module], device: str | torch.device) -> nn.Module:
        """The network with these weights, in evaluation mode; every weight must find its place."""
        built = network(**self.shape())
        try:
            built.load_state_dict(self.state_dict, strict=True)
        except RuntimeError as error:
            raise CheckpointError(
                f"{self.path} is {self.kind.title}, but its weights do not fit one of "
                f"{self.shape()}: {error}"
            ) from error
        return built.to(device).eval()


def load_generator(path: str | Path, device: str | torch.device = "cpu") -> TalkFace:
    """The generator in a checkpoint file, in evaluation mode."""
    return read_checkpoint(path, "generator").build(TalkFace, device)


def load_expert(path: str | Path, device: str | torch.device = "cpu") -> SyncNet:
    """The lip-sync expert in a checkpoint file, in evaluation mode."""
    return read_checkpoint(path, "expert").build(SyncNet, device)


def load_discriminator(
    path: str | Path, device: str | torch.device = "cpu"
) -> VisualQualityDiscriminator:
    """The visual-quality discriminator in a checkpoint file, in evaluation mode."""
    return read_checkpoint(path, "discriminator").build(VisualQualityDiscriminator, device)


def load_face_finder(path: str | Path, device: str | torch.device = "cpu") -> FaceFinder:
    """The small face detector in a checkpoint file, in evaluation mode."""
    return read_checkpoint(path, "face_finder").build(FaceFinder, device)


def load_s3fd(path: str | Path, device: str | torch.device = "cpu") -> S3FD:
    """The S3FD face detector in a checkpoint file, in evaluation mode."""
    return read_checkpoint(path, "s3fd").build(S3FD, device)


def read_checkpoint(path: str | Path, wanted: str | None = None) -> Checkpoint:
    """Read a file of any form, onto the CPU; `wanted` names the only kind that will do.

    Forms: {state_dict, optimizer, global_step, global_epoch}, a bare state dict, either with
    `module.` before every name, TorchScript, safetensors. Raises CheckpointError or
    FileNotFoundError, never gives part of a network.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such checkpoint: {path}")
    content = _read_content(path)
    weights = content.pop("state_dict")
    kind = kind_of(weights) if all(map(torch.is_tensor, weights.values())) else None
    if kind is None:
        raise CheckpointError(f"{path} holds the weights of no network that talkface knows")
    if wanted and kind.name != wanted:
        raise CheckpointError(f"{path}: this is {kind.title}, not {KINDS[wanted].title}")
    _refuse_broken_weights(path, weights)
    return Checkpoint(
        path,
        weights,
        kind,
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
    stated["extra"] = json.dumps(extra or {})
    with whole_or_absent(path) as partial:
        partial.write_bytes(save(weights, stated))  # save_file would make it nobody else's to read


def _read_content(path: Path) -> dict:
    """The file as one dict with `state_dict` in it, names plain, on the CPU."""
    head = _first_bytes(path)
    if zipfile.is_zipfile(path) and _is_torchscript(path):
        content = {"state_dict": _read_torchscript(path)}
    elif head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < path.stat().st_size:
        content = _read_safetensors(path)
    else:
        content = _read_pickle(path, head)
    weights = _plain_names(content["state_dict"])
    return {**content, "state_dict": weights}


def _first_bytes(path: Path) -> bytes:
    """The start of the file; refuses by name what a failed download leaves behind."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a checkpoint file")
    with path.open("rb") as file:
        head = file.read(512)
    text = head.lstrip().lower()
    if not head:
        raise CheckpointError(f"{path} is empty: the download or the copy failed")
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise CheckpointError(
            f"{path}: this is an HTML page, not a checkpoint: the download failed; "
            "open the link in a browser and save the file that it leads to"
        )
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path}: this is a Git LFS pointer, not the file itself; run `git lfs pull`"
        )
    return head


def _is_torchscript(path: Path) -> bool:
    """TorchScript archives carry code and constants beside the pickled tensors."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _read_torchscript(path: Path) -> dict:
    try:
        return torch.jit.load(path, map_location="cpu").state_dict()
    except RuntimeError as error:
        raise CheckpointError(f"{path} is a broken TorchScript archive: {error}") from error


def _read_safetensors(path: Path) -> dict:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            stated = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is a broken safetensors file: {error}") from error
    return {
        "state_dict": weights,
        "hparams": json.loads(stated.get("hparams", "{}")),
        "global_step": int(stated["global_step"]) if "global_step" in stated else None,
        **json.loads(stated.get("extra", "{}")),
    }


def _read_pickle(path: Path, head: bytes) -> dict:
    if not head.startswith((b"PK", b"\x80")):  # a zip archive, or a bare pickle
        raise CheckpointError(f"{path} is no checkpoint file: it does not begin like one")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds Python objects beside plain weights, which could run code when loaded; "
            "ask its author for a state dict"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is only a part of a checkpoint, or broken: was the download cut short? "
            f"({str(error).partition('.')[0]})"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a network's weights")
    if not isinstance(content.get("state_dict"), dict):
        content = {"state_dict": content}
    return dict(content)


def _plain_names(weights: dict) -> dict[str, torch.Tensor]:
    """Names without the `module.` that DataParallel puts before every one of them."""
    names = [name for name in weights if isinstance(name, str)]
    if names and all(name.startswith("module.") for name in names):
        return {name.removeprefix("module."): value for name, value in weights.items()}
    return dict(weights)


def _refuse_broken_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {name} is not finite; the training that made it failed")


def describe(path: str | Path) -> dict:
    """What a checkpoint file holds, for people."""
    checkpoint = read_checkpoint(path)
    shape = checkpoint.shape()
    parameters = sum(
        value.numel()
        for name, value in checkpoint.state_dict.items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    face = f"{shape['height']}x{shape['width']} (height x width)" if "height" in shape else None
    rows = {
        "kind": checkpoint.kind.title.partition(" ")[2],
        "face size": face,
        "multiplier": shape.get("multiplier"),
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "parameters": f"{parameters:,}",
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
