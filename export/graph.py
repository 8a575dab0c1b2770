"""A network as an ONNX graph, and the proof that it does the same."""

import io
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from export.forms import FORMS, Form

OPSET = 18  # of ONNX: what engines of 2023 and later read
TOLERANCE = 1e-3  # of the greatest number that comes out, in float32
BATCH, OTHER_BATCH = 2, 3  # traced with one, proved with the other

Run = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


class ExportError(ValueError):
    """A network's graph does not do what the network does; the message says how far."""


class _Traced(nn.Module):
    """One method of a network as `forward`, with a plain tuple as its result."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return flat(getattr(self.network, self.method)(*inputs))


def flat(made: object) -> tuple[torch.Tensor, ...]:
    """A network's result without what it leaves out when it only runs."""
    parts = made if isinstance(made, tuple | list) else (made,)
    return tuple(part for part in parts if part is not None)


def to_onnx(network: nn.Module) -> bytes:
    """The graph of a network in evaluation mode, batch first and of any size."""
    form = FORMS[type(network)]
    names = (*form.inputs, *form.outputs)
    axes = {name: {0: "batch", **form.axes.get(name, {})} for name in names}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of tracing: what it may miss, `prove` finds
        torch.onnx.export(
            _Traced(network, form.method).eval(),
            form.example(network, BATCH),
            file,
            input_names=list(form.inputs),
            output_names=list(form.outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def prove(network: nn.Module, run: Run, form: Form | None = None) -> float:
    """How far an engine's results are from the network's, as a share of the greatest number.

    Raises ExportError over TOLERANCE.
    """
    form = form or FORMS[type(network)]
    inputs = form.example(network, OTHER_BATCH)
    with torch.inference_mode():
        wanted = [part.numpy() for part in flat(getattr(network, form.method)(*inputs))]
    made = run([part.numpy() for part in inputs])
    shares = [
        float(np.abs(one - other).max() / max(1.0, np.abs(other).max()))
        for one, other in zip(made, wanted, strict=True)
    ]
    if not max(shares) <= TOLERANCE:
        told = ", ".join(
            f"{name} {share:.1e}" for name, share in zip(form.outputs, shares, strict=True)
        )
        raise ExportError(
            f"the graph of {type(network).__name__} is off by {told}, over {TOLERANCE:g}"
        )
    return max(shares)
