"""The expert's sound begins with its first frame: one frame later than what the generator hears."""

import pytest

from audio import expert_window_start, mel_window_start
from hparams import HParams

HP = HParams()


@pytest.mark.parametrize("frame", [0, 1, 2, 7, 99, 1234])
def test_expert_window_is_the_published_one(frame):
    assert expert_window_start(frame, 25, HP) == int(80 * frame / 25)


def test_expert_window_is_the_generators_of_the_next_frame():
    for frame in range(200):
        assert expert_window_start(frame, 25, HP) == mel_window_start(frame + 1, 25, HP)


def test_no_column_is_lost_at_a_broadcast_rate():
    starts = [expert_window_start(frame, 29.97, HP) for frame in range(30_000)]
    assert starts[-1] == int(29_999 * 1001 / 30_000 * 80)
    assert {b - a for a, b in zip(starts, starts[1:], strict=False)} == {2, 3}
