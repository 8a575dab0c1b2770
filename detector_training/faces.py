"""Crops that teach landmarks: heads on backgrounds, occluded, degraded, in uncertain boxes."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from detector_training.backgrounds import paint_scene_background, read_photographs, shift_colours
from detector_training.degrade import degrade
from detector_training.heads import HeadBank, is_held_out
from detector_training.headwear import SHARE as HEADWEAR_SHARE
from detector_training.headwear import dress
from detector_training.occluders import Brush, draw_occluder
from detector_training.scenes import TORSO_ROWS
from models.landmarks import CROP, MIRRORED, POINTS, for_cv2, matrix_of_box

LEAST_FACING = 0.4  # of a head to the camera: 1 = frontal, 0 = profile
ROLL = 0.44  # radians, at most: 25 degrees
PLACE_JITTER, SIZE_JITTER = 0.12, 0.12  # of the box's sides
UPRIGHT_SHARE = 0.35  # of the crops are as the second look cuts them: hardly rolled, tight boxes
COVER_SHARE, BACKLIT_SHARE = 0.2, 0.06


class Faces(Dataset):
    """Crop by number, the same numbers the same crops. An epoch has as many as there are heads.

    held_out: of the people and backgrounds that are kept for validation.
    """

    windows_per_sample = 1  # a sample is one crop

    def __init__(self, banks: Sequence[HeadBank], seed: int, *, held_out: bool = False) -> None:
        self.banks, self.seed = banks, seed
        chosen = [_usable(bank, held_out) for bank in banks]
        self._heads = [(bank, int(head)) for bank, heads in enumerate(chosen) for head in heads]
        self._backgrounds = [bank.ground_numbers(held_out) for bank in banks]
        if not self._heads or not all(map(len, self._backgrounds)):
            part = "validation" if held_out else "training"
            raise ValueError(f"the banks of heads have none for {part}; make one of more people")
        photographs = enumerate(read_photographs())
        self._photographs = [one for at, one in photographs if is_held_out(at) == held_out]

    def __len__(self) -> int:
        return len(self._heads)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        image, points = self.compose(number)
        return {"image": torch.from_numpy(image), "points": torch.from_numpy(points)}

    def compose(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Crop `number` (112, 112, 3) BGR uint8, and its face's points (68, 2) float32."""
        rng = np.random.default_rng((self.seed, number))
        bank, head = self._heads[rng.integers(len(self._heads))]
        bank, backgrounds = self.banks[bank], self._backgrounds[bank]
        outline = bank.outlines[head].astype(float)
        warp = _draw_warp(outline, rng)
        background = bank.backgrounds[rng.choice(backgrounds)]
        image = np.ascontiguousarray(
            paint_scene_background(CROP, background, self._photographs, rng)
        )
        _paste(image, _dressed(bank, head, rng), warp, rng)
        points = cv2.transform(outline[None, :POINTS], warp)[0]
        if np.linalg.det(warp[:, :2]) < 0:
            points = points[list(MIRRORED)]
        if rng.random() < COVER_SHARE:
            _occlude(image, points, background, rng)
        return np.ascontiguousarray(degrade(image, rng)), points.astype(np.float32)


def _usable(bank: HeadBank, held_out: bool) -> np.ndarray:
    heads = bank.heads(held_out)
    return heads[bank.facing[heads] >= LEAST_FACING]


def _dressed(bank: HeadBank, head: int, rng: np.random.Generator) -> np.ndarray:
    cutout = np.asarray(bank.cutouts[head])
    return dress(cutout, bank.face(head), rng) if rng.random() < HEADWEAR_SHARE else cutout


def _paste(
    image: np.ndarray, cutout: np.ndarray, warp: np.ndarray, rng: np.random.Generator
) -> None:
    """Lay a BGRA cut-out over a picture, in other colours, in place."""
    cutout = cv2.copyMakeBorder(cutout, 0, TORSO_ROWS, 0, 0, cv2.BORDER_REPLICATE)
    piece = cv2.warpAffine(cutout, for_cv2(warp), (CROP, CROP))
    dark = rng.random() < BACKLIT_SHARE
    colours = shift_colours(piece, rng, rng.uniform(0.25, 0.65) if dark else 1.0)[..., :3]
    cover = piece[..., 3:].astype(np.float32) / 255
    image[:] = (image + (colours.astype(np.float32) - image) * cover).astype(np.uint8)


def _draw_warp(outline: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From cut-out to crop: rolled, half of them mirrored, in a box as some detector tells it."""
    upright = rng.random() < UPRIGHT_SHARE
    roll = rng.normal(0, 0.06) if upright else rng.uniform(-ROLL, ROLL)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    matrix = turn @ (np.eye(2) + rng.normal(0, 0.025, (2, 2))) @ np.diag([rng.choice([-1, 1]), 1])
    turned = outline @ matrix.T
    box = _jitter(np.concatenate([turned.min(axis=0), turned.max(axis=0)]), upright, rng)
    crop = matrix_of_box(box)
    return np.column_stack([crop[:, :2] @ matrix, crop[:, 2]])


def _jitter(box: np.ndarray, upright: bool, rng: np.random.Generator) -> np.ndarray:
    """The box moved and made larger or smaller."""
    share = 0.35 if upright else 1.0
    middle, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    middle = middle + share * PLACE_JITTER * rng.uniform(-1, 1, 2) * sides
    sides = sides * (1 + share * SIZE_JITTER * rng.uniform(-1, 1, 2))
    return np.concatenate([middle - sides / 2, middle + sides / 2])


def _occlude(
    image: np.ndarray, points: np.ndarray, background: np.ndarray, rng: np.random.Generator
) -> None:
    """Something before the face; its points are asked for all the same."""
    height = float(np.ptp(points[:, 1])) * 1.25
    brush = Brush(image, np.zeros(image.shape[:2], np.uint8))
    draw_occluder(brush, points.mean(axis=0), height, background, rng)
