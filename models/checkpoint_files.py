"""The forms that a checkpoint file comes in, each read without running what lies in it.

Everything in a file may be made to harm: nothing of it is called, nothing larger than the file is
allocated, and whatever is wrong with it becomes a CheckpointError.
"""

import json
import math
import pickle
import zipfile
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from models.checkpoint_error import BROKEN, CheckpointError
from models.torchscript import is_torchscript, read_torchscript

DTYPES = {
    torch.float16, torch.bfloat16, torch.float32, torch.float64,
    torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool,
}  # fmt: skip
PLAIN = (bool, int, float, str, type(None))


def read_content(path: Path) -> dict:
    """The file as one dict with `state_dict` in it, names plain, on the CPU, all of it checked."""
    head = _first_bytes(path)
    try:
        content = _read_form(path, head)
    except CheckpointError:
        raise
    except BROKEN as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise CheckpointError(
            f"{path} is only a part of a checkpoint, or broken: was the download cut short? "
            f"({reason})"
        ) from error
    content["state_dict"] = _plain_names(content["state_dict"])
    _check_weights(path, content["state_dict"])
    _check_rest(path, content)
    return content


def _read_form(path: Path, head: bytes) -> dict:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            if is_torchscript(archive):
                return {"state_dict": read_torchscript(archive)}
        return _read_pickle(path)
    if head.startswith(b"\x89HDF"):
        from models.keras_file import read_keras

        return {"state_dict": read_keras(path)}
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _read_safetensors(path)
    if not head.startswith((b"PK", b"\x80")):  # an archive that was cut short, or a bare pickle
        raise CheckpointError(f"{path} is no checkpoint file: it does not begin like one")
    return _read_pickle(path)


def _first_bytes(path: Path) -> bytes:
    """The start of the file; refuses by name what a failed download leaves behind."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a checkpoint file")
    if not path.is_file():
        raise CheckpointError(f"{path} is no ordinary file")
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


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """torch stores its tensors as they are: what unpacks to more than the file is a trap."""
    # TorchScript's code is packed, and never read.
    read = [entry for entry in archive.infolist() if "/code/" not in entry.filename]
    if sum(entry.file_size for entry in read) > path.stat().st_size:
        raise CheckpointError(f"{path} unpacks to more than it is: torch writes no such files")


def _read_safetensors(path: Path) -> dict:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            stated = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is a broken safetensors file: {error}") from error
    extra = json.loads(stated.get("extra", "{}"))
    if not isinstance(extra, dict):
        raise CheckpointError(f"{path}: its extra values have no names")
    return {
        **extra,
        "state_dict": weights,
        "hparams": json.loads(stated.get("hparams", "{}")),
        "network": json.loads(stated.get("network", "{}")),
        "global_step": int(stated["global_step"]) if "global_step" in stated else None,
    }


def _read_pickle(path: Path) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        content = _read_objects(path)
        if content is not None:
            return content
        raise CheckpointError(
            f"{path} holds Python objects beside plain weights, which could run code when loaded; "
            "ask its author for a state dict"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a network's weights")
    return _with_state_dict(path, content)


def _with_state_dict(path: Path, content: dict) -> dict:
    """The same, or what takes its place in files of others, with the weights in `state_dict`."""
    from models.davs.whole import joined

    if isinstance(content.get("state_dict"), dict):
        return dict(content)
    if isinstance(content.get("model"), dict):
        return _read_objects(path) or {"state_dict": content["model"]}
    weights = joined(content)
    if weights is None:
        return {"state_dict": content}
    return {
        "state_dict": weights,
        "global_step": content.get("step"),
        "global_epoch": content.get("epoch"),
    }


def _read_objects(path: Path) -> dict | None:
    """The network of a file that fairseq wrote, or None."""
    from models.fairseq_file import TERMS, read_fairseq

    found = read_fairseq(path) if zipfile.is_zipfile(path) else None
    if found is None:
        return None
    return {
        "state_dict": found.weights,
        "text": found.text,
        "label_smoothing": found.label_smoothing,
        "terms": TERMS,
    }


def _plain_names(weights: dict) -> dict[str, torch.Tensor]:
    """Names without the `module.` that DataParallel puts before every one of them."""
    names = [name for name in weights if isinstance(name, str)]
    if names and all(name.startswith("module.") for name in names):
        return {str(name).removeprefix("module."): value for name, value in weights.items()}
    return dict(weights)


def _check_weights(path: Path, weights: dict) -> None:
    """Named, plain, finite tensors that are no larger than the file."""
    if not all(isinstance(name, str) and torch.is_tensor(v) for name, v in weights.items()):
        raise CheckpointError(f"{path} holds the weights of no network that talkface knows")
    for name, value in weights.items():
        if value.layout is not torch.strided or value.device.type != "cpu":
            kind = "sparse" if value.layout is not torch.strided else value.device.type
            raise CheckpointError(f"{path}: {name} is a {kind} tensor, which holds no weights")
        if value.is_nested or value.dtype not in DTYPES:
            raise CheckpointError(
                f"{path}: {name} is stored as {value.dtype}; give weights of 16 or 32 bits"
            )
    if sum(value.nbytes for value in weights.values()) > path.stat().st_size:
        raise CheckpointError(f"{path}: its tensors state more numbers than the file holds")
    for name, value in weights.items():
        # As 32 bits: that is what they are used as, and a larger number is infinite there.
        if value.is_floating_point() and not torch.isfinite(value.float()).all():
            raise CheckpointError(f"{path}: {name} is not finite; the training that made it failed")


def _check_rest(path: Path, content: dict) -> None:
    """What lies beside the weights has the types that readers count on."""
    if not all(isinstance(name, str) for name in content):
        raise CheckpointError(f"{path}: not all that it holds has a name")
    for name in ("hparams", "network", "optimizer"):
        value = content.get(name)
        if value is not None and not isinstance(value, dict):
            raise CheckpointError(f"{path}: {name} is a {type(value).__name__}, no dictionary")
    for name, value in (content.get("hparams") or {}).items():
        _require_plain(path, name, (value,))
    for name, value in (content.get("network") or {}).items():
        _require_plain(path, name, value if isinstance(value, list | tuple) else (value,))
    for name in ("global_step", "global_epoch"):
        value = content.get(name)
        if value is not None and (type(value) is not int or not 0 <= value < 2**62):
            raise CheckpointError(f"{path}: {name} is {value!r:.50}, no count")


def _require_plain(path: Path, name: object, values: Iterable) -> None:
    plain = all(isinstance(value, PLAIN) and not _is_endless(value) for value in values)
    if not isinstance(name, str) or not plain:
        raise CheckpointError(f"{path}: the hyperparameter {name!r} is no plain value")


def _is_endless(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
