"""Real odd files: each must end in a right video or in one clear error."""

from pathlib import Path

import numpy as np
import pytest

from video import MediaError, probe, read_frames, read_sound

# name: kind, width, height, frames at 25 fps, seconds of sound; or the words of the error.
ODD = {
    "androidx_sample_12_5fps_720p_1s.mp4": ("video", 1280, 720, 26, 1.03),
    "androidx_sample_empty_track.mp4": ("video", 1080, 720, 25, 1.09),
    "androidx_sample_fragmented.mp4": ("video", 1080, 720, 27, 1.07),
    "openmpf_STRUCK_Test_720p.mp4": ("video", 1152, 720, 218, "has no sound track"),
    "openmpf_five-second-marathon-clip.mkv": ("video", 960, 540, 128, 5.0),
    "openmpf_h265_aac.mp4": ("video", 640, 480, 26, 1.02),
    "openmpf_man-walking-across-screen.mp4": ("video", 480, 360, 444, 17.76),
    "openmpf_meds-aa-S001-01-exif-rotation.jpg": ("image", 480, 600, 1, "has no sound track"),
    "openmpf_meds-aa-S001-01.jpg": ("image", 480, 600, 1, "has no sound track"),
    "openmpf_new_face_video-90.mp4": ("video", 640, 480, 426, 17.07),
    "openmpf_test5-noaudio-novideo.mkv": "neither pictures nor sound",
    "openmpf_theora_opus.ogg": ("video", 640, 480, 26, 1.04),
    "openmpf_theora_vorbis.ogg": ("video", 640, 480, 26, 1.02),
    "openmpf_video_01.mp4": ("video", 640, 480, 76, 3.04),
    "openmpf_video_01_invalid.mp4": "moov atom not found",
    "openmpf_video_02_audio_only.mp4": ("sound", 0, 0, "only sound", 17.42),
    "openmpf_vp8_opus.webm": ("video", 640, 480, 26, 1.02),
    "openmpf_xvid_aac.avi": ("video", 640, 480, 27, 1.07),
}


@pytest.fixture(scope="module")
def odd(shared_data) -> Path:
    return shared_data / "odd_media"


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_file(odd, name):
    if isinstance(ODD[name], str):
        with pytest.raises(MediaError, match=ODD[name]):
            probe(odd / name)
        return
    kind, width, height, frames, seconds = ODD[name]
    info = probe(odd / name)
    assert (info.kind, info.width, info.height) == (kind, width, height)
    check(frames, lambda: count_frames(info), 1)
    check(seconds, lambda: len(read_sound(odd / name, 16000)) / 16000, 0.02)


def check(expected, measure, tolerance):
    """A number within the tolerance, or an error with the given words."""
    if isinstance(expected, str):
        with pytest.raises(MediaError, match=expected):
            measure()
    else:
        assert measure() == pytest.approx(expected, abs=tolerance)


def count_frames(info):
    shapes = [frame.shape for frame in read_frames(info, 25)]
    assert set(shapes) == {(info.height, info.width, 3)}
    return len(shapes)


def test_nothing_else_lies_there(odd):
    assert {path.name for path in odd.iterdir()} == set(ODD)


def test_picture_turned_by_its_tag_is_the_plain_one(odd):
    (plain,) = read_frames(odd / "openmpf_meds-aa-S001-01.jpg")
    (turned,) = read_frames(odd / "openmpf_meds-aa-S001-01-exif-rotation.jpg")
    assert np.abs(plain.astype(int) - turned).mean() < 3
