"""LSE against the original's numbers, and the crops and spans that it is measured on."""

import json
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation import SyncNetV2
from evaluation.metrics.lse import (
    LipSyncError,
    cut_square,
    is_crop,
    load_syncnet_v2,
    lse_of_crops,
    measure_lse,
    pool,
    spans_of_one_face,
    squares,
)
from models.pretrained import PUBLISHED, AbsentError
from tests.deterministic import filled
from video import MediaError
from video.jpeg import through_jpeg

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_lse.json").read_text())


class LoudnessNetwork(torch.nn.Module):
    """Embeds five grey levels, or how loud five frames are: near where light follows sound."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward_lip(self, frames):
        return frames.mean(dim=(1, 3, 4)) / 255 * self.scale

    def forward_aud(self, mfcc):
        return mfcc[:, 0, 0].reshape(-1, 5, 4)[..., 0] / 20


def lights_and_sound(frames: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Plain pictures whose grey is the log energy of their 40 ms of noise."""
    random = np.random.default_rng(1)
    levels = np.exp(random.uniform(2, 6, frames))
    wav = random.normal(size=frames * 640) * np.repeat(levels, 640)
    greys = np.log(levels**2 * 400) / 20 * 255
    return [np.full((224, 224, 3), grey, np.uint8) for grey in greys], np.round(wav)


@pytest.mark.slow
def test_the_originals_curve_on_its_own_clip(shared_data):
    clip = shared_data / GOLDEN["clip"]
    found = measure_lse(clip, clip, filled(SyncNetV2()))
    expected = np.array(GOLDEN["mean_distance_by_shift"])
    assert found.windows == GOLDEN["windows"]
    assert found.offset == GOLDEN["offset"]
    np.testing.assert_allclose(found.distances, expected, rtol=0.01)
    assert np.corrcoef(found.distances, expected)[0, 1] > 0.99


@pytest.mark.weights
def test_the_published_numbers_on_the_originals_clip(shared_data):
    if not PUBLISHED["syncnet_v2"].path.is_file():
        pytest.skip("no published weights: python -m models.pretrained syncnet_v2")
    clip = shared_data / GOLDEN["clip"]
    found = measure_lse(clip, clip, load_syncnet_v2())
    assert found.offset == 3
    assert found.lse_d == pytest.approx(5.353, rel=0.01)
    assert found.lse_c == pytest.approx(10.021, rel=0.01)


@pytest.mark.parametrize("early", [-12, -3, 0, 3, 6])
def test_finds_by_how_much_the_sound_was_moved(early):
    crops, wav = lights_and_sound(90)
    found = lse_of_crops(crops, 90, np.roll(wav, -early * 640), LoudnessNetwork())
    assert found.offset == early
    assert found.lse_c > 0.1


def test_windows_are_counted_as_the_original_counts_them():
    crops, wav = lights_and_sound(40)
    assert lse_of_crops(crops, 40, wav, LoudnessNetwork()).windows == 35
    assert lse_of_crops(crops, 40, wav[: 20 * 640], LoudnessNetwork()).windows == 15
    assert lse_of_crops(crops[:5], 5, wav, LoudnessNetwork()) is None
    assert lse_of_crops(crops, 40, wav[:100], LoudnessNetwork()) is None


def test_reads_distance_confidence_and_offset_off_the_curve():
    distances = np.full(31, 10.0)
    distances[15 - 4] = 6.0
    found = LipSyncError(distances, 50)
    assert (found.lse_d, found.lse_c, found.offset) == (6.0, 4.0, 4)


def test_spans_are_pooled_by_their_windows():
    spans = [LipSyncError(np.full(31, 6.0), 10), LipSyncError(np.full(31, 9.0), 20)]
    np.testing.assert_allclose(pool(spans).distances, 8.0)
    assert pool(spans).windows == 30
    assert pool([]) is None


def test_a_span_ends_where_the_face_is_away_or_another():
    here, there, away = [10, 10, 50, 60], [110, 10, 150, 60], [np.nan] * 4
    boxes = np.array([away, here, here, there, there, away, away, here], float)
    assert list(spans_of_one_face(boxes)) == [(1, 3), (3, 5), (7, 8)]
    assert list(spans_of_one_face(np.full((3, 4), np.nan))) == []
    assert list(spans_of_one_face(np.empty((0, 4)))) == []


def test_the_crop_leaves_40_percent_at_the_sides_and_80_below():
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[60:130, 50:120] = 255  # what the crop of a face at rows 60-110 should show
    (square,) = squares(np.array([[60.0, 60.0, 110.0, 110.0]]))
    assert (cut_square(frame, square) == 255).all()
    assert not (cut_square(frame, square + [0, 0, 3]) == 255).all()


def test_a_crop_over_the_edge_is_filled_with_grey():
    crop = cut_square(np.zeros((50, 50, 3), np.uint8), np.array([0.0, 25.0, 20.0]))
    assert (crop[:, :100] == 110).all()
    assert (crop[10:100, 120:] == 0).all()


def test_one_wrong_box_does_not_move_the_crop():
    boxes = np.tile([60.0, 60.0, 110.0, 110.0], (30, 1))
    boxes[12] += 40
    assert (squares(boxes) == squares(boxes)[0]).all()


def test_jpeg_gives_every_frame_once_and_costs_detail():
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (64, 64, 3), np.uint8) // 4 + 3 * i for i in range(40)]
    coded = list(through_jpeg(frames, 64, 64))
    assert len(coded) == len(frames)
    for before, after in zip(frames, coded, strict=True):
        assert abs(before.mean() - after.mean()) < 3
    assert np.std(coded[-1]) < np.std(frames[-1])


def test_jpeg_passes_on_the_error_of_whoever_makes_the_frames():
    def broken():
        yield np.zeros((64, 64, 3), np.uint8)
        raise ValueError("the video is cut short")

    with pytest.raises(ValueError, match="cut short"):
        list(through_jpeg(broken(), 64, 64))


def test_jpeg_says_why_frames_cannot_be_coded():
    with pytest.raises(MediaError, match="cannot be coded: "):
        list(through_jpeg([np.zeros((64, 64, 3), np.uint8)], 0, 64))


def test_jpeg_can_be_left_before_the_end():
    endless = repeat(np.zeros((64, 64, 3), np.uint8))
    coded = through_jpeg(endless, 64, 64)
    assert next(coded).shape == (64, 64, 3)
    coded.close()


def test_absent_weights_are_said_to_be_absent_with_the_way_to_get_them(tmp_path):
    with pytest.raises(AbsentError, match="models.pretrained syncnet_v2"):
        load_syncnet_v2(tmp_path / "none.model")


def test_only_small_square_videos_are_taken_for_crops(shared_data):
    assert is_crop(shared_data / "syncnet_example.avi")
    assert not is_crop(next((shared_data / "grid_s1").glob("*.mpg")))
