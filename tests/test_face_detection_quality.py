"""The benchmark of detectors: what counts as found, as false, and as which tone of skin."""

import cv2
import numpy as np
import pytest

from detector_training.face_detection_quality import Agreement, read_pictures, tone_of

IMAGE = np.full((100, 200, 3), 128, np.uint8)


def faces(*rows) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 5)


def report(own, yardstick) -> str:
    agreement = Agreement()
    agreement.add(IMAGE, own, yardstick)
    return agreement.report()


def test_only_sure_and_large_faces_must_be_found():
    yardstick = faces([0, 0, 40, 50, 0.9], [60, 0, 100, 50, 0.5], [120, 0, 140, 30, 0.9])
    assert report(faces([0, 0, 40, 52, 0.8]), yardstick).startswith("found 100.0 % of 1 faces")
    assert report(faces([0, 0, 40, 52, 0.4]), yardstick).startswith("found 0.0 % of 1 faces")
    assert report(faces([0, 30, 40, 80, 0.9]), yardstick).startswith("found 0.0 % of 1 faces")


def test_a_box_that_meets_an_unsure_face_is_not_false():
    yardstick = faces([60, 0, 100, 50, 0.4])
    assert "0.000 false boxes" in report(faces([60, 0, 100, 48, 0.9]), yardstick)
    assert "1.000 false boxes" in report(faces([150, 0, 190, 48, 0.9]), yardstick)
    assert "found none of 0 faces" in report(faces(), faces())


@pytest.mark.parametrize(
    "bgr, tone", [((190, 210, 240), "light"), ((70, 100, 150), "brown"), ((15, 22, 35), "dark")]
)
def test_tones_go_from_light_to_dark(bgr, tone):
    image = np.zeros((80, 80, 3), np.uint8) + np.array(bgr, np.uint8)
    assert tone_of(image, np.array([10, 10, 70, 70, 1.0])) == tone
    assert tone_of(image, np.array([200, 200, 270, 270, 1.0])) == "dark"


def test_pictures_of_a_folder_are_read_shrunk_and_others_left_out(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((720, 900, 3), np.uint8))
    (tmp_path / "b.mp4").write_bytes(b"no video")
    pictures = list(read_pictures(tmp_path, 3, 1))
    assert [picture.shape for picture in pictures] == [(360, 450, 3)]
    assert "b.mp4: left out" in capsys.readouterr().out
