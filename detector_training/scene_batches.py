"""Scenes as batches of tensors: a dataset by number for training, the same few for validation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from detector_training.scenes import MOST_HEADS, Composer, Truth
from models.face_finder import LANDMARKS
from training.runtime import Runtime
from training.stream import open_loader


class Scenes(Dataset):
    """Scene by number. `clips`: the heads, of which an epoch has as many scenes as there are."""

    each = 1  # a sample is one scene

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.clips = composer.bank.people

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        image, truth = self.composer.compose(number)
        return {"image": torch.from_numpy(np.ascontiguousarray(image)), **as_tensors(truth)}


def as_tensors(truth: Truth) -> dict[str, torch.Tensor]:
    """A scene's truth with room for MOST_HEADS faces; `known` says which of the places are used."""
    count = len(truth.boxes)
    boxes = np.zeros((MOST_HEADS, 4), np.float32)
    landmarks = np.full((MOST_HEADS, LANDMARKS, 2), np.nan, np.float32)
    asked = np.zeros(MOST_HEADS, bool)
    if count:
        boxes[:count] = truth.boxes
        landmarks[:count] = truth.landmarks
        asked[:count] = truth.asked
    known = np.arange(MOST_HEADS) < count
    arrays = {"boxes": boxes, "landmarks": landmarks, "asked": asked, "known": known}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


class ValidationScenes:
    """The first `count` scenes, the same every time; this process's share of them."""

    def __init__(
        self, scenes: Scenes, count: int, batch_size: int, workers: int, runtime: Runtime
    ) -> None:
        self.scenes, self.workers, self.runtime = scenes, workers, runtime
        own = range(runtime.rank, count, runtime.world_size)
        self.batches = [list(own[at : at + batch_size]) for at in range(0, len(own), batch_size)]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return iter(open_loader(self.scenes, self.batches, self.workers, self.runtime))
