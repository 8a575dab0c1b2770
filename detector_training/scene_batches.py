"""Scenes as batches of tensors: a dataset by number for training, the same few for validation."""

import numpy as np
import torch
from torch.utils.data import Dataset

from detector_training.scenes import MOST_HEADS, Composer, SceneTruth
from models.face_finder import LANDMARKS


class Scenes(Dataset):
    """Scene by number; an epoch has as many as there are heads."""

    windows_per_sample = 1  # a sample is one scene

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def __len__(self) -> int:
        return len(self.composer.bank.people)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        image, truth = self.composer.compose(number)
        return {"image": torch.from_numpy(np.ascontiguousarray(image)), **as_tensors(truth)}


def as_tensors(truth: SceneTruth) -> dict[str, torch.Tensor]:
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
