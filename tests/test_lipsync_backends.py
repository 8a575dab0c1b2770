"""lipsync/backends: batches do not show, and shrink where memory runs out."""

import numpy as np
import pytest
import torch

from lipsync.backends.choice import load_backend
from models.talkface import TalkFace
from tests.deterministic import filled
from tests.lipsync_material import Painter, backend, generate, save_tiny_generator

CPU = torch.device("cpu")


def inputs(count, size=32):
    random = np.random.RandomState(0)
    windows = random.standard_normal((count, 80, 16)).astype(np.float32)
    return windows, random.randint(0, 256, (count, size, size, 3)).astype(np.uint8)


def test_frames_do_not_depend_on_the_batch():
    runs = backend(filled(TalkFace(32, 32, 0.125)))
    windows, faces = inputs(7)
    whole = generate(runs, windows, faces)
    runs.batch_size = 3
    assert np.abs(generate(runs, windows, faces).astype(int) - whole).max() <= 1
    assert whole.shape == faces.shape and whole.dtype == np.uint8


class Hungry(Painter):
    """Runs out of memory above four faces."""

    def forward(self, mel, face):
        if len(face) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return super().forward(mel, face)


def test_a_batch_that_does_not_fit_is_halved_for_good(caplog):
    runs = backend(Hungry(), batch_size=32)
    made = generate(runs, *inputs(21))
    assert made.shape == (21, 32, 32, 3) and (made == 40).all()
    assert runs.batch_size == 3  # 21 -> 11 -> 6 -> 3
    assert "going on with batches of 3" in caplog.text


class Starving(Painter):
    def forward(self, mel, face):
        raise torch.OutOfMemoryError("out of memory")


class Broken(Painter):
    def forward(self, mel, face):
        raise RuntimeError("shapes do not match")


def test_other_errors_are_raised_as_they_are():
    with pytest.raises(RuntimeError, match="shapes"):
        generate(backend(Broken()), *inputs(5))


def test_one_face_that_does_not_fit_is_told_with_a_way_out():
    with pytest.raises(ValueError, match="for even one face; .*--device cpu"):
        generate(backend(Starving()), *inputs(5))


def test_a_checkpoint_says_its_own_size_and_sound(tmp_path):
    path = save_tiny_generator(tmp_path / "tiny.pth")
    runs = load_backend(path, CPU, "fp32", None)
    network, hearing = runs.generator.network, runs.generator.hearing
    assert (network.height, network.width) == (32, 32)
    assert (hearing.name, hearing.numbers["num_mels"]) == ("mel80x16", 80)
    assert runs.batch_size == 16
