"""Boxes: their arithmetic against slow, obvious versions."""

import numpy as np
import pytest

from face_detection import Box, Pads, crop_box
from face_detection.boxes import intersection_over_union, pad_boxes, suppress


def count_pixels(box: Box, size: int = 20) -> np.ndarray:
    canvas = np.zeros((size, size), bool)
    canvas[box.top : box.bottom, box.left : box.right] = True
    return canvas


def test_overlap_counts_pixels():
    random = np.random.default_rng(0)
    corners = np.sort(random.integers(0, 20, (30, 2, 2)), axis=1)
    boxes = [Box(*corner.reshape(4).tolist()) for corner in corners]
    found = intersection_over_union(np.array(boxes), np.array(boxes))
    for row, one in enumerate(boxes):
        for column, other in enumerate(boxes):
            union = (count_pixels(one) | count_pixels(other)).sum()
            shared = (count_pixels(one) & count_pixels(other)).sum()
            assert found[row, column] == pytest.approx(shared / union if union else 0)


def test_no_boxes_overlap_nothing():
    assert intersection_over_union(np.zeros((0, 5)), np.ones((3, 4))).shape == (0, 3)


def test_command_line_order_is_top_bottom_left_right():
    assert Box.from_cli(1, 2, 3, 4) == Box(left=3, top=1, right=4, bottom=2)
    assert pad_boxes(np.zeros(4), Pads(1, 2, 3, 4)).tolist() == [-3, -1, 4, 2]


def test_a_crop_is_rounded_and_stays_in_the_picture():
    assert crop_box(np.array([9.5, 10.4, 20.5, 30.6]), Pads(), 100, 100) == Box(10, 10, 21, 41)
    assert crop_box(np.array([-5, -5, 120, 95.0]), Pads(), 100, 100) == Box(0, 0, 100, 100)


@pytest.mark.parametrize("box", [(101, 0, 120, 10), (10, 10, 10.2, 20)])
def test_a_crop_of_nothing_is_an_error_that_names_the_box(box):
    with pytest.raises(ValueError, match=f"{box[0]}.*100x100"):
        crop_box(np.array(box, float), Pads(), 100, 100)


def suppress_slowly(boxes: np.ndarray, most_overlap: float) -> list[list[float]]:
    kept: list[list[float]] = []
    for box in boxes.tolist():
        if all(overlap_of(box, other) <= most_overlap for other in kept):
            kept.append(box)
    return kept


def overlap_of(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(sizes) - shared)


@pytest.mark.parametrize("overlap", [0.3, 0.6])
def test_suppression_equals_the_slow_way(overlap):
    random = np.random.default_rng(1)
    corner = random.uniform(0, 80, (200, 2))
    scores = -np.sort(-random.uniform(0, 1, (200, 1)), axis=0)
    boxes = np.concatenate([corner, corner + random.uniform(5, 40, (200, 2)), scores], axis=1)
    assert boxes[suppress(boxes, overlap)].tolist() == suppress_slowly(boxes, overlap)
