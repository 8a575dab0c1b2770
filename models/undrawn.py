"""Networks that are built to be filled from a file: their first random weights are not drawn."""

import torch
from torch.overrides import TorchFunctionMode

DRAWS = frozenset({
    "uniform_", "normal_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_",
    "xavier_uniform_", "xavier_normal_", "orthogonal_",
})  # fmt: skip


class Undrawn(TorchFunctionMode):
    """Within it torch's initialisers leave tensors as they are.

    On the meta device, where there are no numbers to draw, normal_ alone would import torch's
    compiler and sympy: 0.7 s of CPU time.
    """

    def __torch_function__(self, function, types, arguments=(), named=None) -> torch.Tensor:
        named = named or {}
        if getattr(function, "__name__", "") in DRAWS:
            return arguments[0] if arguments else named["tensor"]
        return function(*arguments, **named)
