"""The face detector's training: heads, composed scenes, assignment, losses, scores, the script."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from detector_training.backgrounds import paint_scene_background
from detector_training.degrade import degrade
from detector_training.heads import FACE_FROM, read_bank
from detector_training.headwear import WEAR, dress
from detector_training.losses import (
    assign,
    box_overlaps,
    count_positive,
    detection_losses,
    landmark_loss,
)
from detector_training.make_heads import main as make_heads
from detector_training.make_heads import shoot
from detector_training.real_frames import RealFrame, cut_frame, read_real_frames
from detector_training.scene_batches import Scenes, as_tensors
from detector_training.scenes import MOST_HEADS, Composer, Placed, SceneTruth, lay, truth_of
from detector_training.scores import DetectionScore, average_precision
from detector_training.train import DetectorTrainer, main
from face_detection.boxes import intersection_over_union
from hparams import FaceFinderHParams
from models.checkpoint import load, read_checkpoint
from models.face_finder import FaceFinder, cells
from synthesis.figure.speaker import Speaker
from tests.small_head import small_head
from tests.toy_heads import write_toy_bank
from training.engine.runtime import Runtime


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> Path:
    return write_toy_bank(tmp_path_factory.mktemp("heads"))


@pytest.fixture(scope="module")
def bank(heads):
    return read_bank(heads)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# Heads.


def test_people_are_for_training_or_for_validation(bank):
    kept, seen = bank.heads(held_out=True), bank.heads(held_out=False)
    assert len(kept) == 2 and len(kept) + len(seen) == len(bank.cutouts)
    assert not set(bank.people[kept]) & set(bank.people[seen])


def test_no_bank_says_how_one_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="detector_training.make_heads"):
        read_bank(tmp_path)


def test_a_face_seen_from_the_front_has_the_box_of_synthesis(bank):
    outline = bank.face(0).outline
    landmarks = outline[:68]
    height = np.ptp(landmarks[:, 1])
    assert outline[:, 1].min() == pytest.approx(landmarks[:, 1].min() - 0.25 * height, abs=0.01)
    assert outline[:, 0].min() == pytest.approx(landmarks[:, 0].min())


@pytest.mark.slow
def test_a_made_head_is_cut_out_where_its_face_is(rng):
    cutout, face = next(shoot(small_head(), Speaker.draw(3), rng))
    cover = cutout[..., 3]
    assert (cover[:8] == 0).all() and 0.1 < (cover > 127).mean() < 0.8
    inside = face.landmarks.round().astype(int)
    if face.facing > FACE_FROM:
        assert (cover[inside[:, 1], inside[:, 0]] > 127).all()


# Scenes.


def test_the_same_number_gives_the_same_scene(bank):
    one, other = (Composer(bank, 128, seed=4).compose(7) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(np.array(one[1].boxes), np.array(other[1].boxes))
    assert not np.array_equal(one[0], Composer(bank, 128, seed=5).compose(7)[0])


def test_scenes_are_pictures_with_faces_of_all_sizes(bank):
    composer = Composer(bank, 320, seed=0)
    truths = []
    for number in range(60):
        image, truth = composer.compose(number)
        assert image.shape == (320, 320, 3) and image.dtype == np.uint8
        assert len(truth.boxes) <= MOST_HEADS
        truths.append(truth)
    asked = [box for t in truths for box, wanted in zip(t.boxes, t.asked, strict=True) if wanted]
    heights = np.array([box[3] - box[1] for box in asked])
    assert heights.min() < 40 and heights.max() > 250
    assert any(not truth.boxes for truth in truths)


def test_a_head_lies_where_the_truth_says(bank, rng):
    image, owner = np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), np.uint8)
    warp = np.array([[0.4, -0.1, 60.0], [0.1, 0.4, 30.0]])
    lay(image, owner, np.asarray(bank.cutouts[1]), warp, number=3)
    mouth = (
        cv2.transform(bank.face(1).landmarks[None, 3:5], warp)[0].mean(axis=0).round().astype(int)
    )
    skin = image[owner == 3].reshape(-1, 3).astype(int)
    assert (owner == 3).sum() > 2000
    assert image[mouth[1], mouth[0]].max() < 60 < skin.max()


def test_what_is_covered_or_turned_away_is_not_asked_for(bank):
    """Of 60 scenes, no face that is asked for is hidden or of the person who turns away."""
    composer = Composer(bank, 160, seed=1)
    away = bank.facing < 0
    assert away.any()
    alone = Composer(
        type(bank)(
            bank.cutouts[away], bank.outlines[away], bank.landmarks[away], bank.facing[away],
            bank.people[away], bank.backgrounds,
        ), 160, seed=1,
    )  # fmt: skip
    assert sum(len(alone.compose(number)[1].boxes) for number in range(20)) == 0
    assert sum(len(composer.compose(number)[1].boxes) for number in range(20)) > 0


def place(facing: float = 1.0, left: float = 20.0) -> Placed:
    """A face of 60x70 pixels, from `left` and the 30th row on."""
    outline = np.array([[0, 0], [60, 0], [60, 70], [0, 70]], np.float32) + [left, 30]
    landmarks = np.array([[15, 25], [45, 25], [30, 40], [18, 55], [42, 55]]) + [left, 30]
    return Placed(1, outline, landmarks, facing, area=60.0 * 70.0)


@pytest.mark.parametrize(
    "change, said",
    [
        ({}, [True]),
        ({"facing": -0.1}, [False]),  # neither a profile nor the back of a head
        ({"facing": -0.9}, []),
        ({"left": -27.0}, [True]),
        ({"left": -34.0}, [False]),  # more than half of it is beyond the frame
        ({"left": -58.0}, []),
    ],
)
def test_which_faces_are_asked_for(change, said, rng):
    image = cv2.resize(rng.integers(0, 255, (8, 8, 3), np.uint8), (128, 128))
    head, owner = place(**change), np.ones((128, 128), np.uint8)
    assert truth_of([head], owner, image).asked == said
    if said == [True]:
        assert truth_of([head], owner, np.full_like(image, 90)).asked == [False]  # nothing is seen
        owner[30:70] = 2  # another head before its upper half
        assert truth_of([head], owner, image).asked == [False]


@pytest.mark.parametrize("kind", WEAR)
def test_headwear_covers_something_and_moves_nothing(kind, bank, rng, monkeypatch):
    before = np.asarray(bank.cutouts[0])
    for kinds in ("KINDS", "HATS"):
        monkeypatch.setattr(f"detector_training.headwear.{kinds}", (kind,))
    after = dress(before, bank.face(0), rng)
    changed = (after != before).any(axis=2)
    assert 100 < changed.sum() < 0.7 * changed.size
    np.testing.assert_array_equal(before, bank.cutouts[0])


def test_pictures_are_spoilt_but_not_lost(rng):
    image = np.full((96, 96, 3), 120, np.uint8)
    image[32:64, 32:64] = 220
    for _ in range(40):
        bad = degrade(image, rng)
        assert bad.shape == image.shape and bad.dtype == np.uint8
        assert bad[40:56, 40:56].mean() > bad[8:24, 8:24].mean()


def test_grounds_are_of_the_asked_size_with_and_without_photographs(rng):
    painted = rng.integers(0, 255, (384, 384, 3), np.uint8)
    photograph = rng.integers(0, 255, (90, 200, 3), np.uint8)
    for photographs in ((), (photograph,)):
        for _ in range(20):
            assert paint_scene_background(96, painted, photographs, rng).shape == (96, 96, 3)


# Frames of videos.


class OneFace:
    """A detector that is always sure of one box."""

    settings = {"detector": "one face"}

    def __init__(self, score: float) -> None:
        self.score = score

    def detect(self, images):
        return [np.array([[20, 10, 60, 70, self.score]]) for _ in images]


@pytest.fixture
def clips(tmp_path) -> Path:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (96, 80))
    for _ in range(25):
        writer.write(np.full((80, 96, 3), 128, np.uint8))
    writer.release()
    return tmp_path


def test_only_sure_faces_of_videos_are_taken(clips, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips / "cache"))
    frames = read_real_frames(clips, OneFace(0.95))
    assert len(frames) == 5  # a second, looked at five times
    assert frames[0].box.tolist() == [20, 10, 60, 70]
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips / "other"))
    assert read_real_frames(clips, OneFace(0.6)) == []


def test_scenes_of_videos_have_a_box_and_no_landmarks(bank, monkeypatch):
    monkeypatch.setattr("detector_training.scenes.REAL_SHARE", 1.0)
    frame = RealFrame(np.zeros((80, 96, 3), np.uint8), np.array([20, 10, 60, 70.0]))
    _, truth = Composer(bank, 64, seed=0, real=[frame]).compose(0)
    assert truth.asked == [True] and np.isnan(truth.landmarks[0]).all()


def test_a_folder_without_videos_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no videos"):
        read_real_frames(tmp_path, OneFace(1.0))


def test_a_frames_face_is_where_its_box_says(rng):
    image = np.zeros((80, 96, 3), np.uint8)
    image[10:70, 20:60] = 255
    for _ in range(20):
        ground = np.full((128, 128, 3), 90, np.uint8)
        cut, box = cut_frame(RealFrame(image, np.array([20, 10, 60, 70.0])), ground, rng)
        left, top, right, bottom = box.clip(0, 128).round().astype(int)
        assert cut[top + 2 : bottom - 2, left + 2 : right - 2].mean() > 250
        assert 15 < box[3] - box[1] < 151
        assert set(np.unique(ground)) == {90}


# Assignment and losses.


def boxes_of(*boxes) -> dict[str, torch.Tensor]:
    truth = SceneTruth()
    for box in boxes:
        truth.add(np.array(box), np.full((5, 2), 50.0), asked=True)
    return {name: value[None] for name, value in as_tensors(truth).items()}


def assign_slowly(centres, strides, boxes) -> set[tuple[int, int]]:
    """(cell, face) pairs: by the words of `assign`, one after the other."""
    pairs = set()
    for cell, ((x, y), stride) in enumerate(zip(centres, strides, strict=True)):
        near = []
        for face, (left, top, right, bottom) in enumerate(boxes):
            size = ((right - left) * (bottom - top)) ** 0.5 / stride
            away = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2)) / stride
            inside = min(x - left, y - top, right - x, bottom - y) > 0.5
            suits = (size >= 2.25 or stride == 8) and (size <= 7.5 or stride == 64)
            if inside and suits and away <= 1.2:
                near.append((away, face))
        if near:
            pairs.add((cell, min(near)[1]))
    return pairs


def test_cells_are_assigned_as_the_slow_way_does(rng):
    centres, strides = cells([(32, 32), (16, 16), (8, 8), (4, 4)])
    corner = rng.uniform(0, 200, (8, 2))
    sides = np.exp(rng.uniform(np.log(12), np.log(300), (8, 1)))
    boxes = np.concatenate([corner, corner + sides * [0.75, 1]], axis=1).astype(np.float32)
    batch = boxes_of(*boxes)
    found = assign(centres, strides, batch["boxes"], batch["asked"], batch["known"])
    cell = found.positive[0].nonzero()[:, 0]
    pairs = set(zip(cell.tolist(), found.face[0, cell].tolist(), strict=True))
    assert pairs == assign_slowly(centres.tolist(), strides.tolist(), boxes.tolist())
    assert {face for _, face in pairs} == set(range(8))


@pytest.mark.parametrize("height", [15, 20, 40, 80, 160, 430])
def test_every_face_has_cells(height):
    centres, strides = cells([(40, 40), (20, 20), (10, 10), (5, 5)])
    for shift in np.linspace(0, 64, 9):
        left, top = 100 + shift - height * 0.375, 110 + shift - height * 0.5
        batch = boxes_of([left, top, left + 0.75 * height, top + height])
        found = assign(centres, strides, batch["boxes"], batch["asked"], batch["known"])
        assert found.positive.sum() >= 1


def test_within_faces_that_nobody_can_tell_nothing_is_judged():
    centres, strides = cells([(16, 16), (8, 8), (4, 4), (2, 2)])
    batch = boxes_of([20, 20, 100, 110])
    asked = torch.zeros_like(batch["asked"])
    found = assign(centres, strides, batch["boxes"], asked, batch["known"])
    assert not found.positive.any()
    inside = ((centres > 20.5) & (centres < torch.tensor([99.5, 109.5]))).all(dim=1)
    assert not found.counts[0, inside].any() and found.counts[0, ~inside].all()


def test_overlaps_equal_the_detectors(rng):
    corner = rng.uniform(0, 50, (2, 30, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (2, 30, 2))], axis=2)
    overlap, generalised = box_overlaps(*torch.from_numpy(boxes))
    np.testing.assert_allclose(overlap, intersection_over_union(*boxes).diagonal(), atol=1e-6)
    assert (generalised <= overlap).all() and (generalised > -1).all()


def test_unknown_landmarks_cost_nothing():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    truth = torch.full((2, 5, 2), float("nan"))
    truth[1] = 3.0
    found = torch.full((2, 5, 2), 4.0, requires_grad=True)
    loss = landmark_loss(found, truth, boxes)
    loss.backward()
    assert loss > 0 and found.grad[0].abs().sum() == 0 and found.grad[1].abs().sum() > 0


def test_a_scene_without_faces_has_a_finite_loss():
    batch = boxes_of()
    levels = FaceFinder(1 / 16).eval()(torch.zeros(1, 3, 64, 64))
    losses = detection_losses(levels, batch)
    losses["loss"].backward()
    assert torch.isfinite(losses["loss"]) and losses["box"] == 0 and losses["landmarks"] == 0


def test_the_losses_of_the_parts_are_those_of_the_batch(bank):
    """Whatever number of faces a part has."""
    scenes = Scenes(Composer(bank, 128, 3))
    whole = default_collate([scenes[number] for number in range(4)])
    parts = [{n: v[rows] for n, v in whole.items()} for rows in (slice(0, 1), slice(1, 4))]
    network = FaceFinder(1 / 16).eval()

    def losses(batch, count=None):
        levels = network(batch["image"].permute(0, 3, 1, 2))
        return detection_losses(levels, batch, count)["loss"]

    count = sum(count_positive(part) for part in parts)
    assert count == count_positive(whole) > 0
    summed = sum(losses(part, count) for part in parts)
    torch.testing.assert_close(summed, losses(whole))
    trainer = DetectorTrainer(
        Runtime(torch.device("cpu")), FaceFinderHParams(multiplier=1 / 16), scenes
    )
    assert trainer.count_all(parts) == count / 2 and trainer.count_all([whole]) is None


# Scores.


def test_average_precision_of_a_known_order():
    assert average_precision(np.array([True, True]), 2) == 1
    assert average_precision(np.array([True, False, True]), 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([False]), 3) == 0
    assert average_precision(np.zeros(0, bool), 3) == 0


def test_doubles_are_wrong_and_hits_of_what_is_not_asked_for_are_neither():
    score = DetectionScore()
    boxes = np.array([[0, 0, 10, 10], [50, 50, 90, 90.0]])
    faces = np.array([[0, 0, 10, 10, 0.9], [0, 0, 10, 9, 0.8], [50, 50, 90, 88, 0.7]])
    landmarks = np.zeros((3, 5, 2))
    score.add(faces, landmarks, boxes, np.array([True, False]), np.ones((2, 5, 2)))
    found = score.read()
    assert found["recall"] == 1 and found["precision"] == 0.5 and found["median_iou"] == 1
    assert found["landmark_error"] == pytest.approx(2**0.5 / 10)


# The script.


def arguments(heads: Path, folder: Path, steps: int, *more: str) -> list[str]:
    narrow = "multiplier=0.125,log_interval=1,eval_interval=2,checkpoint_interval=2,warmup_steps=1"
    return [
        "--heads", str(heads), "--checkpoint_dir", str(folder), "--max_steps", str(steps),
        "--batch_size", "2", "--scene_size", "64", "--validation_scenes", "3", "--workers", "0",
        "--device", "cpu", "--precision", "fp32", "--hparams", narrow, *more,
    ]  # fmt: skip


def test_the_script_trains_and_exports(heads, tmp_path, capsys):
    assert main(arguments(heads, tmp_path / "run", 2)) == 0
    exported = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert exported.name == "face_small.safetensors"
    assert load(exported, "face_finder").multiplier == 0.125
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    validation = [line for line in lines if line["split"] == "val"][-1]
    assert {"average_precision", "median_iou", "landmark_error"} <= validation.keys()
    assert list((tmp_path / "run" / "samples_step000000002").glob("*.png"))


def test_a_run_goes_on_as_if_it_had_not_stopped(heads, tmp_path):
    assert main(arguments(heads, tmp_path / "whole", 4)) == 0
    middle = tmp_path / "whole" / "checkpoint_step000000002.pth"
    resumed = arguments(heads, tmp_path / "resumed", 4, "--checkpoint_path", str(middle))
    assert main(resumed) == 0
    one, other = (
        read_checkpoint(tmp_path / name / "checkpoint_step000000004.pth").state_dict
        for name in ("whole", "resumed")
    )
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_an_occupied_folder_and_a_missing_bank_are_refused(heads, tmp_path, capsys):
    (tmp_path / "checkpoint_step000000009.pth").touch()
    assert main(arguments(heads, tmp_path, 2)) == 1
    assert "holds checkpoints up to step 9" in capsys.readouterr().err
    assert main(arguments(tmp_path, tmp_path / "new", 2)) == 1
    assert "no bank of heads" in capsys.readouterr().err


@pytest.mark.parametrize("flag, value", [("--scene_size", "9"), ("--batch_size", "0")])
def test_wrong_flags_are_told(heads, tmp_path, flag, value):
    with pytest.raises(SystemExit):
        main([*arguments(heads, tmp_path, 2), flag, value])


@pytest.mark.slow
def test_it_learns_to_find_drawn_heads(heads, tmp_path):
    numbers = "multiplier=0.5,ema_decay=0.9,eval_interval=300,warmup_steps=20"
    more = (
        "--scene_size",
        "160",
        "--batch_size",
        "8",
        "--hparams",
        numbers,
        "--validation_scenes",
        "48",
    )
    assert main(arguments(heads, tmp_path, 300, *more)) == 0
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open()]
    validation = [line for line in lines if line["split"] == "val"][-1]
    assert validation["average_precision"] > 0.4


def test_scenes_become_tensors_of_one_shape(bank):
    items = [Scenes(Composer(bank, 64, seed=0))[number] for number in range(6)]
    assert {tuple(item["boxes"].shape) for item in items} == {(MOST_HEADS, 4)}
    assert all((item["asked"] <= item["known"]).all() for item in items)


@pytest.mark.slow
def test_a_bank_is_made_and_read_again(shared_data, tmp_path, capsys):
    model = str(shared_data / "ict_facekit.npz")
    made = [
        "--head_model",
        model,
        "--out",
        str(tmp_path / "a"),
        "--people",
        "1",
        "--backgrounds",
        "2",
    ]
    assert make_heads(made) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "a")
    bank = read_bank(tmp_path / "a")
    assert len(bank.cutouts) == 18 and len(bank.backgrounds) == 2
    assert np.abs(bank.facing).max() <= 1 and (bank.cutouts[..., 3].mean(axis=(1, 2)) > 20).all()


def test_a_missing_head_model_is_told(tmp_path, capsys):
    assert make_heads(["--head_model", str(tmp_path / "none"), "--out", str(tmp_path)]) == 1
    assert "no head model at" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        make_heads(["--head_model", "x", "--out", "y", "--people", "0"])
