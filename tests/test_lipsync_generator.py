"""lipsync/generator.py: batches do not show, and shrink where memory runs out."""

import numpy as np
import pytest
import torch

from lipsync.generator import (
    Generator,
    load_generator,
)
from models.talkface import TalkFace
from tests.deterministic import filled
from tests.lipsync_material import Painter, save_tiny_generator

CPU = torch.device("cpu")


def inputs(count, size=32):
    random = np.random.RandomState(0)
    windows = random.standard_normal((count, 80, 16)).astype(np.float32)
    return windows, random.randint(0, 256, (count, size, size, 3)).astype(np.uint8)


def test_frames_do_not_depend_on_the_batch():
    generator = Generator(filled(TalkFace(32, 32, 0.125)), device=CPU, precision="fp32")
    windows, faces = inputs(7)
    whole = generator.generate(windows, faces)
    generator.batch_size = 3
    assert np.abs(generator.generate(windows, faces).astype(int) - whole).max() <= 1
    assert whole.shape == faces.shape and whole.dtype == np.uint8


class Hungry(Painter):
    """Runs out of memory above four faces."""

    def forward(self, mel, face):
        if len(face) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return super().forward(mel, face)


def test_a_batch_that_does_not_fit_is_halved_for_good(caplog):
    generator = Generator(Hungry(), device=CPU, precision="fp32", batch_size=32)
    made = generator.generate(*inputs(21))
    assert made.shape == (21, 32, 32, 3) and (made == 40).all()
    assert generator.batch_size == 3  # 21 -> 11 -> 6 -> 3
    assert "going on with batches of 3" in caplog.text


class Starving(Painter):
    def forward(self, mel, face):
        raise torch.OutOfMemoryError("out of memory")


class Broken(Painter):
    def forward(self, mel, face):
        raise RuntimeError("shapes do not match")


def test_other_errors_are_raised_as_they_are():
    with pytest.raises(RuntimeError, match="shapes"):
        Generator(Broken(), device=CPU, precision="fp32").generate(*inputs(5))


def test_one_face_that_does_not_fit_is_told_with_a_way_out():
    with pytest.raises(ValueError, match="for even one face; .*--device cpu"):
        Generator(Starving(), device=CPU, precision="fp32").generate(*inputs(5))


def test_a_checkpoint_says_its_own_size_and_sound(tmp_path):
    path = save_tiny_generator(tmp_path / "tiny.pth")
    generator, hp = load_generator(path, CPU, "fp32", None)
    assert (generator.height, generator.width, hp.img_size) == (32, 32, 32)
    assert generator.batch_size == 16
