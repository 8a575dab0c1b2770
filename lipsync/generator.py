"""A generator made fast for inference: BatchNorm folded, right precision, batches that fit."""

import logging
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hparams import HParams
from models.checkpoint import read_checkpoint
from models.inputs import generator_input, to_faces, to_images
from models.talkface import TalkFace

log = logging.getLogger(__name__)

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
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
        """network: in evaluation mode, taking (mel, face) like TalkFace; it is changed in place.

        Raises ValueError for a precision that the device can't do.
        """
        self.device = device
        self.dtype = PRECISIONS[resolve_precision(precision, device)]
        self.batch_size = batch_size or BATCH_SIZES.get(device.type, 16)
        self.height, self.width = network.height, network.width
        fold_batch_norms(network)
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
                if not _is_out_of_memory(error):
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


def resolve_device(name: str) -> torch.device:
    """auto, cpu, cuda, cuda:n or mps as a device that is there; ValueError if it is not."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no such device: {name}; give auto, cpu, cuda, cuda:1 or mps") from error
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise ValueError(
            f"there is no device {name} here (torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices); use --device cpu or auto"
        )
    return device


def resolve_precision(name: str, device: torch.device) -> str:
    """What auto means on a device: 16 bits where the hardware is made for them."""
    if name not in ("auto", *PRECISIONS):
        raise ValueError(f"no precision is called {name!r}; give auto, fp32, bf16 or fp16")
    if name == "fp16" and device.type == "cpu":
        raise ValueError("fp16 is not for CPUs; use bf16 (fast with AMX only) or fp32")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    # Without instructions for it, bf16 is many times slower than fp32.
    can = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bf16" if can.get("amx_bf16") or can.get("avx512_bf16") else "fp32"


def fold_batch_norms(network: nn.Module) -> None:
    """Move every BatchNorm that follows a convolution into its weights: the same function."""
    for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for at in range(len(block) - 1):
            if isinstance(block[at + 1], nn.BatchNorm2d):
                transposed = isinstance(block[at], nn.ConvTranspose2d)
                block[at] = fuse_conv_bn_eval(block[at], block[at + 1], transposed)
                block[at + 1] = nn.Identity()


def _is_out_of_memory(error: RuntimeError) -> bool:
    words = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in words
        or ("can't allocate memory" in words)
    )
