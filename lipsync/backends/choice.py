"""Which backend runs a checkpoint's method: the one that is asked for, or the fastest here."""

import importlib.util
import json
import logging
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch

from atomic import write_whole
from export.forms import FORMS
from face_detection.cache import cache_folder
from lipsync.backends.torch_backend import BATCH_SIZES, TorchBackend
from models.generator import Generator
from models.methods import open_method

BACKENDS = ("torch", "onnx", "openvino", "auto")
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
TURNS = 3  # of which the quickest counts

log = logging.getLogger(__name__)


def load_backend(
    checkpoint_path: str | Path,
    device: torch.device,
    precision: str,
    batch_size: int | None,
    *,
    live: bool = False,
    backend: str = "torch",
    provider: str = "cpu",
) -> TorchBackend:
    """The method of a checkpoint, ready to run. Raises CheckpointError or ValueError.

    backend: one of BACKENDS; auto measures those that are installed, once, and remembers.
    """
    if backend not in BACKENDS:
        raise ValueError(f"no backend is called {backend!r}; there are {', '.join(BACKENDS)}")
    if backend == "auto":
        found = fastest(checkpoint_path, device, precision)
        log.info("backend: %s", found)
        backend = found
    generator = open_method(checkpoint_path, live=live)
    return _ready(generator, backend, device, precision, provider, batch_size)


def fastest(checkpoint_path: str | Path, device: torch.device, precision: str) -> str:
    """The quickest backend for a method's network on this machine; torch but on a CPU."""
    installed = ["torch", *(name for name in PACKAGES if is_installed(name))]
    network = open_method(checkpoint_path).network
    if device.type != "cpu" or len(installed) == 1 or type(network) not in FORMS:
        return "torch"
    folder = cache_folder()
    file = folder.parent / "backends.json" if folder else None
    known = _read(file)
    key = _key(network, installed, precision)
    if known.get(key) not in installed:
        log.info("measuring which of %s is fastest here, once", ", ".join(installed))
        seconds = {
            name: _measure(open_method(checkpoint_path), name, device, precision)
            for name in installed
        }
        known[key] = min(seconds, key=seconds.get)
        _write(file, known)
    return known[key]


def _ready(
    generator: Generator,
    backend: str,
    device: torch.device,
    precision: str,
    provider: str,
    batch_size: int | None,
) -> TorchBackend:
    if backend == "torch":
        if provider != "cpu":
            raise ValueError(f"--provider {provider} is for --backend onnx, not torch")
        return TorchBackend(generator, device=device, precision=precision, batch_size=batch_size)
    from lipsync.backends.engine_backend import EngineBackend

    return EngineBackend(
        generator,
        engine=backend,
        precision=precision,
        provider=provider,
        batch_size=batch_size,
    )


@torch.inference_mode()
def _measure(generator: Generator, backend: str, device: torch.device, precision: str) -> float:
    """Seconds that a batch takes."""
    runs = _ready(generator, backend, device, precision, "cpu", None)
    network = generator.network
    form = FORMS[type(network)]
    inputs = [part.to(runs.dtype) for part in form.example(network, BATCH_SIZES["cpu"])]
    call = getattr(network, form.method)
    call(*inputs)
    return min(_timed(call, inputs) for _ in range(TURNS))


def _timed(call, inputs) -> float:
    begin = time.perf_counter()
    call(*inputs)
    return time.perf_counter() - begin


def is_installed(backend: str) -> bool:
    """Whether a backend beside torch can run here."""
    return importlib.util.find_spec(PACKAGES[backend]) is not None


def _key(network: torch.nn.Module, installed: list[str], precision: str) -> str:
    """What the answer depends on."""
    size = sum(weight.numel() for weight in network.parameters())
    versions = [f"{name} {version(PACKAGES.get(name, name))}" for name in installed]
    machine = f"{platform.node()} {torch.cpu.get_capabilities().get('cpu_name', '')}"
    told = [type(network).__name__, str(size), precision, *versions, machine]
    return "; ".join([*told, f"{torch.get_num_threads()} threads"])


def _read(file: Path | None) -> dict[str, str]:
    try:
        known = json.loads(file.read_text()) if file and file.is_file() else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path | None, known: dict[str, str]) -> None:
    try:
        if file:
            write_whole(file, json.dumps(known, indent=1) + "\n")
    except OSError as error:
        log.warning("which backend is fastest could not be remembered: %s", error)
