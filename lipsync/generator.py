"""A generator made fast for inference: BatchNorm folded, right precision, batches that fit."""

import logging
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hparams import HParams
from models.checkpoint import read_checkpoint
from models.devices import is_out_of_memory, resolve_precision
from models.folding import fold_batch_norms
from models.inputs import generator_input, to_faces, to_images
from models.talkface import TalkFace

log = logging.getLogger(__name__)

BATCH_SIZES = {"cpu": 16, "cuda": 128, "mps": 32}  # faces; on a CPU 128 is slower than 16


class Generator:
    """Faces and what they hear in, speaking faces out; as many at a time as memory allows."""

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        precision: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """network: one that takes (mel, face) like TalkFace; it is changed in place.

        Raises ValueError for a precision that the device can't do.
        """
        self.device = device
        self.dtype = resolve_precision(precision, device)
        self.batch_size = batch_size or BATCH_SIZES.get(device.type, 16)
        self.height, self.width = network.height, network.width
        fold_batch_norms(network.eval())
        self._network = network.to(device, self.dtype, memory_format=torch.channels_last)

    def generate(self, windows: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """windows (n, 80, 16) float, faces (n, H, W, 3) BGR uint8 -> faces that say it, alike.

        A batch that does not fit into memory is halved, for good; ValueError where one face
        does not fit.
        """
        done = []
        while len(faces):
            size = self.batch_size
            try:
                done.append(self._run(windows[:size], faces[:size]))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise ValueError(
                        f"{self.device} has no memory left for even one face; close what else "
                        "uses it, or take --device cpu"
                    ) from error
                self.batch_size = (min(size, len(faces)) + 1) // 2
                log.warning("out of memory: going on with batches of %d", self.batch_size)
                continue
            windows, faces = windows[size:], faces[size:]
        return np.concatenate(done)

    @torch.inference_mode()
    def _run(self, windows: np.ndarray, faces: np.ndarray) -> np.ndarray:
        mel = self._upload(windows)[:, None].to(self.dtype)
        target = to_faces(self._upload(faces)).to(self.dtype)
        face = generator_input(target, target).contiguous(memory_format=torch.channels_last)
        return to_images(self._network(mel, face))

    def _upload(self, values: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


def load_generator(
    checkpoint_path: str | Path, device: torch.device, precision: str, batch_size: int | None
) -> tuple[Generator, HParams]:
    """The generator of a checkpoint, and the numbers that its sound must be coded with."""
    checkpoint = read_checkpoint(checkpoint_path, "generator")
    network = checkpoint.build(TalkFace, "cpu")
    hp = HParams.from_dict(checkpoint.hparams)
    generator = Generator(network, device=device, precision=precision, batch_size=batch_size)
    return generator, hp
