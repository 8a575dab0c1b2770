"""How long a training step of each network takes: fp32 as torch lays it out, against our defaults.

python -m benchmarks.training_step [--device cuda] [--hparams multiplier=0.25] [--batch 64]
"""

import argparse
import time

import torch
from torch import nn

from hparams import HParams
from models.inputs import lower_half_rows
from models.syncnet import SyncNet
from models.talkface import TalkFace
from training.engine.runtime import Runtime, open_runtime


def inputs_for(kind: type[nn.Module], hp: HParams, batch: int, device: torch.device) -> tuple:
    """Random windows: the expert takes one sample a window, the generator its five frames."""
    height, width = hp.img_height, hp.img_width
    if kind is SyncNet:
        faces = torch.rand(batch, 3 * hp.syncnet_T, lower_half_rows(height), width)
        return torch.rand(batch, 1, hp.num_mels, hp.mel_step_size).to(device), faces.to(device)
    mels = torch.rand(batch * hp.syncnet_T, 1, hp.num_mels, hp.mel_step_size)
    return mels.to(device), torch.rand(batch * hp.syncnet_T, 6, height, width).to(device)


def one_step(network: nn.Module, optimizer, inputs: tuple, runtime: Runtime) -> None:
    with runtime.autocast():
        outputs = network(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(output.float().square().mean() for output in outputs).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def seconds_a_step(network: nn.Module, inputs: tuple, runtime: Runtime, steps: int) -> float:
    """The quickest of `steps`, after two that warm up."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    times = []
    for _ in range(steps + 2):
        began = time.perf_counter()
        one_step(network, optimizer, inputs, runtime)
        if runtime.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--hparams", default="", help="img_height, img_width, multiplier")
    parser.add_argument("--batch", type=int, default=16, help="windows")
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    hp = HParams().with_overrides(args.hparams)
    with open_runtime(args.device, "auto", compiled=False, sync_batchnorm=False) as fast:
        compare(fast, hp, args)


def compare(fast: Runtime, hp: HParams, args: argparse.Namespace) -> None:
    """Print a line for each network: the plain step, the fast one, and how much faster it is."""
    device = fast.device
    plain = Runtime(device)
    for kind in (SyncNet, TalkFace):
        inputs = inputs_for(kind, hp, args.batch, device)
        shape = (hp.img_height, hp.img_width, hp.multiplier)
        before = seconds_a_step(kind(*shape).to(device), inputs, plain, args.steps)
        after = seconds_a_step(fast.place(kind(*shape)), inputs, fast, args.steps)
        print(
            f"{kind.__name__:<9} fp32 {before:.3f} s, {fast.precision} channels last {after:.3f} s "
            f"a step of {args.batch} windows: x{before / after:.1f}"
        )


if __name__ == "__main__":
    main()
