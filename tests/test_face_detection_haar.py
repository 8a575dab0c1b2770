"""The cascades: drawn faces, real ones, and what auto says when it falls back on them."""

import logging

import numpy as np
import pytest

import video
from face_detection import detectors as detectors_module
from face_detection import find_tracks, make_detector
from face_detection.boxes import intersection_over_union
from tests.drawn_talker import draw_face


@pytest.fixture(scope="module")
def haar():
    return make_detector("haar")


@pytest.mark.parametrize("width, left, top", [(100, 100, 60), (60, 30, 90), (140, 150, 20)])
def test_a_drawn_face_is_found_where_it_is(haar, width, left, top):
    (faces,) = haar.detect([draw_face(width, left, top)])
    drawn = np.array([[left, top, left + width, top + 1.3 * width]])
    assert faces.shape == (1, 5) and faces[0, 4] > 0.8
    assert intersection_over_union(faces, drawn)[0, 0] > 0.7


def test_there_is_none_in_noise_or_in_the_dark(haar):
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    for faces in haar.detect([noise, np.zeros((240, 320, 3), np.uint8), np.zeros((1, 1, 3), "u1")]):
        assert faces.shape[1] == 5 and not (faces[:, 4] >= 0.5).any()


def test_a_face_is_found_through_a_whole_clip(haar):
    clip = (draw_face(100, 60 + frame, 60) for frame in range(60))
    tracks = find_tracks(clip, haar, fps=25)
    assert [(track.first, track.last) for track in tracks.tracks] == [(0, 59)]
    (path,) = tracks.paths()
    centre = (path[:, 0] + path[:, 2]) / 2
    assert np.abs(centre - (110 + np.arange(60))).max() < 3


def test_auto_says_what_it_uses_instead_and_how_to_get_s3fd(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(detectors_module, "S3FD_PATH", tmp_path / "s3fd.pth")
    monkeypatch.setattr(detectors_module, "FACE_FINDER_PATH", tmp_path / "face_small.safetensors")
    with caplog.at_level(logging.WARNING):
        assert make_detector("auto").settings["detector"] == "haar"
    assert "python -m models.pretrained s3fd" in caplog.text
    assert str(tmp_path / "s3fd.pth") in caplog.text


def test_an_unknown_detector_is_an_error_that_names_the_known():
    with pytest.raises(ValueError, match="'dlib'.*haar"):
        make_detector("dlib")


@pytest.mark.slow
def test_real_talkers_are_found_in_every_frame(haar, shared_data):
    for clip in sorted((shared_data / "grid_other").glob("*.mpg")):
        tracks = find_tracks(video.read_frames(clip), haar, fps=25)
        (path,) = tracks.paths()
        assert not np.isnan(path).any(), clip
        assert len(tracks.tracks) == 1, clip
