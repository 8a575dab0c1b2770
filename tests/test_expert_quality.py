"""The benchmark that judges an expert: what it reads out of cosines that are known."""

import numpy as np
import pytest

from evaluation.expert_quality import clip_means, dividing_line, offsets_of, right_and_wrong


def shifted_peak(count: int, shift: int) -> np.ndarray:
    """(count, count): 0.8 where the sound is `shift` frames after the mouths, 0.2 elsewhere."""
    return 0.2 + 0.6 * np.eye(count, k=shift)


@pytest.mark.parametrize("shift", [-9, 0, 4])
def test_the_offset_of_each_second_is_found(shift):
    assert offsets_of(shifted_peak(80, shift), np.arange(80)) == [shift] * 3


def test_seconds_with_a_hole_are_not_judged():
    starts = np.concatenate((np.arange(40), np.arange(50, 90)))
    assert offsets_of(shifted_peak(80, 0), starts) == [0, 0]


def test_right_and_wrong_pairs_weigh_the_same():
    loss, accuracy, right, wrong = right_and_wrong(shifted_peak(50, 0))
    assert (accuracy, right, wrong) == (1, pytest.approx(0.8), pytest.approx(0.2))
    assert loss == pytest.approx(-np.log(0.8), rel=1e-4)


def test_the_line_parts_true_clips_from_shifted_ones():
    as_is, off = clip_means(shifted_peak(50, 0))
    assert as_is == pytest.approx(0.8) and off == pytest.approx([0.2, 0.2])
    words = dividing_line(np.array([0.6, 0.7, 0.3]), np.array([0.1, 0.2, 0.4, 0.5]))
    assert "fits from 0.60 on: 66.7% of 3" in words and "100.0% of those 6 frames off" in words
