"""BatchNorm over the batch of all processes, on CPUs too, where torch's own has none."""

import torch
import torch.distributed as dist
from torch import nn

HALVES = (torch.bfloat16, torch.half)


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; so is the gradient, since each has a part in it."""

    @staticmethod
    def forward(context, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient


class SyncedBatchNorm(nn.BatchNorm2d):
    """The statistics of a training batch are those of all processes; all else is BatchNorm2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float() if x.dtype in HALVES else x
        count = values.new_tensor([values[:, 0].numel()])
        mean = values.mean((0, 2, 3))
        square = values.square().mean((0, 2, 3))
        # One message: means weighted by the number of values, which may differ between processes.
        total = SumOverProcesses.apply(torch.cat((mean * count, square * count, count)))
        mean, square = (total[:-1] / total[-1]).chunk(2)
        variance = (square - mean.square()).clamp(min=0)
        self._remember(mean.detach(), variance.detach(), total[-1].detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor, count: torch.Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


def with_synced_norms(network: nn.Module, *, native: bool) -> nn.Module:
    """The network with synced norms in the place of its BatchNorm2d; names and weights stay.

    `native` takes torch's own, which is faster and for GPUs only.
    """
    if native:
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm
    return network
