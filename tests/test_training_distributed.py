"""Two processes of eight windows compute what one process of sixteen does."""

import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn import functional as F

from hparams import HParams
from models.quality_discriminator import VisualQualityDiscriminator
from models.syncnet import SyncNet
from models.talkface import TalkFace
from training.engine.cli import end_at_once
from training.engine.learner import Learner
from training.engine.runtime import Runtime
from training.losses import bce_of_cosine, cosine

BATCH = 16
NETWORKS = {"expert": SyncNet, "generator": TalkFace, "discriminator": VisualQualityDiscriminator}


def loss_of(kind: str, called, share: slice) -> torch.Tensor:
    """From this share of a batch that is the same everywhere."""
    generator = torch.Generator().manual_seed(5)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(BATCH, *shape, dtype=torch.float64, generator=generator)[share]

    mel, mouths, faces = draw(1, 80, 16), draw(15, 16, 32), draw(6, 32, 32)
    if kind == "expert":
        return bce_of_cosine(cosine(*called(mel, mouths)), draw().round())
    if kind == "generator":
        return F.l1_loss(called(mel, faces), faces[:, :3])
    return called(faces[:, :3]).log().mean()


def gradients(kind: str, runtime: Runtime, parts: int = 1) -> dict[str, torch.Tensor]:
    """Of one step, in float64: no rounding hides a mistake, none looks like one."""
    torch.manual_seed(1)
    network = runtime.synced(runtime.place(NETWORKS[kind](32, 32, 0.0625))).train().double()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    learner = Learner(network, optimizer, runtime, HParams())
    size = BATCH // runtime.world_size // parts
    shares = [slice(size * (part * runtime.world_size + runtime.rank),
                    size * (part * runtime.world_size + runtime.rank) + size)
              for part in range(parts)]  # fmt: skip
    for share in learner.micro_batches(shares):
        learner.backward(loss_of(kind, learner.call, share), parts)
    return {name: weight.grad.clone() for name, weight in network.named_parameters()}


def work(rank: int, port: int, kind: str, parts: int, path: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    found = gradients(kind, Runtime(torch.device("cpu"), rank=rank, world_size=2), parts)
    if rank == 0:
        torch.save(found, path)
    dist.barrier()
    dist.destroy_process_group()
    end_at_once(0)  # as the scripts do


def on_two_processes(kind: str, parts: int, path) -> dict[str, torch.Tensor]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(work, (port, kind, parts, str(path)), nprocs=2)
    return torch.load(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "parts"),
    [("expert", 1), ("generator", 1), ("discriminator", 1), ("discriminator", 2)],
)
def test_gradients_of_two_processes_are_those_of_one(kind, parts, tmp_path):
    """Parts are compared where there is no BatchNorm, whose statistics are those of a part."""
    one = gradients(kind, Runtime(torch.device("cpu")))
    two = on_two_processes(kind, parts, tmp_path / "gradients.pt")
    assert one.keys() == two.keys()
    assert max(value.abs().max() for value in one.values()) > 1e-3
    tolerance = 1e-5 if kind == "expert" else 1e-9  # the cosine is taken in float32
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=tolerance, rtol=tolerance)


def test_parts_of_a_batch_add_up():
    whole = gradients("discriminator", Runtime(torch.device("cpu")))
    parted = gradients("discriminator", Runtime(torch.device("cpu")), parts=4)
    for name, value in whole.items():
        torch.testing.assert_close(parted[name], value)
