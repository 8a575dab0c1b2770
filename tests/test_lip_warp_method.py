"""The lip warp as a method: what it watches, what it asks of a mouth, what it makes of a frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from models import lip_warp_method
from models.generator import Place, Video
from models.landmarks import LandmarkNet
from models.lip_hearing import LipHearing
from models.lip_motion import INDEX, NAMES, opening
from models.lip_seeing import LipSeeing, Seen
from models.lip_warp import LipWarp
from models.lip_warp_method import (
    OVER,
    STILL,
    LipWarpMethod,
    Reference,
    gain_of,
    lay_over,
    wanted_lips,
)
from models.mouth_crop import SIZE, Placement, cut_mouth, place_mouth
from tests.lipsync_material import looks_only_into_its_region
from tests.test_mouth_crop import face_at

AT = Placement(150.0, 120.0, 200.0, 0.2)
OPTIONS = {"strength": 1.0, "keep_expression": 1.0}


@pytest.fixture(scope="module")
def method():
    torch.manual_seed(0)
    networks = LipWarp(0.25), LipHearing(16), LandmarkNet(0.25), LipSeeing(0.25)
    torch.nn.init.normal_(networks[0].flows.weight, std=0.1)  # so that something moves
    return LipWarpMethod(*(network.eval() for network in networks))


@pytest.fixture(scope="module")
def frame():
    picture = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    return cv2.GaussianBlur(picture, (0, 0), 4)


def place(**changes) -> Place:
    notes = np.concatenate([np.array(AT), np.zeros(2 * len(NAMES)), [90] * 3]).astype(np.float32)
    return Place((50, 20, 250, 230), **{"notes": notes, "options": OPTIONS, **changes})


def nothing_moves() -> dict[str, np.ndarray]:
    layers = np.full((SIZE, SIZE, 2), -20, np.float32)
    return {
        "flow": np.zeros((SIZE // 2, SIZE // 2, 2), np.float32),
        "reference_flow": np.zeros((SIZE // 2, SIZE // 2, 2), np.float32),
        "layers": layers,
        "paint": np.zeros((SIZE, SIZE, 3), np.uint8),
    }


def pasted(frame: np.ndarray, patch) -> np.ndarray:
    out, weights = frame.astype(float), patch.weights[..., None]
    rows, columns = patch.pixels.shape[:2]
    part = out[patch.top : patch.top + rows, patch.left : patch.left + columns]
    part += weights * (patch.pixels - part)
    return out


def test_where_nothing_moves_the_frame_stays_as_it_is(method, frame):
    assert method.patch(frame, place(), nothing_moves()) is None
    trembling = nothing_moves()
    trembling["flow"][20:40, 30:50] = 0.9 * STILL / np.sqrt(2)
    assert method.patch(frame, place(), trembling) is None


def test_pixels_move_by_the_flow_in_the_frames_own_size(method, frame):
    """Ten pixels of the square to the right, in a square that is turned and larger."""
    made = nothing_moves()
    made["flow"][..., 0] = -10
    changed = pasted(frame, method.patch(frame, place(), made))
    length = 10 * AT.side / SIZE
    step = np.array([np.cos(AT.angle), np.sin(AT.angle)]) * length
    shift = np.array([[1, 0, step[0]], [0, 1, step[1]]])
    expected = cv2.warpAffine(frame, shift, frame.shape[1::-1], flags=cv2.INTER_CUBIC)
    middle = np.s_[100:140, 130:170]
    assert np.abs(changed[middle] - expected[middle]).mean() < 2


def test_beyond_the_square_nothing_changes(method, frame):
    made = nothing_moves()
    made["flow"][:] = 15
    changed = pasted(frame, method.patch(frame, place(), made))
    outside = np.ones(frame.shape[:2], np.uint8)
    corners = cv2.transform(
        np.array([[[-0.5, -0.5], [159.5, -0.5], [159.5, 159.5], [-0.5, 159.5]]]),
        cv2.invertAffineTransform(AT.to_crop()),
    )
    cv2.fillConvexPoly(outside, np.round(corners).astype(np.int32), 0)
    outside = cv2.erode(outside, np.ones((5, 5))) > 0
    assert (changed[outside] == frame[outside]).all()
    assert np.abs(changed - frame).max() > 5


def test_what_is_painted_lies_where_its_layer_says(method, frame):
    made = nothing_moves()
    made["layers"][60:80, 70:90] = (-20, 20)
    made["paint"][:] = (10, 200, 30)
    changed = pasted(frame, method.patch(frame, place(), made))
    x, y = cv2.transform(np.array([[[80.0, 70.0]]]), cv2.invertAffineTransform(AT.to_crop()))[0, 0]
    assert changed[round(y), round(x)] == pytest.approx([10, 200, 30], abs=2)


def test_teeth_are_borrowed_from_the_reference_at_its_own_size():
    made = nothing_moves()
    made["layers"][60:80, 70:90] = (20, -20)
    made["reference_flow"][..., 0] = 8
    small = np.zeros((SIZE, SIZE, 3), np.uint8)
    large = np.zeros((400, 400, 3), np.uint8)
    large[..., 0] = (np.arange(400) * 0.6).astype(np.uint8)  # blue says how far to the right
    mask, paint = lay_over(made, Reference(small, large), np.ones(3))
    scale = OVER // SIZE
    assert mask[70 * scale, 80 * scale] > 0.99 and mask[20, 20] == 0
    expected = 0.6 * (80 + 8) * 400 / SIZE
    assert paint[70 * scale, 80 * scale, 0] == pytest.approx(expected, abs=2)
    alone, _ = lay_over(made, None, np.ones(3))  # then the given picture stands in for it
    assert alone.max() < 0.01


def test_teeth_are_borrowed_in_the_light_of_the_frame():
    """A picture kept of a bright frame, for one whose face is half as bright."""
    made = nothing_moves()
    made["layers"][60:80, 70:90] = (20, -20)
    bright = np.full((SIZE, SIZE, 3), 184, np.uint8)
    dim = place(shared=Reference(bright, bright))
    _, paint = lay_over(made, dim.shared, gain_of(dim))
    assert paint[70 * OVER // SIZE, 80 * OVER // SIZE] == pytest.approx([92] * 3, abs=1)
    assert gain_of(place()) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0, 1.5])
def test_closed_lips_stay_closed_at_any_strength(strength):
    heard = np.zeros(len(NAMES), np.float32)
    heard[INDEX["jawOpen"]], heard[INDEX["mouthClose"]] = 0.3, 0.252
    asked = wanted_lips(heard, np.zeros(len(NAMES)), strength=strength, keep_expression=1.0)
    assert opening(asked) == pytest.approx(0, abs=1e-6)
    assert asked[INDEX["jawOpen"]] == pytest.approx(0.3 * strength)


def test_lips_that_are_pressed_are_not_drawn_in():
    heard = np.zeros(len(NAMES), np.float32)
    heard[INDEX["mouthPress"]], heard[INDEX["mouthRollLower"]] = 0.5, 0.3
    asked = wanted_lips(heard, np.zeros(len(NAMES)), strength=1.0, keep_expression=1.0)
    assert asked[INDEX["mouthRollLower"]] == pytest.approx(0.15)
    heard[INDEX["mouthPress"]], heard[INDEX["mouthRollLower"]] = 0.0, 0.55  # of f and v
    asked = wanted_lips(heard, np.zeros(len(NAMES)), strength=1.0, keep_expression=1.0)
    assert asked[INDEX["mouthRollLower"]] == pytest.approx(0.55)


def test_the_speakers_own_smile_stays_as_far_as_it_is_wanted():
    heard, mood = np.zeros(len(NAMES), np.float32), np.zeros(len(NAMES), np.float32)
    heard[INDEX["mouthSmile"]], mood[INDEX["mouthSmile"]] = 0.1, 0.5
    mood[INDEX["jawOpen"]] = 0.4  # of speech, not of mood
    smiles = [
        wanted_lips(heard, mood, strength=1.0, keep_expression=share)[INDEX["mouthSmile"]]
        for share in (0.0, 0.5, 1.0)
    ]
    assert smiles == pytest.approx([0.1, 0.3, 0.5])
    kept = wanted_lips(heard, mood, strength=1.0, keep_expression=1.0)
    assert kept[INDEX["jawOpen"]] == 0


class Seer:
    """Finds a face that drifts and nods, and teeth in one frame alone."""

    def __init__(self, teeth_at: int):
        self.teeth_at, self.calls = teeth_at, 0

    def see(self, mouths):
        count = len(mouths)
        teeth = np.array([0.05 * (self.calls + k == self.teeth_at) for k in range(count)])
        self.calls += count
        values = np.full((count, len(NAMES)), 0.2, np.float32)
        return Seen(values, np.full(count, 0.3, np.float32), teeth.astype(np.float32))


def find_by_frame(monkeypatch, frame, points: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Frames by number, in which these landmarks are found."""
    frames = {number: frame.copy() for number in points}
    numbers = {id(picture): number for number, picture in frames.items()}
    monkeypatch.setattr(
        lip_warp_method, "find_landmarks",
        lambda network, pictures, boxes, **_: (
            np.stack([points[numbers[id(picture)]] for picture in pictures]), None
        ),
    )  # fmt: skip
    return frames


def test_a_watched_face_is_steadied_and_its_teeth_are_kept(method, frame, monkeypatch):
    rng = np.random.default_rng(1)
    truth = [face_at(150.0 + 0.5 * n, 100.0, 1.0, 0.0) for n in range(30)]
    shaken = {n: points + rng.normal(0, 1.0, points.shape) for n, points in enumerate(truth)}
    numbers = [n for n in range(30) if n not in (12, 13)]
    frames = find_by_frame(monkeypatch, frame, shaken)
    watcher = method.watch(Video(30, Fraction(25), (320, 240)))
    monkeypatch.setattr(method, "sees", Seer(teeth_at=9))
    for first in range(0, 28, 7):
        some = numbers[first : first + 7]
        watcher.see(some, [frames[n] for n in some], [(50, 20, 250, 230)] * 7)
    watched = watcher.settle()
    assert watched.notes.shape == (30, 4 + 2 * len(NAMES) + 3) and watched.lips.shape[0] == 30
    wanted = np.array([place_mouth(points) for points in truth])
    raw = np.array([place_mouth(shaken[n]) for n in range(30)])
    steadied = np.abs(watched.notes[3:27, :2] - wanted[3:27, :2]).mean()
    assert steadied < 0.6 * np.abs(raw[3:27, :2] - wanted[3:27, :2]).mean()
    expected = cut_mouth(frame, place_mouth(shaken[9]), watched.shared.large.shape[0])
    assert (watched.shared.large == expected).all()
    assert (watched.trust == 1).all()


def test_a_cut_is_not_smoothed_over(method, frame, monkeypatch):
    faces = [face_at(100.0 if n < 10 else 220.0, 100.0, 1.0, 0.0) for n in range(20)]
    frames = find_by_frame(monkeypatch, frame, dict(enumerate(faces)))
    monkeypatch.setattr(method, "sees", Seer(teeth_at=99))
    watcher = method.watch(Video(20, Fraction(25), (320, 240), cuts=(10,)))
    watcher.see(range(20), [frames[n] for n in range(20)], [(50, 20, 250, 230)] * 20)
    watched = watcher.settle()
    assert watched.notes[9, 0] == pytest.approx(100, abs=1)
    assert watched.notes[10, 0] == pytest.approx(220, abs=1)
    assert watched.shared is None


def test_from_fed_to_made_all_shapes_fit(method, frame):
    heard = method.encode_speech(torch.zeros(80, 100), np.arange(10) / 25)
    assert heard.shape == (10, len(NAMES))
    fed = method.feed(frame, place(), heard[0])
    inputs = {name: torch.from_numpy(np.stack([value] * 2)) for name, value in fed.items()}
    with torch.inference_mode():
        made = {name: value.numpy()[0] for name, value in method.forward(inputs).items()}
    patch = method.patch(frame, place(), made)
    assert patch.pixels.dtype == np.uint8 and patch.weights.max() <= 1
    assert set(method.show(fed, made)) >= {"flow", "layers", "given"}
    assert method.view(frame, place()).shape == (200, 200, 3)


@pytest.mark.parametrize("at", [AT, Placement(30.0, 30.0, 120.0, -0.4)])
def test_nothing_far_from_the_mouth_is_looked_at(method, frame, at):
    notes = place().notes.copy()
    notes[:4] = at
    heard = np.full(len(NAMES), 0.5, np.float32)
    assert looks_only_into_its_region(method, frame, place(notes=notes), heard)
