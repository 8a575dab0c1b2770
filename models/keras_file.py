"""Keras's HDF5 files, as LipGAN was published in: weights by kind and number, turned for PyTorch.

Keras counts its layers through a session, so that a file's names begin anywhere: the layers of
each kind are sorted by the number in their name, and the k-th is `<kind>.k` here. Nothing in a
file is run, no link out of it is followed.
"""

import re
from pathlib import Path

import numpy as np
import torch

from models.checkpoint_error import CheckpointError

MAGIC = b"\x89HDF\r\n\x1a\n"
# Keras's name of a layer's weights -> ours; whatever is not here has no weights in our networks.
WEIGHTS = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def read_keras(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a whole model or of weights alone: `<kind>.<number>.<weight>`.

    Raises CheckpointError.
    """
    try:
        import h5py
    except ImportError as error:
        raise CheckpointError(
            f"{path} is a Keras file; to read it: pip install h5py (see requirements-optional.txt)"
        ) from error
    try:
        with h5py.File(path) as file:
            root = file["model_weights"] if "model_weights" in file else file
            layers = {name: _weights_of(path, name, root[name]) for name in root}
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is a broken HDF5 file: {error}") from error
    return _numbered({name: weights for name, weights in layers.items() if weights})


def _weights_of(path: Path, layer: str, group) -> dict[str, torch.Tensor]:
    """A layer's weights by Keras's names, turned."""
    found: dict[str, torch.Tensor] = {}

    def visit(name: str, item) -> None:
        if hasattr(item, "shape"):  # a dataset, not a group
            weight = name.rpartition("/")[2].partition(":")[0]
            if weight in found:
                raise CheckpointError(
                    f"{path}: {layer} holds several layers: it is a joint model (comb.h5); "
                    "give the generator's or the judge's own file (gen.h5, disc.h5)"
                )
            found[weight] = _read(path, name, item)

    group.visititems(visit)  # follows no link
    return found


def _read(path: Path, name: str, dataset) -> torch.Tensor:
    if dataset.external or dataset.is_virtual:
        raise CheckpointError(f"{path}: the numbers of {name} lie in another file")
    if dataset.dtype.kind != "f" or dataset.nbytes > path.stat().st_size:
        raise CheckpointError(f"{path}: {name} holds {dataset.dtype} {dataset.shape}, no weights")
    value = np.asarray(dataset[()], np.float32)
    if value.ndim == 4:  # (rows, columns, in, out), or of a transposed convolution (..., out, in)
        value = value.transpose(3, 2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(value))


def _numbered(layers: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in layers:
        kind, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()
        kinds.setdefault(kind, []).append((int(number or 0), name))
    return {
        f"{kind}.{k}.{WEIGHTS.get(weight, weight)}": value
        for kind, names in kinds.items()
        for k, (_, name) in enumerate(sorted(names))
        for weight, value in layers[name].items()
    }
