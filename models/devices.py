"""Where networks run and how precisely: which device a name means, and what `auto` is on it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


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


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """What a precision is on a device; auto means 16 bits where the hardware is made for them.

    Raises ValueError for a name that is none, and for one that the device can't do.
    """
    if name not in ("auto", *PRECISIONS):
        raise ValueError(f"no precision is called {name!r}; give auto, {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise ValueError("fp16 is not for CPUs; use bf16 (fast with AMX or AVX-512) or fp32")
    if name != "auto":
        return PRECISIONS[name]
    if device.type == "cuda":
        modern = torch.cuda.get_device_capability(device)[0] >= 8
        return torch.bfloat16 if modern else torch.float16
    return torch.bfloat16 if device.type == "cpu" and _cpu_multiplies_bf16() else torch.float32


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device, or a library on it, had no memory left; torch has no one type for it."""
    words = str(error).lower()
    said = ("out of memory", "can't allocate memory", "_status_alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or any(part in words for part in said)


class DeviceError(ValueError):
    """A device gave up; the message says why, and what may help."""


@contextmanager
def device_faults_told(way_out: str) -> Iterator[None]:
    """Turn torch's word that a device has no memory, or is lost, into DeviceError of one line."""
    try:
        yield
    except RuntimeError as error:
        if not (is_out_of_memory(error) or isinstance(error, torch.AcceleratorError)):
            raise
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DeviceError(f"{reason}; {way_out}") from error


def use_full_float32() -> None:
    """Multiply 32-bit floats as such on CUDA too, where convolutions round them to TF32's 19 bits.

    Without it scores of the same video would differ from one device to another.
    """
    torch.backends.cudnn.allow_tf32 = False


def _cpu_multiplies_bf16() -> bool:
    """Whether this processor has instructions for bf16; without them it is many times slower."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
