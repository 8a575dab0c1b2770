"""The small detector: its network's shapes and cost, what its outputs mean, and who uses it."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from face_detection import detectors as detectors_module
from face_detection import make_detector
from face_detection.face_finder import FaceFinderDetector, select_faces
from models.checkpoint import CheckpointError, load, read_checkpoint, save_weights
from models.face_finder import LANDMARK_UNIT, STRIDES, FaceFinder, cells, decode
from models.folding import fold_batch_norms


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A narrow network with random weights that sees faces in places."""
    torch.manual_seed(0)
    network = FaceFinder(multiplier=1 / 8)
    torch.nn.init.normal_(network.head.weight, std=1.0)
    torch.nn.init.zeros_(network.head.bias)
    path = tmp_path_factory.mktemp("small") / "narrow.safetensors"
    save_weights(path, network, {"multiplier": 1 / 8}, step=3, half=True)
    return path


@pytest.fixture
def images() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (96, 160, 3), np.uint8) for _ in range(3)]


def test_it_is_small_and_cheap(tmp_path):
    network = FaceFinder().eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 360, 640))
    assert counter.get_total_flops() / 2 < 1.0e9  # multiplications with their additions
    save_weights(tmp_path / "a.safetensors", network, {}, half=True)
    assert (tmp_path / "a.safetensors").stat().st_size < 4e6


@pytest.mark.parametrize("height, width", [(360, 640), (97, 61), (1, 1)])
def test_there_is_a_cell_for_every_stride_of_any_picture(height, width):
    levels = FaceFinder(1 / 16).eval()(torch.zeros(1, 3, height, width))
    shapes = [tuple(level.shape[-2:]) for level in levels]
    assert shapes == [(-(-height // stride), -(-width // stride)) for stride in STRIDES]
    centres, strides = cells(shapes)
    assert len(centres) == len(strides) == sum(rows * columns for rows, columns in shapes)


def test_outputs_are_distances_from_the_cell_in_strides():
    levels = [torch.zeros(1, 15, size, size) for size in (8, 4, 2, 1)]
    level, row, column = levels[1], 2, 3  # stride 16: the cell on pixel (48, 32)
    edges = torch.tensor([1.0, 2.0, 3.0, 0.5])
    level[0, 0, row, column] = 7.0
    level[0, 1:5, row, column] = edges.log()
    level[0, 5:7, row, column] = torch.tensor([-0.25, 0.5])
    scores, boxes, landmarks = decode(levels)
    at = scores[0].argmax()
    expected = [48 - 16, 32 - 32, 48 + 48, 32 + 8]
    torch.testing.assert_close(boxes[0, at], torch.tensor(expected, dtype=torch.float32))
    eye = [48 - 0.25 * LANDMARK_UNIT * 16, 32 + 0.5 * LANDMARK_UNIT * 16]
    torch.testing.assert_close(landmarks[0, at, 0], torch.tensor(eye))


def test_a_cells_output_moves_with_the_picture():
    network = FaceFinder(1 / 8).eval()
    picture = torch.rand(1, 3, 256, 256) * 255
    moved = torch.zeros_like(picture)
    moved[..., 64:, 64:] = picture[..., :-64, :-64]  # the largest stride
    before, after = network(picture)[0], network(moved)[0]
    torch.testing.assert_close(after[..., 16:20, 16:20], before[..., 8:12, 8:12], atol=0.05, rtol=0)


def test_weights_are_known_for_what_they_are(weights, tmp_path):
    checkpoint = read_checkpoint(weights)
    assert (checkpoint.kind.name, checkpoint.shape(), checkpoint.step) == (
        "face_finder", {"multiplier": 1 / 8}, 3
    )  # fmt: skip
    torch.save(FaceFinder(0.25).state_dict(), tmp_path / "bare.pth")
    assert load(tmp_path / "bare.pth", "face_finder").multiplier == 0.25
    with pytest.raises(CheckpointError, match="this is a small face detector, not an S3FD"):
        make_detector("s3fd", s3fd_path=weights)


def test_folding_changes_nothing(images):
    network = FaceFinder(1 / 8)
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    network(batch)  # statistics unlike those at first
    before = [level.clone() for level in network.eval()(batch)]
    for one, other in zip(fold_batch_norms(network)(batch), before, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_faces_are_told_surest_first_without_doubles():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 60, 30], [80, 0, 90, 9]], float)
    landmarks = np.arange(40, dtype=float).reshape(4, 5, 2)
    faces, points = select_faces(np.array([0.6, 0.9, 0.7, 0.1]), boxes, landmarks)
    assert faces[:, 4].tolist() == [0.9, 0.7]
    assert faces[:, 0].tolist() == [1, 40]
    np.testing.assert_array_equal(points, landmarks[[1, 2]])


def test_batching_and_mixed_sizes_change_no_box(weights, images):
    detector = FaceFinderDetector(weights, precision="fp32")
    mixed = [images[0], images[0][:40, :40], *images[1:]]
    together = detector.detect_landmarks(mixed)
    alone = [detector.detect_landmarks([image])[0] for image in mixed]
    assert sum(len(faces) for faces, _ in alone) > 0
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-3)
        np.testing.assert_allclose(one[1], other[1], atol=1e-3)
        assert one[1].shape == (len(one[0]), 5, 2)
    assert detector.detect([]) == []
    assert detector.detect([np.zeros((1, 1, 3), np.uint8)])[0].shape[1] == 5


def test_bf16_moves_the_surest_face_by_little(weights, images):
    exact = FaceFinderDetector(weights, precision="fp32").detect(images)
    coarse = FaceFinderDetector(weights, precision="bf16").detect(images)
    assert max(map(len, exact))
    for one, other in zip(exact, coarse, strict=True):
        if len(one):
            nearest = np.abs(other[:, :4] - one[0, :4]).max(axis=1).min()
            assert nearest < 0.02 * (one[0, 2] - one[0, 0])


@pytest.fixture
def no_s3fd(tmp_path, monkeypatch):
    monkeypatch.setattr(detectors_module, "S3FD_PATH", tmp_path / "s3fd.pth")


def test_auto_takes_the_small_one_where_its_weights_are(no_s3fd, weights, monkeypatch, caplog):
    monkeypatch.setattr(detectors_module, "FACE_FINDER_PATH", weights)
    with caplog.at_level(logging.WARNING):
        assert make_detector("auto").settings["detector"] == "small"
    assert not caplog.text
    assert make_detector("haar").settings["detector"] == "haar"


def test_the_published_weights_go_before_it(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(detectors_module, "FACE_FINDER_PATH", weights)
    assert detectors_module.resolve_name("auto", s3fd_path=tmp_path / "given.pth") == "s3fd"


def test_missing_weights_are_an_error_that_names_the_file(no_s3fd, tmp_path, monkeypatch):
    monkeypatch.setattr(detectors_module, "FACE_FINDER_PATH", tmp_path / "none.safetensors")
    assert make_detector("auto").settings["detector"] == "haar"
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        make_detector("small")


def test_other_weights_give_other_cache_keys(weights, tmp_path):
    save_weights(tmp_path / "b.safetensors", FaceFinder(1 / 8), {"multiplier": 1 / 8})
    one, other = (
        FaceFinderDetector(path).settings for path in (weights, tmp_path / "b.safetensors")
    )
    assert one["weights"] != other["weights"]
