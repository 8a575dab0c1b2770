"""The landmark network and what stands about it: crops, maps, training data, the finder."""

import cv2
import numpy as np
import pytest
import torch

from detector_training.faces import Faces
from detector_training.heads import read_bank
from detector_training.mouths import KINDS, SHARES, draw_mouths
from detector_training.train_landmarks import landmark_losses, normalised_errors
from detector_training.train_landmarks import main as train_landmarks
from face_detection.landmarks import LandmarkFinder
from models import landmarks
from models.landmarks import (
    CROP,
    MIRRORED,
    POINTS,
    LandmarkNet,
    cut_crop,
    from_crop,
    matrix_of_box,
    matrix_of_points,
)
from models.landmarks import _means as means_of_maps
from tests.small_head import landmark_places
from tests.toy_heads import write_toy_bank


def face_points(centre: tuple[float, float], cm: float, roll: float = 0.0) -> np.ndarray:
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return (landmark_places() * [cm, -cm]) @ turn.T + centre


@pytest.mark.parametrize("factor", [0.7, 1.0, 3.3])
def test_a_crop_shows_what_its_matrix_says(factor):
    """A white dot lies where the matrix puts it, whether the crop enlarges or shrinks."""
    side = round(90 * factor)
    box = np.array([31.0, 20.0, 31 + side, 20 + side * 0.9])
    image = np.zeros((400, 500, 3), np.uint8)
    dot = np.array([40, 40]) if side < 100 else np.array([151, 120])
    radius = max(2, round(4 * factor))
    cv2.circle(image, (int(dot[0]), int(dot[1])), radius, (255, 255, 255), -1)
    matrix = matrix_of_box(box)
    crop = cut_crop(image, matrix).astype(float)[..., 0]
    rows, columns = np.mgrid[:CROP, :CROP] + 0.5
    seen = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    assert np.abs(from_crop(seen[None], matrix)[0] - (dot + 0.5)).max() < 0.15 * factor


def test_a_second_look_is_upright_and_as_large_as_the_first():
    straight, rolled = (
        matrix_of_points(face_points((200.0, 150.0), 9.0, roll)) for roll in (0.0, 0.4)
    )
    upright = face_points((200.0, 150.0), 9.0) @ straight[:, :2].T + straight[:, 2]
    turned = face_points((200.0, 150.0), 9.0, 0.4) @ rolled[:, :2].T + rolled[:, 2]
    assert np.abs(upright - turned).max() < 0.05
    assert 70 < np.ptp(upright[:, 1]) * 1.25 < CROP


def test_maps_tell_place_and_spread():
    maps = torch.full((1, POINTS, 28, 28), -40.0)
    maps[0, 0, 5, 9] = 0
    maps[0, 1, 5, 9] = maps[0, 1, 5, 13] = 0  # two places, 16 pixels apart
    points, spreads = means_of_maps(maps)
    assert points[0, 0].tolist() == pytest.approx([36, 20], abs=1e-3)
    assert points[0, 1].tolist() == pytest.approx([44, 20], abs=1e-3)
    assert float(spreads[0, 0]) < 0.3 < 5 < float(spreads[0, 1])


def test_the_mirror_of_the_mirror_is_the_face():
    places = landmark_places()
    mirrored = places[list(MIRRORED)] * [-1, 1]
    assert [MIRRORED[index] for index in MIRRORED] == list(range(POINTS))
    assert np.abs(mirrored - places).max() < 0.15


def test_mouths_are_of_every_kind_and_in_range():
    weights = draw_mouths(200, np.random.default_rng(0))
    assert set(KINDS) == set(SHARES) and sum(SHARES.values()) == pytest.approx(1)
    assert weights["jawOpen"].max() > 0.7 and (weights["jawOpen"] < 0.05).any()
    assert all(row.shape == (200,) and np.isfinite(row).all() for row in weights.values())


def test_crops_show_their_points(tmp_path):
    """Of drawn heads in one colour on clear ground: the points of the eyes lie on dark pixels."""
    faces = Faces([read_bank(write_toy_bank(tmp_path))], seed=3)
    shares = []
    for number in range(40):
        image, points = faces.compose(number)
        assert image.shape == (CROP, CROP, 3) and points.shape == (POINTS, 2)
        inside = ((points > -6) & (points < CROP + 6)).all(axis=1).mean()
        shares.append(inside)
    assert np.mean(shares) > 0.95
    again, _ = faces.compose(7)
    assert (again == faces.compose(7)[0]).all()


def test_the_loss_wants_points_right_and_spreads_honest():
    truth = torch.rand(4, POINTS, 2) * CROP
    off = truth + torch.tensor([3.0, 4.0])

    def loss(points, spread):
        return float(landmark_losses(points, torch.full((4, POINTS), spread), truth)["loss"])

    assert loss(truth, 1.0) < loss(off, 1.0)
    assert loss(off, 2.5) < loss(off, 0.5)  # unsure where it is wrong
    assert loss(off, 2.5) < loss(off, 20.0)
    eyes = torch.linalg.vector_norm(truth[:, 36] - truth[:, 45], dim=-1)
    assert normalised_errors(off, truth).tolist() == pytest.approx((5 / eyes).tolist(), rel=1e-4)


def test_a_training_runs_and_its_weights_find_points(tmp_path):
    write_toy_bank(tmp_path / "heads")
    command = ["--heads", str(tmp_path / "heads"), "--checkpoint_dir", str(tmp_path / "run")]
    command += ["--max_steps", "2", "--validation_faces", "4", "--workers", "0", "--device", "cpu"]
    command += ["--hparams", "batch_size=4,multiplier=0.25,warmup_steps=0"]
    assert train_landmarks(command) == 0
    weights = tmp_path / "run" / "landmarks.safetensors"
    frames = [np.full((240, 320, 3), 90, np.uint8)] * 3
    boxes = [(100, 60, 180, 160), (10, 10, 60, 70), (250, 150, 330, 250)]
    finder = LandmarkFinder(weights, precision="fp32")
    points, spreads = finder.find_batch(frames, boxes)
    assert points.shape == (3, POINTS, 2) and spreads.shape == (3, POINTS)
    alone, _ = finder.find(frames[1], boxes[1])
    assert np.abs(alone - points[1]).max() < 1e-3
    with pytest.raises(FileNotFoundError, match="train_landmarks"):
        LandmarkFinder(tmp_path / "none")


def test_the_size_of_a_network_is_read_from_its_weights():
    from models.registry import kind_of

    weights = LandmarkNet(0.5).state_dict()
    assert kind_of(weights).name == "landmarks"
    assert kind_of(weights).measure(weights) == {"multiplier": 0.5}


def test_points_between_two_glances_follow_the_box(monkeypatch):
    """Of nine frames three are looked at twice; the others begin where their own box has them."""
    looked = []

    def look(network, frames, matrices):
        looked.append(len(frames))
        inverse = [np.linalg.inv(matrix[:, :2]) for matrix in matrices]
        middle = [inv @ (CROP / 2 - m[:, 2]) for inv, m in zip(inverse, matrices, strict=True)]
        face = np.random.default_rng(0).normal(0, 9, (68, 2))
        return np.stack([at + face for at in middle]), np.ones((len(frames), 68))

    monkeypatch.setattr(landmarks, "_look", look)
    boxes = [(100 + 5 * n, 80, 200 + 5 * n, 200) for n in range(9)]
    points, _ = landmarks.find_landmarks(None, [None] * 9, boxes, every=4)
    assert looked == [3, 9] and points.shape == (9, 68, 2)
    assert np.allclose(np.diff(points.mean(axis=1), axis=0), [5, 0], atol=0.2)
