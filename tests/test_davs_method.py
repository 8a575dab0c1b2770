"""DAVS as a method: where it looks, what it is fed, and how its face comes back into the frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from models.davs import DAVS, watching
from models.davs import method as davs_method
from models.davs.alignment import align, carriers, to_seen
from models.davs.method import DAVSMethod, tinted
from models.davs.watching import EyesAndMouth, cut_seen
from models.generator import Place, Video
from tests.deterministic import fill
from tests.lipsync_material import looks_only_into_its_region

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
        watching, "find_landmarks", lambda net, frames, boxes: (np.stack(frames), None)
    )
    watcher = EyesAndMouth(None, Video(20, Fraction(25), (320, 240), cuts=(10,)))
    for number in (0, 1, 2, 5, 9, 10, 11, 19):
        watcher.see([number], [found[number]], [(0, 0, 1, 1)])
    notes = watcher.settle().notes
    assert notes.shape == (20, 6)
    for number in range(20):
        np.testing.assert_allclose(notes[number], carriers(found[number]).ravel(), atol=1e-4)


def test_a_painted_face_takes_the_colours_about_the_mouth_but_not_the_mouths():
    rng = np.random.default_rng(0)
    given = np.full((256, 256, 3), (90, 120, 150), np.uint8)
    made = np.clip(given + [30, -20, 10] + rng.normal(0, 3, given.shape), 0, 255).astype(np.uint8)
    made[190:215, 100:156] = (30, 20, 60)  # an open mouth that was shut
    found = tinted(made, given).astype(int)
    cheeks = np.s_[30:140, 30:220]
    assert np.abs(found[cheeks].mean(axis=(0, 1)) - (90, 120, 150)).max() < 1.5
    mouth = found[192:213, 104:152].mean(axis=(0, 1))
    assert np.abs(mouth - (np.array([30, 20, 60]) - [30, -20, 10]).clip(0)).max() < 8


def test_lips_of_another_face_are_codes_that_are_painted(method, frame, monkeypatch):
    points = np.stack([landmarks_at(60), landmarks_at(64)])
    monkeypatch.setattr(watching, "find_landmarks", lambda net, frames, boxes: (points, None))
    watcher = method.watch_lips(Video(4, Fraction(25), (220, 200)))
    with torch.inference_mode():
        watcher.see([0, 3], [frame, frame], [(0, 0, 9, 9)] * 2)
    codes = watcher.settle().lips
    assert codes.shape == (4, 256)
    face = torch.from_numpy(cut_seen(frame, carriers(points[0]).ravel())[..., ::-1].copy())
    with torch.inference_mode():
        expected = 0.8 * method.lips((face.permute(2, 0, 1) / 255)[None, None])[0, 0]
    np.testing.assert_allclose(codes[0], expected, atol=1e-4)
    np.testing.assert_allclose(codes[1], codes[0] + (codes[3] - codes[0]) / 3, atol=1e-5)
    fed = method.feed(frame, PLACE, codes[0])
    with torch.inference_mode():
        made = method.forward({name: torch.as_tensor(x)[None] for name, x in fed.items()})["face"]
    assert made.shape == (1, 256, 256, 3)


def test_lips_are_read_in_16_bits_too(method, frame, monkeypatch):
    points = landmarks_at(60)[None]
    monkeypatch.setattr(watching, "find_landmarks", lambda net, frames, boxes: (points, None))
    codes = []
    for enabled in (False, True):
        watcher = method.watch_lips(Video(1, Fraction(25), (220, 200)))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            watcher.see([0], [frame], [(0, 0, 9, 9)])
        codes.append(watcher.settle().lips)
    assert codes[1].dtype == np.float32
    np.testing.assert_allclose(codes[1], codes[0], atol=0.05 * np.abs(codes[0]).max())


def test_tuning_lowers_the_loss_and_is_undone_for_the_next_video(frame, monkeypatch):
    davs = DAVS(7, 0.03125, judges=False, size=64).eval()
    davs.load_state_dict(fill(davs.state_dict()))  # by which no gradient vanishes
    fresh = DAVSMethod(davs, torch.nn.Identity())
    points = np.stack([landmarks_at(60)])
    monkeypatch.setattr(watching, "find_landmarks", lambda net, frames, boxes: (points, None))
    before = {name: value.clone() for name, value in fresh.network.state_dict().items()}
    video = Video(1, Fraction(25), (220, 200), options={"tune_steps": 3})
    losses = []
    kept_tune = davs_method.tune
    monkeypatch.setattr(davs_method, "tune", lambda *a: losses.extend(kept_tune(*a)) or losses)
    watcher = fresh.watch(video)
    watcher.see([0], [frame], [(0, 0, 9, 9)])
    watcher.settle()
    assert len(losses) == 3 and losses[-1] < losses[0]
    moved = {name.split(".")[0] for name, value in fresh.network.state_dict().items()
             if not torch.equal(value, before[name])}  # fmt: skip
    assert moved == {"ID_encoder", "Decoder"}
    fresh.watch(Video(1, Fraction(25), (220, 200)))
    for name, value in fresh.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_nothing_beyond_the_aligned_face_is_looked_at(method, frame):
    heard = np.zeros((20, 12), np.float32)
    assert looks_only_into_its_region(method, frame, PLACE, heard)
