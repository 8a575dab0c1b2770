"""Networks for running only: BatchNorm folded into the convolution before it."""

from collections.abc import Iterator
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norms(network: Network) -> Network:
    """Change a network in evaluation mode, in place: the same output, a pass over memory less.

    Folded are a convolution and the norm after it in a Sequential, and those pairs that a module
    names in `norm_pairs()`.
    """
    if network.training:
        raise ValueError("only a network in evaluation mode has fixed statistics to fold")
    for module in list(network.modules()):
        for first, second in list(_pairs(module)):
            convolution, norm = module.get_submodule(first), module.get_submodule(second)
            if isinstance(norm, NORMS) and not isinstance(convolution, nn.Linear):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                module.set_submodule(first, fuse_conv_bn_eval(convolution, norm, transposed))
                module.set_submodule(second, nn.Identity())
    return network


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a layer and the one that is applied to its result, and to nothing else."""
    if isinstance(module, nn.Sequential):
        names = [name for name, _ in module.named_children()]
        yield from zip(names, names[1:], strict=False)
    if hasattr(module, "norm_pairs"):
        yield from module.norm_pairs()
