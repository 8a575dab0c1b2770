"""Lip motion: files that come back as they went, and what the numbers mean."""

import json

import numpy as np
import pytest

from models import lip_motion
from models.lip_motion import (
    INDEX,
    NAMES,
    LipMotion,
    LipMotionError,
    from_blendshapes,
    read_lip_motion,
    to_blendshapes,
    write_lip_motion,
)


@pytest.fixture
def motion():
    values = np.random.default_rng(1).uniform(0, 0.6, (7, len(NAMES))).astype(np.float32)
    return LipMotion(values)


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_a_file_comes_back_as_it_went(motion, tmp_path, suffix):
    path = tmp_path / f"lips{suffix}"
    write_lip_motion(path, motion)
    np.testing.assert_allclose(read_lip_motion(path).values, motion.values, atol=1e-4)


def test_the_json_has_arkits_names(motion, tmp_path):
    write_lip_motion(tmp_path / "a.json", motion)
    content = json.loads((tmp_path / "a.json").read_text())
    assert {"jawOpen", "mouthSmileLeft", "mouthSmileRight"} <= set(content["names"])
    assert content["fps"] == 25 and len(content["frames"]) == 7


def test_a_column_of_an_animator_is_clipped_and_the_rest_is_at_rest(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("frame,jawOpen\n0,0.5\n1,7\n")
    read = read_lip_motion(path)
    assert read["jawOpen"].tolist() == [0.5, 1.0] and not read["mouthPucker"].any()


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.json", "[]"),
        ("a.json", "{"),
        ("a.json", '{"format": "talkface lip motion 1", "names": ["jawOpen"], "frames": [[1, 2]]}'),
        ("a.json", '{"format": "other"}'),
        ("a.csv", ""),
        ("a.csv", "frame,brows\n0,1\n"),
        ("a.csv", "frame,jawOpen\n0,nan\n"),
        ("a.csv", "frame,jawOpen\n0,open\n"),
    ],
)
def test_what_is_no_lip_motion_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(LipMotionError, match=name):
        read_lip_motion(tmp_path / name)


def test_blendshapes_and_back(motion):
    weights, tongue = to_blendshapes(motion.values)
    assert weights["mouthSmile_L"] is not None and "mouthSmile" not in weights
    np.testing.assert_allclose(from_blendshapes(weights, tongue), motion.values, atol=1e-6)


def test_lips_are_shut_where_mouth_close_undoes_the_jaw():
    values = np.zeros((2, len(NAMES)), np.float32)
    values[:, INDEX["jawOpen"]] = 0.5
    values[1, INDEX["mouthClose"]] = 0.5 * lip_motion.CLOSE_PER_JAW
    shown = LipMotion(values).opening
    assert shown[0] > 0.4 and shown[1] < 1e-6


def test_between_two_frames_lies_a_straight_line():
    values = np.zeros((3, len(NAMES)), np.float32)
    values[:, 0] = [0, 1, 0]
    read = LipMotion(values).at(np.array([0.0, 0.04, 0.06, 10.0]))[:, 0]
    np.testing.assert_allclose(read, [0, 0.5, 1, 0], atol=1e-6)
