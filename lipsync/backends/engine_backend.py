"""A method's networks run by another engine than torch: ONNX Runtime or OpenVINO."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from export.engines import OnnxEngine, OpenVinoEngine
from export.forms import FORMS
from export.graph import Run, to_onnx
from lipsync.backends.torch_backend import TorchBackend
from models.devices import resolve_precision
from models.generator import Generator

CPU = torch.device("cpu")


class EngineBackend(TorchBackend):
    """Torch feeds and takes float32 on the CPU; between, an engine computes."""

    def __init__(
        self,
        generator: Generator,
        *,
        engine: str,
        precision: str = "auto",
        provider: str = "cpu",
        batch_size: int | None = None,
    ) -> None:
        """engine: onnx or openvino; provider: one of export.engines.PROVIDERS, of onnx alone.

        The generator's networks are changed in place. Raises ValueError (EngineError).
        """
        super().__init__(generator, device=CPU, precision="fp32", batch_size=batch_size)
        start, self.precision = engine_of(engine, precision, provider)
        self.name = engine
        run_by(generator.network, start)
        full, _ = engine_of(engine, "fp32", provider)
        for network in generator.companions:
            if type(network) in FORMS:
                run_by(network, full)


def engine_of(name: str, precision: str, provider: str) -> tuple[Callable[[bytes], Run], str]:
    """What starts an engine on a graph, and the precision it then has. Raises ValueError."""
    threads = torch.get_num_threads()
    if name == "onnx":
        if precision not in ("auto", "fp32"):
            raise ValueError(f"--backend onnx computes in fp32, not {precision}")
        return lambda graph: OnnxEngine(graph, provider=provider, threads=threads), "fp32"
    if provider != "cpu":
        raise ValueError(f"--provider {provider} is for --backend onnx; OpenVINO has the CPU alone")
    sixteen = resolve_precision(precision, CPU) == torch.bfloat16
    hint = "bf16" if sixteen else "f32"
    return (
        lambda graph: OpenVinoEngine(graph, precision=hint, threads=threads),
        "bf16" if sixteen else "fp32",
    )


def run_by(network: nn.Module, start: Callable[[bytes], Run]) -> None:
    """Have an engine compute what a network is called for, in place."""
    form = FORMS.get(type(network))
    if form is None:
        raise ValueError(
            f"{type(network).__name__} has no graph for other engines; take --backend torch"
        )
    run = start(to_onnx(network))

    def compute(*inputs: torch.Tensor):
        made = run([np.ascontiguousarray(given.float().numpy()) for given in inputs])
        return form.pack(tuple(map(torch.from_numpy, made)))

    setattr(network, form.method, compute)
