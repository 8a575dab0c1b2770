"""Weights and inputs that follow from names, shapes and a seed alone, for golden outputs."""

import zlib

import numpy as np
import torch


def fill(state_dict: dict, seed: int = 0) -> dict:
    """Every tensor drawn from a generator seeded with its own name and `seed`."""
    return {name: _fill(name, tuple(value.shape), seed) for name, value in state_dict.items()}


def draw(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """A test input in [0, 1)."""
    return torch.from_numpy(np.random.RandomState(seed).random_sample(shape).astype(np.float32))


def filled(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The network with deterministic weights, in evaluation mode."""
    network.load_state_dict(fill(network.state_dict(), seed))
    return network.eval()


def _fill(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return torch.tensor(1, dtype=torch.int64)
    random = np.random.RandomState((zlib.crc32(name.encode()) + 7919 * seed) % 2**31)
    noise = random.standard_normal(shape).astype(np.float32)
    if leaf == "running_var":
        noise = 1 + 0.1 * np.abs(noise)
    elif leaf in ("running_mean", "bias"):
        noise = 0.1 * noise
    elif len(shape) <= 1:
        noise = 1 + 0.1 * noise
    else:
        noise = noise * np.sqrt(1 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(noise, dtype=np.float32))
