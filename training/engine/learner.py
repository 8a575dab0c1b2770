"""One network's way from losses to new weights: scaling, clipping, schedule, average."""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from hparams import TrainingHParams
from training.engine.runtime import Runtime


class Learner:
    """Owns a network in training, its optimizer and, if asked for, its averaged twin."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        runtime: Runtime,
        hp: TrainingHParams,
        *,
        called: nn.Module | None = None,
        auxiliary: nn.Module | None = None,
    ):
        """`called`: a module around the network whose forward training needs instead of its own.

        `auxiliary`: what is trained along, by the same optimizer, and is no part of the result.
        """
        if hp.min_lr_ratio < 1 and not hp.max_steps:
            raise ValueError("min_lr_ratio under 1 needs --max_steps: the cosine's end")
        self.network, self.optimizer, self.runtime, self.hp = network, optimizer, runtime, hp
        self.auxiliary = auxiliary or nn.Module()
        self.full_rates = [group["lr"] for group in optimizer.param_groups]
        self.call = runtime.prepare(called or network)
        self.scaler = torch.amp.GradScaler(
            runtime.device.type, enabled=runtime.precision is torch.half
        )
        self.average = Average(network, hp.ema_decay) if hp.ema_decay else None
        self.notes: dict = {}  # plain values that go into every file with the network's weights

    @property
    def eval_model(self) -> nn.Module:
        """The network to validate and to use: the averaged one where there is one."""
        return self.average.module if self.average else self.network

    def micro_batches(self, batches: list) -> Iterator:
        """Those of a step in turn; processes exchange gradients at the last one only."""
        for number, batch in enumerate(batches, start=1):
            with self._alone() if number < len(batches) else nullcontext():
                yield batch

    def _alone(self):
        wrapped = getattr(self.call, "_orig_mod", self.call)  # as torch.compile hides it
        return wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) else nullcontext()

    def backward(self, loss: torch.Tensor, grad_accum_steps: int) -> None:
        """Add this micro-batch's gradient to those before it."""
        self.scaler.scale(loss / grad_accum_steps).backward()

    def apply(self, step: int) -> dict[str, torch.Tensor]:
        """Change the weights, as step number `step` counted from 0; what the log should say."""
        rate = learning_rate_share(step, self.hp)
        for group, full in zip(self.optimizer.param_groups, self.full_rates, strict=True):
            group["lr"] = full * rate
        self.scaler.unscale_(self.optimizer)
        limit = self.hp.clip_grad_norm or math.inf
        trained = chain(self.network.parameters(), self.auxiliary.parameters())
        norm = nn.utils.clip_grad_norm_(trained, limit)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.update_parameters(self.network)
        return {"gradient_norm": norm}

    def load_optimizer(self, state: dict) -> None:
        """The optimizer's memory; rates, betas and the like stay this run's own."""
        own = [{k: v for k, v in g.items() if k != "params"} for g in self.optimizer.param_groups]
        groups = [
            {**group, **settings}
            for group, settings in zip(state["param_groups"], own, strict=True)
        ]
        self.optimizer.load_state_dict({**state, "param_groups": groups})

    def state_dict(self) -> dict:
        """What beside the network's own weights the next step depends on."""
        # Its names are older than the class's: checkpoints of before go on.
        state = {"scaler": self.scaler.state_dict(), "beside": self.auxiliary.state_dict()}
        if self.average:
            state["average"] = self.average.state_dict()
        return state

    def load_state_dict(self, state: dict) -> None:
        if state["scaler"]:  # empty where the file is weights alone, or of another precision
            self.scaler.load_state_dict(state["scaler"])
        if state.get("beside"):
            self.auxiliary.load_state_dict(state["beside"])
        if self.average and "average" in state:
            self.average.load_state_dict(state["average"])
            self.average.begun = True
        elif self.average:
            self.average.module.load_state_dict(self.network.state_dict())


def learning_rate_share(step: int, hp: TrainingHParams) -> float:
    """Of the full rate: rises over warmup_steps, falls along a cosine until max_steps."""
    if step < hp.warmup_steps:
        return (step + 1) / (hp.warmup_steps + 1)
    if hp.min_lr_ratio == 1:
        return 1.0
    way = min(1.0, (step - hp.warmup_steps) / max(1, hp.max_steps - hp.warmup_steps))
    return hp.min_lr_ratio + (1 - hp.min_lr_ratio) * (1 + math.cos(math.pi * way)) / 2


class Average(AveragedModel):
    """The running average of a network; its first update copies.

    BatchNorm's statistics are averaged like weights: both must belong together. torch's own update
    reads a counter off the GPU at every step, which waits for all that the GPU still has to do.
    """

    def __init__(self, network: nn.Module, decay: float):
        super().__init__(network)
        self.eval().requires_grad_(False)
        self.decay, self.begun = decay, False

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        blended = [pair for pair in pairs if self.begun and pair[0].is_floating_point()]
        copied = [pair for pair in pairs if not (self.begun and pair[0].is_floating_point())]
        if blended:
            torch._foreach_lerp_(*map(list, zip(*blended, strict=True)), 1 - self.decay)
        if copied:  # fifty counters of BatchNorms: one by one they were most of the time
            torch._foreach_copy_(*map(list, zip(*copied, strict=True)))
        self.n_averaged += 1
        self.begun = True


def _tensors(network: nn.Module) -> Iterator[torch.Tensor]:
    """Parameters and buffers."""
    return chain(network.parameters(), network.buffers())
