"""S3FD: the boxes of given network outputs, batches, precision, and whose weights they are."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from face_detection import make_detector
from face_detection import s3fd as s3fd_module
from face_detection.s3fd import MEAN, S3FDDetector, check_published, decode
from models.s3fd import S3FD

GOLDEN = Path(__file__).parent / "data" / "golden_boxes.npz"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A narrow S3FD with random weights that sees faces in places."""
    torch.manual_seed(0)
    network = S3FD(multiplier=1 / 16)
    path = tmp_path_factory.mktemp("s3fd") / "narrow.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def detector(weights, monkeypatch) -> S3FDDetector:
    monkeypatch.setattr(s3fd_module, "CPU_BATCH", 4)
    return S3FDDetector(weights, precision="fp32")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (96, 160, 3), np.uint8) for _ in range(6)]


@pytest.mark.parametrize("image", [0, 1])
def test_boxes_equal_the_originals(image):
    golden = np.load(GOLDEN)
    boxes = decode([golden[f"map_{number}"][image] for number in range(12)])
    expected = golden[f"boxes_{image}"]
    assert boxes.shape == expected.shape
    np.testing.assert_allclose(boxes, expected, atol=1e-3)


def test_red_comes_first_and_the_mean_of_blue_is_taken_from_it(detector, monkeypatch):
    seen = []
    network = detector._network
    monkeypatch.setattr(detector, "_network", lambda batch: seen.append(batch) or network(batch))
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 2] = 200  # BGR: red
    detector.detect([image])
    assert seen[0][0, :, 0, 0].tolist() == [200 - MEAN[0], -MEAN[1], -MEAN[2]]


def test_batching_and_mixed_sizes_change_no_box(detector, images):
    small = images[0][:40, :40]
    together = detector.detect([images[0], small, *images[1:]])
    alone = [detector.detect([image])[0] for image in (images[0], small, *images[1:])]
    assert sum(map(len, alone)) > 0
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_tiny_pictures_and_none_are_fine(detector):
    assert detector.detect([]) == []
    assert detector.detect([np.zeros((1, 3, 3), np.uint8)])[0].shape[1] == 5


def test_a_batch_that_does_not_fit_is_halved(detector, images, monkeypatch, caplog):
    expected = detector.detect(images)
    network = detector._network

    def small_memory(batch):
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return network(batch)

    monkeypatch.setattr(detector, "_network", small_memory)
    found = detector.detect(images)
    assert "batch size 1" in caplog.text
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_picture_too_large_for_the_memory_is_an_error_of_one_line(detector, images, monkeypatch):
    def no_memory(batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(detector, "_network", no_memory)
    height, width = images[0].shape[:2]
    with pytest.raises(
        ValueError, match=f"no memory left for even one picture of {width}x{height}"
    ):
        detector.detect(images)


def test_other_failures_are_not_taken_for_full_memory(detector, images, monkeypatch):
    def broken(batch):
        raise RuntimeError("expected scalar type Float")

    monkeypatch.setattr(detector, "_network", broken)
    with pytest.raises(RuntimeError, match="scalar type"):
        detector.detect(images)


def test_bf16_gives_nearly_the_same_faces(weights, images):
    exact = S3FDDetector(weights, precision="fp32").detect(images)
    coarse = S3FDDetector(weights, precision="bf16").detect(images)
    surest = [(one[0], other[0]) for one, other in zip(exact, coarse, strict=True) if len(one)]
    assert surest
    for one, other in surest:
        assert abs(one[4] - other[4]) < 0.05


@pytest.mark.parametrize("has_amx, expected", [(True, "bfloat16"), (False, "float32")])
def test_bf16_only_where_the_processor_is_made_for_it(weights, monkeypatch, has_amx, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has_amx})
    assert S3FDDetector(weights).settings["precision"] == expected


def test_unpublished_weights_are_warned_of(weights, caplog):
    with caplog.at_level(logging.WARNING):
        sha256 = check_published(weights)
    assert sha256[:10] in caplog.text and "619a316812" in caplog.text


def test_published_weights_are_not(weights, caplog, monkeypatch):
    monkeypatch.setattr(s3fd_module, "PUBLISHED_SHA256", check_published(weights)[:10])
    caplog.clear()
    check_published(weights)
    assert not caplog.text


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="models.pretrained s3fd"):
        make_detector("s3fd", s3fd_path=tmp_path / "none.pth")


def test_auto_takes_the_weights_that_are_given(weights):
    assert make_detector("auto", s3fd_path=weights).settings["detector"] == "s3fd"
