"""The square about a mouth: it goes with the skull, and cuts out what it says it does."""

import cv2
import numpy as np
import pytest
from small_head import landmark_places

from models.mouth_crop import CARRIERS, SIDE_CM, SIZE, Placement, cut_mouth, place_mouth

CM = 9.0  # pixels


def face_at(x: float, y: float, scale: float, turn: float) -> np.ndarray:
    """Landmarks of the mean head in a frame, turned clockwise."""
    cos, sin = scale * CM * np.cos(turn), scale * CM * np.sin(turn)
    places = landmark_places().astype(float)
    for number, place in CARRIERS.items():
        places[number] = place
    return places * [1, -1] @ np.array([[cos, sin], [-sin, cos]]) + [x, y]


@pytest.mark.parametrize("turn", [0.0, 0.3, -0.8, 2.5])
def test_the_square_goes_with_the_face(turn):
    place = place_mouth(face_at(200.0, 150.0, 1.5, turn))
    assert place.side == pytest.approx(SIDE_CM * CM * 1.5)
    assert place.angle == pytest.approx(turn)
    down = 5.0 * CM * 1.5  # the square's middle lies 5 cm under the head's
    expected = (200 - np.sin(turn) * down, 150 + np.cos(turn) * down)
    assert (place.x, place.y) == pytest.approx(expected)


def test_speech_does_not_move_it():
    still, open_wide = (face_at(100.0, 100.0, 1.0, 0.1) for _ in range(2))
    open_wide[48:] += [0, 20]
    open_wide[3:14] += [3, 25]
    assert place_mouth(open_wide) == pytest.approx(place_mouth(still))


def test_a_point_of_the_frame_is_where_the_map_says():
    place = Placement(70.0, 50.0, 40.0, 0.5)
    frame = np.zeros((120, 140, 3), np.uint8)
    cv2.circle(frame, (74, 52), 2, (255, 255, 255), -1)
    cut = cut_mouth(frame, place)
    rows, columns = np.nonzero(cut[..., 0] > 128)
    expected = place.to_crop() @ [74, 52, 1]
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(expected), abs=1.0)


def test_the_middle_of_the_square_is_its_place():
    """In frame coordinates whose whole numbers are the pixels' edges."""
    place = Placement(31.0, 22.0, 16.0, 0.0)
    assert place.to_crop(16) @ [30.5, 21.5, 1] == pytest.approx([7.5, 7.5])
    frame = np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)
    assert (cut_mouth(frame, place, 16) == frame[14:30, 23:39]).all()


def test_a_large_face_is_shrunk_without_skipping_pixels():
    lines = np.zeros((800, 800, 3), np.uint8)
    lines[:, ::2] = 255  # finer than the square can show: it must come out grey
    cut = cut_mouth(lines, Placement(400.0, 400.0, 640.0, 0.0))
    assert cut.shape == (SIZE, SIZE, 3)
    assert np.abs(cut.astype(int) - 127).max() < 10
