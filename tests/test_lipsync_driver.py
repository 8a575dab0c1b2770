"""lipsync/driver.py: lip motion heard, kept, edited and read, or seen in another video."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.lipsync_material import make_face_video
from tests.toy_methods import MovedPixels, WholeFace, infer, planned

BOX = ("--box", 20, 70, 30, 66)


def jaw(plan):
    return np.array([plan.speech.heard(frame)[0] for frame in range(plan.frame_count)])


def test_what_is_heard_is_written_and_what_was_edited_is_read(toy_folder):
    file = Path("lips.json")
    assert infer(MovedPixels(), *BOX, "--lip_motion", file) == 0
    content = json.loads(file.read_text())
    assert len(content["frames"]) == 50 and content["frames"][0][0] == 1
    for number, row in enumerate(content["frames"]):
        row[0] = number / 50
    file.write_text(json.dumps(content))
    plan, _ = planned(MovedPixels(), lip_motion=file)
    assert jaw(plan) == pytest.approx(np.arange(50) / 50)
    later, _ = planned(MovedPixels(), lip_motion=file, audio_offset_ms=200)
    assert jaw(later)[5:] == pytest.approx(np.arange(45) / 50)


def test_lips_of_another_video_are_in_time_with_the_sound(toy_folder):
    driving = make_face_video(toy_folder / "other.mkv", frames=60, fps=50)
    plan, _ = planned(MovedPixels(), driving_video=driving, lip_motion=Path("seen.csv"))
    expected = (np.arange(50) + 0.5) / 25 * 0.5 - 0.005  # a hundredth a frame, 50 a second
    assert jaw(plan)[:29] == pytest.approx(expected[:29], abs=1e-4)
    assert (np.ptp(jaw(plan)[30:]) == 0).all()  # after its end as at its end
    again, _ = planned(MovedPixels(), lip_motion=Path("seen.csv"))
    assert jaw(again) == pytest.approx(jaw(plan), abs=1e-4)


def test_methods_that_hear_for_themselves_refuse_lip_motion(toy_folder, capsys):
    assert infer(WholeFace(), *BOX, "--lip_motion", "lips.json") == 1
    assert "driven by lip motion" in capsys.readouterr().err
    Path("lips.json").write_text("{}")
    assert infer(MovedPixels(), *BOX, "--lip_motion", "lips.json") == 1
    assert "lips.json is no lip motion" in capsys.readouterr().err


def test_what_drives_is_never_overwritten_nor_left_behind_by_a_shift(toy_folder, capsys):
    driving = make_face_video(toy_folder / "other.mkv", frames=5)
    before = driving.read_bytes()
    driven = (*BOX, "--driving_video", driving)
    assert infer(MovedPixels(), *driven, "--outfile", driving) == 1
    assert "other.mkv is an input" in capsys.readouterr().err
    assert driving.read_bytes() == before
    with pytest.raises(SystemExit):
        infer(MovedPixels(), *driven, "--auto_offset")
    assert "--auto_offset shifts the sound" in capsys.readouterr().err


def test_a_still_without_a_face_drives_nothing(toy_folder, capsys):
    make_face_video(toy_folder / "nobody.mkv", frames=5, faceless=range(5))
    assert infer(MovedPixels(), *BOX, "--driving_video", "nobody.mkv", "--detector", "haar") == 1
    assert "nobody.mkv: no face in any of 5 frames" in capsys.readouterr().err
