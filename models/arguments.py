"""Networks that know what they were built with, so that their checkpoints can say it."""

import functools
import inspect
from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=type[nn.Module])


def keeps_arguments(network: Network) -> Network:
    """A class whose objects have `arguments`: what their constructor was given, defaults included.

    Heads, or a face of 90 pixels instead of 96, leave no trace in the shapes of weights.
    """
    construct = network.__init__
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def construct_and_keep(self, *positional, **named):
        construct(self, *positional, **named)
        bound = signature.bind(self, *positional, **named)
        bound.apply_defaults()
        self.arguments = _flat(bound)

    network.__init__ = construct_and_keep
    return network


def _flat(bound: inspect.BoundArguments) -> dict:
    """By name, those of **arguments too, but for the object itself."""
    values = {}
    for name, value in list(bound.arguments.items())[1:]:
        is_rest = bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
        values |= value if is_rest else {name: value}
    return values
