"""Where a run computes: device, precision, memory layout, and its place among other processes."""

import datetime
import os
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from models.devices import resolve_device, resolve_precision
from training.engine.synced_norm import with_synced_norms

Value = TypeVar("Value")
# The first process may have to make thousands of mels while the others wait.
PATIENCE = datetime.timedelta(hours=4)


@dataclass(frozen=True)
class Runtime:
    """One process of a run; alone, it is process 0 of 1."""

    device: torch.device
    precision: torch.dtype = torch.float32
    rank: int = 0
    world_size: int = 1
    compile: bool = False
    sync_batchnorm: bool = True

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    @property
    def fused(self) -> bool | None:
        """For optimizers: whether a step is one kernel; None leaves it to torch."""
        return True if self.device.type == "cuda" else None

    def autocast(self):
        """The context for a network's forward pass; losses are taken outside, in float32."""
        enabled = self.precision is not torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=enabled)

    def move(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The batch on this device, copied while the last one is still computed."""
        return {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}

    def place(self, network: nn.Module) -> nn.Module:
        """The network on this device, channels last: several times faster on CPU and GPU alike."""
        network = network.to(self.device)
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.dim() == 4:  # a convolution over time too has five, and stays as it is
                # Not contiguous(): it leaves kernels of 1x1 as they are, which rounds otherwise.
                tensor.data = tensor.data.to(memory_format=torch.channels_last)
        return network

    def prepare(self, network: nn.Module) -> nn.Module:
        """What to call in training in the place of a placed network: compiled, and in step with
        the other processes. Its parameters are the network's own."""
        called = network
        if self.world_size > 1:
            devices = [self.device] if self.device.type == "cuda" else None
            called = DistributedDataParallel(
                network, device_ids=devices,
                broadcast_buffers=not self.sync_batchnorm,  # which keeps them equal
            )  # fmt: skip
        return torch.compile(called) if self.compile else called

    def synced(self, network: nn.Module) -> nn.Module:
        """The network with BatchNorm over all processes, if there are several and it is wanted."""
        if self.world_size == 1 or not self.sync_batchnorm:
            return network
        return with_synced_norms(network, native=self.device.type == "cuda")

    def mean(self, sums: dict[str, float], count: float) -> dict[str, float]:
        """Sums over `count` things in each process -> means over those of all processes."""
        values = torch.tensor([*sums.values(), count], dtype=torch.float64)
        if self.world_size > 1:
            dist.all_reduce(values)
        means = (values[:-1] / values[-1].clamp(min=1)).tolist()
        return dict(zip(sums, means, strict=True))

    def mean_tensor(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over all processes of a tensor that each has; it stays on its device."""
        if self.world_size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.world_size

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Over all processes, where networks are called without `prepare`'s wrapper.

        Every process must have gradients of the same parameters.
        """
        for parameter in parameters if self.world_size > 1 else ():
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.world_size

    def is_idle(self) -> bool:
        """Whether the device has nothing to do; a GPU is given work ahead, a CPU is not."""
        return self.device.type != "cuda" or torch.cuda.current_stream(self.device).query()

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.world_size == 1:
            return flag
        raised = torch.tensor(float(flag))
        dist.all_reduce(raised, dist.ReduceOp.MAX)
        return bool(raised.item())

    def gather(self, value: object) -> list:
        """The value of every process, by rank."""
        if self.world_size == 1:
            return [value]
        values = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def from_first(self, make: Callable[[], Value]) -> Value:
        """What `make` gives in the first process, in all: for what is read or made once.

        A ValueError or OSError there is raised everywhere, so that nobody waits.
        """
        if self.world_size == 1:
            return make()
        found = [None]
        if self.is_first:
            try:
                found = [make()]
            except (ValueError, OSError) as error:
                found = [error]
        dist.broadcast_object_list(found, src=0, device=torch.device("cpu"))
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]


@contextmanager
def open_runtime(device_name: str, precision: str, *, compiled: bool, sync_batchnorm: bool):
    """The Runtime of this process; joins those that torchrun started beside it.

    Raises ValueError on a device or precision that is not there.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = resolve_device(device_name)
    if device.type == "cuda":
        if world_size > 1 or device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    dtype = resolve_precision(precision, device)
    runtime = Runtime(device, dtype, rank, world_size, compiled, sync_batchnorm)
    if world_size == 1:
        yield runtime
        return
    # Numbers that decide about the run go by gloo: they need not wait for the GPU.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    yield runtime
    # Not after an error: it may wait for processes that know of none. run_script ends this one.
    dist.destroy_process_group()
