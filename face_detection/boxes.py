"""Boxes: (left, top, right, bottom), half-open, in pixels; one at a time or as (n, 4) arrays."""

from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A rectangle that holds columns left..right-1 and rows top..bottom-1."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @classmethod
    def from_cli(cls, top: int, bottom: int, left: int, right: int) -> "Box":
        """A box from the order that the command line has: top bottom left right."""
        return cls(left, top, right, bottom)


class Pads(NamedTuple):
    """Pixels added on each side of a face, in the order of the command line."""

    top: int = 0
    bottom: int = 10
    left: int = 0
    right: int = 0


DEFAULT_PADS = Pads()  # the original's; inference and preprocess.py share them


def intersection_over_union(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The overlap of each of (n, 4) boxes with each of (m, 4) others: (n, m) in [0, 1]."""
    boxes, others = np.asarray(boxes, float), np.asarray(others, float)
    overlap = (
        np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
        - np.maximum(boxes[:, None, :2], others[None, :, :2])
    ).clip(0)
    shared = overlap[..., 0] * overlap[..., 1]
    union = areas(boxes)[:, None] + areas(others)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Square pixels of each of (..., 4) boxes; 0 for an empty one."""
    return (boxes[..., 2] - boxes[..., 0]).clip(0) * (boxes[..., 3] - boxes[..., 1]).clip(0)


def suppress(boxes: np.ndarray, most_overlap: float) -> list[int]:
    """Non-maximum suppression: which of (n, 4 or more) boxes, the surest first, stay.

    By hand because torchvision, which has it, does not load on a CPU-only torch.

    Those do that no surer one that stays covers by more than this.
    """
    doubles = intersection_over_union(boxes, boxes) > most_overlap
    kept: list[int] = []
    dropped = np.zeros(len(boxes), bool)
    for at in range(len(boxes)):
        if not dropped[at]:
            kept.append(at)
            dropped |= doubles[at]
    return kept


def clip_boxes(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """The parts of (..., 4) boxes that lie in a picture of width x height; NaN stays NaN."""
    return np.clip(boxes, 0, np.array([width, height, width, height]))


def pad_boxes(boxes: np.ndarray, pads: Pads) -> np.ndarray:
    """(..., 4) boxes, each side moved outwards by its pad; a negative pad moves it inwards."""
    return boxes + np.array([-pads.left, -pads.top, pads.right, pads.bottom])


def crop_box(box: np.ndarray, pads: Pads, width: int, height: int) -> Box:
    """The whole pixels that are cut out for one face: padded, rounded and kept in the picture.

    Training data and inference both cut by this rule. Raises ValueError where nothing is left.
    """
    padded = clip_boxes(pad_boxes(np.asarray(box, float), pads), width, height)
    crop = Box(*(int(edge) for edge in np.floor(padded + 0.5)))
    if crop.width < 1 or crop.height < 1:
        raise ValueError(
            f"the face box {tuple(np.round(box, 1).tolist())} with pads {tuple(pads)} leaves "
            f"nothing of a {width}x{height} picture; give smaller pads or another box"
        )
    return crop


def middle_box(width: int, height: int, side: int = 96) -> Box:
    """The middle of a picture: where TalkLip takes a face to be that was not found."""
    left, top = max(0, (width - side) // 2), max(0, (height - side) // 2)
    return Box(left, top, min(width, left + side), min(height, top + side))
