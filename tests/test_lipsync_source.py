"""lipsync/source.py: which frame follows which, and what is done to each."""

from fractions import Fraction
from itertools import islice

import cv2
import numpy as np
import pytest

import lipsync.source
from face_detection import Box
from lipsync.source import open_source
from video import MediaError, VideoWriter


@pytest.fixture
def folder(tmp_path):
    """Seven frames of 40x30 whose grey tells their number; a white mark at the top left."""
    for number in range(7):
        image = np.full((30, 40, 3), 10 * number, np.uint8)
        image[:6, :8] = 255
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    return tmp_path


def grey(frames):
    return [int(frame[-3, -3, 0]) // 10 for frame in frames]


@pytest.mark.parametrize(
    "loop, expected",
    [
        ("repeat", [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1]),
        ("pingpong", [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3]),
        ("freeze", [0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]),
    ],
)
def test_order_when_the_video_is_too_short(folder, loop, expected):
    played = list(islice(open_source(folder).played(loop), 16))
    assert [number for number, _ in played] == expected
    assert grey(frame for _, frame in played) == expected


def test_pingpong_of_a_video_is_read_backwards_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(lipsync.source, "BACKWARD_BYTES", 0)  # pieces of 8 frames
    with VideoWriter(tmp_path / "a.mkv", 32, 32, 25, codec="ffv1", pix_fmt="bgr0") as writer:
        for number in range(30):
            writer.write(np.full((32, 32, 3), 5 * number, np.uint8))
    played = list(islice(open_source(tmp_path / "a.mkv").played("pingpong"), 70))
    expected = [*range(30), *range(28, 0, -1), *range(12)]
    assert [number for number, _ in played] == expected
    assert [int(frame[0, 0, 0]) // 5 for _, frame in played] == expected


@pytest.mark.parametrize("loop", ["repeat", "pingpong", "freeze"])
def test_frames_may_be_painted_on(folder, loop):
    for number, frame in islice(open_source(folder).played(loop), 20):
        assert grey([frame]) == [number]
        frame[:] = 250


def test_one_frame_serves_for_ever(folder):
    for source in (open_source(folder / "3.png"), open_source(folder, static=True)):
        assert len(list(islice(source.played("repeat"), 5))) == 5
        assert source.frame_count == 1


def test_start_and_end(folder):
    source = open_source(folder, still_fps=10, start=0.2, end=0.5)
    assert grey(source.frames()) == [2, 3, 4]
    assert grey(source.frames(1, 3)) == [3, 4]
    assert source.frame_count == 3
    assert source.fps == 10


def test_size_after_shrinking_turning_and_cropping(folder):
    whole = open_source(folder)
    assert whole.size == (40, 30)
    turned = open_source(folder, rotate=True)
    assert turned.size == (30, 40)
    mark = next(turned.frames())
    assert mark[3, -3, 0] == 255 and mark[3, 3, 0] == 0  # clockwise: the left top goes right
    small = open_source(folder, resize_factor=2)
    assert small.size == (20, 15) and next(small.frames()).shape == (15, 20, 3)
    cropped = open_source(folder, crop=(6, -1, 0, 20))
    assert cropped.crop == Box(0, 6, 20, 30)
    assert next(cropped.frames()).shape == (24, 20, 3)
    assert not next(cropped.frames()).any()
    both = open_source(folder, resize_factor=2, rotate=True, crop=(0, 10, 5, -1))
    assert next(both.frames()).shape == (10, 10, 3) == (*both.size[::-1], 3)


def test_small_frames_for_detection_keep_the_shape(folder):
    assert next(open_source(folder).frames(shorter_side=15)).shape == (15, 20, 3)
    assert next(open_source(folder, rotate=True).frames(shorter_side=15)).shape == (20, 15, 3)
    assert next(open_source(folder).frames(shorter_side=99)).shape == (30, 40, 3)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"crop": (0, 31, 0, 10)}, "does not lie inside the picture of 40x30"),
        ({"crop": (5, 5, 0, 10)}, "does not lie inside"),
        ({"start": 2.0, "end": 1.0}, "nothing between"),
        ({"start": -1.0}, "nothing between"),
        ({"resize_factor": 0}, "resize_factor must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(folder, wrong, words):
    with pytest.raises(ValueError, match=words):
        open_source(folder, **wrong)


def test_rate_of_stills_is_given_and_exact(folder):
    assert open_source(folder, still_fps=29.97).fps == Fraction(30000, 1001)


def test_sound_is_no_face(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        open_source(tmp_path / "none.mp4")
