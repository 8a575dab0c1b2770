"""A method made fast with torch: BatchNorm folded, right precision, batches that fit."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from models.devices import PRECISIONS, is_out_of_memory, resolve_precision
from models.folding import fold_batch_norms
from models.generator import Arrays, Edges, Generator, Watcher

log = logging.getLogger(__name__)

BATCH_SIZES = {"cpu": 16, "cuda": 128, "mps": 32}  # faces; on a CPU 128 is slower than 16
PRECISION_NAMES = {dtype: name for name, dtype in PRECISIONS.items()}

Item = TypeVar("Item")
Done = TypeVar("Done")


class TorchBackend:
    """Runs a method's networks; as many faces at a time as memory allows."""

    name = "torch"

    def __init__(
        self,
        generator: Generator,
        *,
        device: torch.device,
        precision: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """The generator's networks are changed in place.

        Raises ValueError for a precision that the device can't do.
        """
        self.generator, self.device = generator, device
        self.dtype = resolve_precision(precision, device)
        self.precision = PRECISION_NAMES[self.dtype]  # in which the network computes
        self.batch_size = batch_size or BATCH_SIZES.get(device.type, 16)
        self._place(generator.network, self.dtype)
        for network in generator.companions:
            self._place(network, torch.float32)

    def generate(self, faces: Sequence[Arrays]) -> list[Arrays]:
        """What `forward` makes of what `feed` gave, face by face."""
        return self._in_parts(self._forward, faces)

    @torch.inference_mode()
    def encode_speech(self, sound: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """A whole speech's part in each frame, as Generator.encode_speech has it."""
        return self.generator.encode_speech(self._upload(sound), seconds)

    def watch(
        self,
        watcher: Watcher,
        numbers: Sequence[int],
        frames: Sequence[np.ndarray],
        boxes: Sequence[Edges],
    ) -> None:
        """Show a watcher its face in some frames."""
        self._in_parts(partial(self._see, watcher), list(zip(numbers, frames, boxes, strict=True)))

    @torch.inference_mode()
    def _see(self, watcher: Watcher, seen: Sequence[tuple]) -> Sequence[tuple]:
        lower = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype if lower else None, enabled=lower):
            watcher.see(*map(list, zip(*seen, strict=True)))
        return seen

    def _place(self, network: nn.Module, dtype: torch.dtype) -> None:
        fold_batch_norms(network.eval()).to(self.device, dtype)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.to(memory_format=torch.channels_last)

    def _in_parts(
        self, work: Callable[[Sequence[Item]], Sequence[Done]], items: Sequence[Item]
    ) -> list[Done]:
        """A batch that does not fit into memory is halved, for good.

        Raises ValueError where a single face does not fit.
        """
        done: list[Done] = []
        while len(done) < len(items):
            part = items[len(done) : len(done) + self.batch_size]
            try:
                done += work(part)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_size == 1:
                    raise ValueError(
                        f"{self.device} has no memory left for even one face; close what else "
                        "uses it, or take --device cpu"
                    ) from error
                self.batch_size = (len(part) + 1) // 2
                log.warning("out of memory: going on with batches of %d", self.batch_size)
        return done

    @torch.inference_mode()
    def _forward(self, faces: Sequence[Arrays]) -> list[Arrays]:
        inputs = {name: self._upload(np.stack([f[name] for f in faces])) for name in faces[0]}
        inputs = {
            name: value.to(self.dtype) if value.is_floating_point() else value
            for name, value in inputs.items()
        }
        made = {name: _download(value) for name, value in self.generator.forward(inputs).items()}
        return [{name: value[at] for name, value in made.items()} for at in range(len(faces))]

    def _upload(self, values: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


def _download(values: torch.Tensor) -> np.ndarray:
    if values.is_floating_point():
        values = values.float()
    return np.ascontiguousarray(values.cpu().numpy())
