"""DAVS as a method: where it looks, what it is fed, and how its face comes back into the frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from models.davs import DAVS
from models.davs import method as davs_method
from models.davs.alignment import align, to_seen
from models.davs.method import DAVSMethod, EyesAndMouth, carriers
from models.generator import Place, Video

POINTS = np.array([[60.0, 70], [100, 66], [82, 120]], np.float32)
PLACE = Place((40, 30, 130, 150), blend="none", notes=POINTS.ravel())


@pytest.fixture(scope="module")
def method() -> DAVSMethod:
    torch.manual_seed(0)
    return DAVSMethod(DAVS(7, 0.0625, judges=False).eval(), torch.nn.Identity())


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 255, (200, 220, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 4)


@torch.inference_mode()
def test_the_network_hears_and_sees_as_davs_does(method, frame):
    heard = np.random.default_rng(1).normal(size=(20, 12)).astype(np.float32)
    fed = method.feed(frame, PLACE, heard)
    expected = cv2.warpAffine(frame, to_seen(align(POINTS)), (256, 256), borderValue=(127,) * 3)
    np.testing.assert_array_equal(fed["face"], expected)
    made = method.forward({name: torch.as_tensor(x)[None] for name, x in fed.items()})["face"]
    rgb = torch.from_numpy(expected[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    painted = method.network(torch.from_numpy(heard)[None], rgb)[0]
    bgr = painted.permute(1, 2, 0).flip(-1) * 255
    assert (torch.as_tensor(made)[0].float() - bgr).abs().max() < 0.51


def test_a_face_that_was_not_changed_comes_back_to_where_it_was(method, frame):
    face = method.view(frame, PLACE)
    patch = method.patch(frame, PLACE, {"face": face})
    rows, columns = (slice(start, start + n) for start, n in
                     zip((patch.top, patch.left), patch.pixels.shape[:2], strict=True))  # fmt: skip
    inside = patch.weights > 0.999
    assert inside.mean() > 0.5
    wrong = np.abs(patch.pixels.astype(int) - frame[rows, columns])[inside]
    assert wrong.mean() < 1


def test_nothing_beyond_the_aligned_square_is_changed(method, frame):
    patch = method.patch(frame, PLACE, {"face": np.zeros((256, 256, 3), np.uint8)})
    inside = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(method.outline(PLACE)).astype(np.int32)], 1)
    inside = cv2.dilate(inside, np.ones((5, 5)))
    height, width = patch.weights.shape
    there = inside[patch.top : patch.top + height, patch.left : patch.left + width]
    assert patch.weights[there == 0].max(initial=0) == 0


def test_a_face_beside_the_frame_is_left_alone(method, frame):
    far = Place(PLACE.box, notes=(POINTS + 2000).ravel())
    assert method.patch(frame, far, {"face": np.zeros((256, 256, 3), np.uint8)}) is None


def test_strength_and_feather_weaken_the_edge_and_the_whole(method, frame):
    face = {"face": np.zeros((256, 256, 3), np.uint8)}
    place = Place(PLACE.box, strength=0.5, notes=POINTS.ravel())
    weights = method.patch(frame, place, face).weights
    assert weights.max() == pytest.approx(0.5, abs=0.01)
    assert 0 < weights[weights > 0].min() < 0.1


def landmarks_at(x: float) -> np.ndarray:
    points = np.zeros((68, 2))
    points[36:42], points[42:48], points[[48, 54]] = (x, 50), (x + 40, 50), (x + 20, 100)
    return points


def test_the_watcher_steadies_each_shot_by_itself_and_fills_what_it_missed(monkeypatch):
    found = {number: landmarks_at(50 if number < 10 else 150) for number in range(20)}
    monkeypatch.setattr(
        davs_method, "find_landmarks", lambda net, frames, boxes: (np.stack(frames), None)
    )
    watcher = EyesAndMouth(None, Video(20, Fraction(25), (320, 240), cuts=(10,)))
    for number in (0, 1, 2, 5, 9, 10, 11, 19):
        watcher.see([number], [found[number]], [(0, 0, 1, 1)])
    notes = watcher.settle().notes
    assert notes.shape == (20, 6)
    for number in range(20):
        np.testing.assert_allclose(notes[number], carriers(found[number]).ravel(), atol=1e-4)
