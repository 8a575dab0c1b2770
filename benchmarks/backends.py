"""Frames a second of generators by backend and precision, side by side.

    python -m benchmarks.backends [--networks talkface lip_warp] [--batch 16] [--threads 0]

Turn and turn about, the quickest turn counts, by CPU time and by the clock; eager is the network
as it was trained, in float32. talkface is the published full-size generator with random weights.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from export.forms import FORMS, part_that_runs
from lipsync.backends.choice import PACKAGES, is_installed
from lipsync.backends.engine_backend import engine_of, run_by
from models.davs.whole import DAVS
from models.devices import resolve_precision
from models.folding import fold_batch_norms
from models.landmarks import LandmarkNet
from models.lip_hearing import LipHearing
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp
from models.lipgan import LipGANGenerator
from models.talkface import TalkFace

NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "talkface": lambda: TalkFace(96, 96, 1.0),
    "lip_warp": LipWarp,
    "lipgan": LipGANGenerator,
    "davs": DAVS,
    "landmarks": LandmarkNet,
    "lip_seeing": LipSeeing,
    "lip_hearing": LipHearing,
}
EAGER = ("torch eager", "fp32")


@dataclass
class Way:
    """One backend at one precision, and what its quickest turn took."""

    call: Callable[[], object]
    clock: float = float("inf")
    cpu: float = float("inf")

    def take_turn(self) -> None:
        clock, cpu = time.perf_counter(), time.process_time()
        self.call()
        self.clock = min(self.clock, time.perf_counter() - clock)
        self.cpu = min(self.cpu, time.process_time() - cpu)


def ways_of(name: str, batch: int) -> dict[tuple[str, str], Way]:
    """By backend and precision; each has a network of its own."""
    bf16 = resolve_precision("auto", torch.device("cpu")) == torch.bfloat16
    ways = {EAGER: _way(name, batch), ("torch", "fp32"): _way(name, batch, fold=True)}
    if bf16:
        ways["torch", "bf16"] = _way(name, batch, fold=True, dtype=torch.bfloat16)
    for backend in filter(is_installed, PACKAGES):
        for precision in ("fp32", "bf16") if bf16 and backend == "openvino" else ("fp32",):
            ways[backend, precision] = _engine_way(name, batch, backend, precision)
    return ways


def _way(name: str, batch: int, *, fold: bool = False, dtype=torch.float32) -> Way:
    network = _network(name)
    form = FORMS[type(network)]
    if fold:
        fold_batch_norms(network).to(dtype)
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                layer.to(memory_format=torch.channels_last)
    inputs = [part.to(dtype) for part in form.example(network, batch)]
    return Way(lambda: getattr(network, form.method)(*inputs))


def _engine_way(name: str, batch: int, backend: str, precision: str) -> Way:
    network = fold_batch_norms(_network(name))
    form = FORMS[type(network)]
    inputs = form.example(network, batch)
    run_by(network, engine_of(backend, precision, "cpu")[0])
    return Way(lambda: getattr(network, form.method)(*inputs))


def _network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return part_that_runs(NETWORKS[name]().eval())


@torch.inference_mode()
def compare(name: str, batch: int, turns: int) -> None:
    ways = ways_of(name, batch)
    for turn in range(turns + 1):
        for way in ways.values():
            way.call() if turn == 0 else way.take_turn()
    eager, plain = ways[EAGER], ways.get(("torch", "bf16"), ways["torch", "fp32"])
    print(f"\n{name}, {batch} at a time, {torch.get_num_threads()} threads, "
          f"load {os.getloadavg()[0]:.0f}")  # fmt: skip
    print(f"{'backend':<12} {'':<5} {'fps, CPU time':>14} {'fps, clock':>11} "
          f"{'x eager':>8} {'x torch 16':>10}")  # fmt: skip
    for (backend, precision), way in ways.items():
        print(f"{backend:<12} {precision:<5} {batch / way.cpu:>14.1f} {batch / way.clock:>11.1f} "
              f"{eager.cpu / way.cpu:>8.2f} {plain.cpu / way.cpu:>10.2f}", flush=True)  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["talkface", "lip_warp"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch finds best")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    for name in args.networks:
        compare(name, args.batch, args.turns)


if __name__ == "__main__":
    main()
