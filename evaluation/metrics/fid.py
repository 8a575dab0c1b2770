"""FID: how far the pictures of generated videos lie from those of true ones, all together."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

import video
from evaluation.metrics.frechet import RunningGaussian, frechet_distance
from models.checkpoint_files import read_content
from models.inception import Inception
from models.inputs import to_faces
from models.pretrained import check_hash, published_path
from video import MediaError

PICTURES_AT_ONCE = 32


def load_inception(path: str | Path | None = None, device: str | torch.device = "cpu") -> Inception:
    """FID's network; weights.AbsentError where its file is not there or is another one."""
    found = published_path("inception", path)
    check_hash(found, "inception")
    weights = read_content(found)["state_dict"]
    network = Inception()
    network.load_state_dict(
        {name: value for name, value in weights.items() if not name.startswith("fc.")}
    )
    return network.to(device).eval()


def measure_fid(
    generated: Iterable[Path], truth: Iterable[Path], network: Inception
) -> tuple[float, int]:
    """FID between all frames of two lists of videos, and the number of generated frames.

    Few frames make it too large: 2048 and more are usual. Videos that cannot be read are left
    out, for their other numbers say so. Raises ValueError where fewer than two frames are left.
    """
    clouds = [gather_features(paths, network) for paths in (generated, truth)]
    return frechet_distance(*clouds), clouds[0].count


def gather_features(paths: Iterable[Path], network: Inception) -> RunningGaussian:
    """The features of every frame of the videos, as a Gaussian."""
    cloud = RunningGaussian()
    for path in paths:
        with suppress(MediaError):
            for batch in _batches(video.read_frames(path)):
                cloud.add(_features(batch, network))
    return cloud


def _batches(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == PICTURES_AT_ONCE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


@torch.inference_mode()
def _features(images: np.ndarray, network: Inception) -> np.ndarray:
    """images: (B, H, W, 3) BGR uint8 -> (B, 2048)"""
    device = next(network.parameters()).device
    rgb = torch.from_numpy(images).to(device).flip(-1)
    return network(to_faces(rgb)).cpu().double().numpy()
