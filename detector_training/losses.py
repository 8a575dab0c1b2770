"""Which cells shall predict which face, and how far the network is from it."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from models.face_finder import STRIDES, cells, decode

RADIUS = 1.2  # strides from a face's middle, within which cells tell it
LEAST_STRIDES, MOST_STRIDES = 2.25, 7.5  # a face's size in the strides of the levels that tell it
FOCUS = 2.0  # power by which easy cells count less
LANDMARK_BETA = 0.02  # of the face: an error below which the loss is quadratic
BOX_WEIGHT, LANDMARK_WEIGHT = 2.0, 4.0


@dataclass(frozen=True)
class Assignment:
    """What each cell of a batch shall say. All (B, cells)."""

    face: torch.Tensor  # the number of its face; 0 where it has none
    positive: torch.Tensor  # bool: it has one
    counts: torch.Tensor  # bool: what it says of being a face is judged


def assign(
    centres: torch.Tensor,
    strides: torch.Tensor,
    boxes: torch.Tensor,
    asked: torch.Tensor,
    known: torch.Tensor,
) -> Assignment:
    """Cells near a face's middle, on the levels that suit its size, tell it; the nearest face's.

    centres (cells, 2), strides (cells,), boxes (B, faces, 4), asked and known (B, faces) bool.
    Within known faces that are not asked for, a cell may say what it likes.
    """
    middle, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    away = (centres[:, None] - middle[:, None]).abs().amax(dim=-1) / strides[:, None]
    edges = torch.cat(
        (centres[:, None] - boxes[:, None, :, :2], boxes[:, None, :, 2:] - centres[:, None]), dim=-1
    )
    inside = edges.amin(dim=-1) > 0.5
    size = sides.clamp(min=0).prod(dim=-1).sqrt()[:, None] / strides[:, None]
    suits = (size >= LEAST_STRIDES) | (strides == STRIDES[0])[:, None]
    suits &= (size <= MOST_STRIDES) | (strides == STRIDES[-1])[:, None]
    fits = suits & inside & (away <= RADIUS) & asked[:, None]
    nearest = torch.where(fits, away, torch.inf).min(dim=-1)
    positive = nearest.values.isfinite()
    excused = (inside & (known & ~asked)[:, None]).any(dim=-1)
    return Assignment(nearest.indices, positive, positive | ~excused)


def detection_losses(
    levels: list[torch.Tensor],
    batch: dict[str, torch.Tensor],
    count: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """The loss and its parts for what the network said of a batch of scenes.

    `count`: what count_positive says of a part on average, where this batch is one part.
    """
    scores, boxes, landmarks = decode(levels)
    centres, strides = cells([tuple(level.shape[-2:]) for level in levels], scores.device)
    wanted = assign(centres, strides, batch["boxes"], batch["asked"], batch["known"])
    at = wanted.positive.nonzero(as_tuple=True)
    face = wanted.face[at]
    true_boxes = batch["boxes"][at[0], face]
    overlap, generalised = box_overlaps(boxes[at], true_boxes)
    count = max(len(face), 1) if count is None else count
    score = score_loss(scores, wanted, at, overlap.detach()) / count
    box = (1 - generalised).sum() / count
    points = landmark_loss(landmarks[at], batch["landmarks"][at[0], face], true_boxes) / count
    return {
        "loss": score + BOX_WEIGHT * box + LANDMARK_WEIGHT * points,
        "score": score,
        "box": box,
        "landmarks": points,
    }


def count_positive(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The cells that shall tell a face, which the losses of a batch are divided by."""
    height, width = batch["image"].shape[1:3]
    shapes = [(-(-height // stride), -(-width // stride)) for stride in STRIDES]
    centres, strides = cells(shapes, batch["image"].device)
    return assign(centres, strides, batch["boxes"], batch["asked"], batch["known"]).positive.sum()


def score_loss(
    scores: torch.Tensor, wanted: Assignment, at: tuple[torch.Tensor, ...], overlap: torch.Tensor
) -> torch.Tensor:
    """Focal cross-entropy: no face 0, a face from 0.5 up, the better its box the nearer to 1."""
    target = torch.zeros_like(scores)
    target[at] = (1 + overlap.clamp(0, 1)) / 2
    entropy = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    focus = (target - scores.sigmoid()).abs() ** FOCUS
    return (entropy * focus * wanted.counts).sum()


def box_overlaps(boxes: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Intersection over union of (n, 4) boxes, pair by pair, and its generalised form (n,)."""
    shared = torch.minimum(boxes[:, 2:], others[:, 2:]) - torch.maximum(boxes[:, :2], others[:, :2])
    hull = torch.maximum(boxes[:, 2:], others[:, 2:]) - torch.minimum(boxes[:, :2], others[:, :2])
    shared, hull = (sides.clamp(min=0).prod(dim=1) for sides in (shared, hull))
    areas = [(one[:, 2:] - one[:, :2]).prod(dim=1) for one in (boxes, others)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-6)
    overlap = shared / union
    return overlap, overlap - (hull - union) / hull.clamp(min=1e-6)


def landmark_loss(
    landmarks: torch.Tensor, truth: torch.Tensor, boxes: torch.Tensor
) -> torch.Tensor:
    """Summed over the faces: smooth L1 of the landmarks, in sizes of the face; NaN is unknown."""
    size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()[:, None, None]
    known = ~truth.isnan()
    error = (landmarks - truth.nan_to_num()) / size * known
    each = F.smooth_l1_loss(error, torch.zeros_like(error), beta=LANDMARK_BETA, reduction="none")
    return each.sum() / landmarks[0].numel() if len(landmarks) else landmarks.sum()
