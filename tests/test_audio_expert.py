"""Which mel columns the lip-sync expert hears with a window of frames."""

from fractions import Fraction

import pytest

from audio import expert_window_start, mel_window_start
from hparams import HParams


def test_the_window_begins_at_the_frame_as_the_published_expert_was_trained():
    hp = HParams()
    starts = [expert_window_start(frame, 25, hp) for frame in range(200)]
    assert starts == [int(80 * frame / 25) for frame in range(200)]


def test_it_is_one_training_frame_after_the_generators_window():
    hp = HParams()
    for frame in range(60):
        assert expert_window_start(frame, 25, hp) == mel_window_start(frame + 1, 25, hp)


@pytest.mark.parametrize("fps", [12.5, 23.976, 29.97, 50, 60])
def test_at_other_rates_it_begins_at_the_frames_own_time(fps):
    hp = HParams()
    for second in range(5):
        frame = round(second * Fraction(fps))
        assert abs(expert_window_start(frame, fps, hp) / 80 - frame / fps) < 0.02
