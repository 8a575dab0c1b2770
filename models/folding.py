"""Networks for running only: BatchNorm folded into the convolution before it."""

from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norms(network: Network) -> Network:
    """Change a network in evaluation mode, in place: the same output, a pass over memory less."""
    if network.training:
        raise ValueError("only a network in evaluation mode has fixed statistics to fold")
    for layers in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(layers) - 1):
            convolution, norm = layers[index], layers[index + 1]
            if isinstance(norm, NORMS) and not isinstance(convolution, nn.Linear):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                layers[index] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
                layers[index + 1] = nn.Identity()
    return network
