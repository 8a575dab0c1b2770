"""Writes files in the forms that others published in: Keras's, torch 0.2's and fairseq's."""

import pickle
import re
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def write_keras(
    path: Path, rows: list[dict], weights: dict[str, torch.Tensor], *, whole: bool, first: int = 0
) -> None:
    """A model by the rows of lipgan_layers.json, as Keras saves it.

    whole: with `model_weights`, else weights alone. first: what the session had counted to.
    """
    import h5py

    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        names = [_moved(row["keras_layer"], first) for row in rows]
        root.attrs["layer_names"] = [name.encode() for name in names]
        for name, row in zip(names, rows, strict=True):
            layer = root.create_group(name)
            stored = [f"{name}/{weight['keras']}:0" for weight in row.get("weights", [])]
            layer.attrs["weight_names"] = [one.encode() for one in stored]
            for one, weight in zip(stored, row.get("weights", []), strict=True):
                layer.create_dataset(one, data=_as_keras(weights[weight["key"]].numpy()))


def _moved(name: str, first: int) -> str:
    """`conv2d_3` in a session that had made `first` layers of the kind before."""
    kind, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()
    if first == 0 or kind.startswith("input"):
        return name
    return f"{kind}_{int(number or 0) + first}"


def _as_keras(value: np.ndarray) -> np.ndarray:
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 and torch 0.2 wrote: byte strings, whole storages by name."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages: dict[str, torch.Tensor] = {}

    def save_str(self, text: str) -> None:
        data = text.encode("ascii")
        self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        self.memoize(text)

    dispatch[str] = save_str

    def persistent_id(self, value: object) -> tuple | None:
        if not isinstance(value, _Storage):
            return None
        self.storages[value.key] = value.tensor
        return ("storage", torch.FloatStorage, value.key, "cpu", value.tensor.numel(), None)

    def reducer_override(self, value: object):
        if not torch.is_tensor(value):
            return NotImplemented
        storage = _Storage(str(len(self.storages)), value)
        return torch._utils._rebuild_tensor, (storage, 0, tuple(value.shape), value.stride())


class _Storage:
    def __init__(self, key: str, tensor: torch.Tensor):
        self.key, self.tensor = key, tensor


def write_torch_02(path: Path, content: dict) -> None:
    """A file as torch 0.2 on Python 2 saved it; tensors are contiguous floats."""
    with path.open("wb") as file:
        for header in (LEGACY_MAGIC, LEGACY_PROTOCOL, {"little_endian": True}):
            pickle.dump(header, file, protocol=2)
        pickler = Python2Pickler(file)
        pickler.dump(content)
        pickle.dump(list(pickler.storages), file, protocol=2)
        for tensor in pickler.storages.values():
            file.write(tensor.numel().to_bytes(8, "little"))
            file.write(tensor.numpy().tobytes())


def write_fairseq(path: Path, weights: dict, symbols: list[str], sentencepiece: bytes) -> None:
    """A fine-tuned network as fairseq saves it, with objects that would write `path`.ran if run."""
    with fairseq_modules() as (dictionary, processor, settings, trap):
        tokens = dictionary()
        tokens.__dict__.update(symbols=symbols, count=[1] * len(symbols), pad_index=1)
        clusters = dictionary()
        clusters.__dict__.update(symbols=[str(n) for n in range(2004)])
        codec = processor()
        codec.model = sentencepiece
        stored = settings()
        stored.__dict__.update(criterion={"label_smoothing": 0.2}, trap=trap(f"{path}.ran"))
        torch.save(
            {
                "args": None,
                "cfg": stored,
                "model": OrderedDict(weights),
                "task_state": {
                    "dictionaries": [clusters],
                    "target_dictionary": tokens,
                    "s2s_tokenizer": codec,
                },
                "last_optimizer_state": {"state": {0: {"exp_avg": torch.zeros(3)}}},
                "extra_state": {"epoch": 3, "seen": {1, 2}},
            },
            path,
        )


STUBBED = {
    "fairseq.data.dictionary": "Dictionary",
    "sentencepiece": "SentencePieceProcessor",
    "omegaconf": "Namespace",
}


@contextmanager
def fairseq_modules() -> Iterator[tuple[type, ...]]:
    """Classes under fairseq's names, importable only while a file is written."""
    before, made = dict(sys.modules), []
    for module, name in STUBBED.items():
        parents = module.split(".")
        for count in range(len(parents)):
            parent = ".".join(parents[: count + 1])
            sys.modules[parent] = types.ModuleType(parent)
        kind = type(name, (), {"__module__": module})
        if name == "SentencePieceProcessor":
            kind.__getstate__ = lambda self: self.model
            kind.__setstate__ = lambda self, model: setattr(self, "model", model)
        setattr(sys.modules[module], name, kind)
        made.append(kind)
    try:
        yield (*made, Trap)
    finally:
        for module in sys.modules.keys() - before.keys():
            del sys.modules[module]


class Trap:
    """Unpickled as Python does it, this makes a file."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")
