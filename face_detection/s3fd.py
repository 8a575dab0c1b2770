"""S3FD: what its network is fed, and how its twelve maps become boxes.

face-alignment, whose weights these are, decodes and suppresses in a Python loop: the same boxes to
1e-4 px, 5 to 31 times slower, in 32 bits only, and from files that it does not check.
"""

import logging
from pathlib import Path

import cv2
import numpy as np
import torch

from face_detection.batches import Batches
from face_detection.boxes import suppress
from models.checkpoint import load
from models.devices import resolve_precision
from models.pretrained import PUBLISHED, hash_of

# Subtracted from the channels in R, G, B order though it is the mean of B, G, R: the published
# weights were trained with the other order but are always run so, and their users' boxes are these.
MEAN = (104.0, 117.0, 123.0)
FIRST_STRIDE = 4  # pixels between cells of the finest map; doubles with each coarser one
ANCHOR = 4  # strides that an anchor is wide and high
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
CANDIDATE_SCORE = 0.05  # below which a cell is dropped before suppression
MOST_CANDIDATES = 750  # an image; the surest are kept
SUPPRESSION_OVERLAP = 0.3  # with a surer box, above which a box is a double
FINAL_SCORE = 0.5
CPU_BATCH = 1  # images; more are no faster on a CPU, and take 200 MB each
SMALLEST_SIDE = 32  # pixels; the network halves the picture five times

PUBLISHED_SHA256 = PUBLISHED["s3fd"].sha256

log = logging.getLogger(__name__)


class S3FDDetector:
    """The S3FD network with its weights loaded; see detectors.Detector."""

    def __init__(
        self,
        weights: Path | str,
        *,
        device: str = "cpu",
        batch_size: int = 16,
        precision: str = "auto",
    ) -> None:
        sha256 = check_published(weights)
        self._device = torch.device(device)
        self.device = device
        self._dtype = resolve_precision(precision, self._device)
        self._network = load(weights, "s3fd", self._device).eval()
        self._network.to(memory_format=torch.channels_last)
        self._batches = Batches(batch_size if self._device.type != "cpu" else CPU_BATCH)
        self.settings = {
            "detector": "s3fd",
            "weights": sha256[:16],
            "precision": str(self._dtype).removeprefix("torch."),
        }

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See Detector.detect."""
        return self._batches.run(images, self._detect_batch)

    def _detect_batch(self, images: list[np.ndarray]) -> list[np.ndarray]:
        maps = self._run(images)
        return [decode([part[at] for part in maps]) for at in range(len(images))]

    @torch.inference_mode()
    def _run(self, images: list[np.ndarray]) -> list[np.ndarray]:
        batch = torch.from_numpy(np.stack([_at_least(image) for image in images]))
        batch = batch.to(self._device).flip(3).permute(0, 3, 1, 2).float()
        batch = batch - torch.tensor(MEAN, device=self._device)[:, None, None]
        with torch.autocast(
            self._device.type, self._dtype, enabled=self._dtype is not torch.float32
        ):
            maps = self._network(batch.contiguous(memory_format=torch.channels_last))
        return [part.float().cpu().numpy() for part in maps]


def check_published(weights: Path | str) -> str:
    """The file's sha256; a warning where it is not the published weights'.

    Raises FileNotFoundError, with the way to get them, where there is no such file.
    """
    try:
        sha256 = hash_of(Path(weights))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no S3FD weights at {weights}; `python -m models.pretrained s3fd` gets them, "
            "or choose --detector haar, which needs none"
        ) from error
    if not sha256.startswith(PUBLISHED_SHA256):
        log.warning(
            "%s is not the published S3FD: its sha256 begins with %s, not %s",
            weights,
            sha256[: len(PUBLISHED_SHA256)],
            PUBLISHED_SHA256,
        )
    return sha256


def decode(maps: list[np.ndarray]) -> np.ndarray:
    """The faces of one image: (n, 5) left, top, right, bottom, score; the surest first.

    maps: the network's scores (2, h, w) and offsets (4, h, w), six times, the finest first.
    """
    boxes = np.concatenate(
        [
            _decode_scale(scores, offsets, FIRST_STRIDE * 2**scale)
            for scale, (scores, offsets) in enumerate(zip(maps[::2], maps[1::2], strict=True))
        ]
    )
    surest = np.argsort(-boxes[:, 4], kind="stable")[:MOST_CANDIDATES]
    kept = boxes[surest[suppress(boxes[surest], SUPPRESSION_OVERLAP)]]
    return kept[kept[:, 4] > FINAL_SCORE]


def _decode_scale(scores: np.ndarray, offsets: np.ndarray, stride: int) -> np.ndarray:
    """The candidates of one scale: (n, 5)."""
    with np.errstate(over="ignore"):  # exp overflows to a score of 0, as it should
        chance = 1 / (1 + np.exp(scores[0].astype(float) - scores[1]))
    row, column = np.nonzero(chance > CANDIDATE_SCORE)
    shift = offsets[:, row, column].astype(float)
    anchor = ANCHOR * stride
    centre = np.stack([column, row]) * stride + stride / 2 + shift[:2] * CENTRE_VARIANCE * anchor
    half = anchor * np.exp(shift[2:] * SIZE_VARIANCE) / 2
    return np.concatenate([centre - half, centre + half, chance[row, column][None]]).T


def _at_least(image: np.ndarray) -> np.ndarray:
    """The image, with black added below and right where it is too small for the network."""
    below, right = (max(0, SMALLEST_SIDE - side) for side in image.shape[:2])
    if not below and not right:
        return image
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
