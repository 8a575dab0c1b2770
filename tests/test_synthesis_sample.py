"""The sample data's maker: the same files every time, of the length and size asked for."""

import numpy as np
import pytest

from audio import load_wav
from synthesis import make_sample
from tests.espeak_mark import skips_without_espeak
from video import probe, read_frames

pytestmark = [pytest.mark.espeak, skips_without_espeak]


class GreyRenderer:
    """Stands in for the real one: a grey that follows the jaw."""

    def __init__(self, head, speaker, scene, width: int, height: int) -> None:
        self.width, self.height = width, height

    def render(self, performance, frame: int) -> np.ndarray:
        level = 80 + round(100 * float(performance.weights["jawOpen"][frame]))
        return np.full((self.height, self.width, 3), level, np.uint8)


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(make_sample, "Renderer", GreyRenderer)
    monkeypatch.setattr(make_sample, "load_head", lambda path: None)

    def run(name, *flags):
        out = tmp_path / name
        flags = ("--seconds", "1", "--size", "64", *flags)
        make_sample.main(["--head_model", "head", "--out", str(out), *flags])
        return out

    return run


def test_a_head_and_speeches_are_made(make):
    out = make("a")
    names = {path.name for path in out.iterdir()}
    assert names == {f"{n}.{s}" for n, s in (
        ("face", "mp4"), ("face", "txt"), ("speech_en", "wav"), ("speech_en", "txt"),
        ("speech_sv", "wav"), ("speech_sv", "txt"),
    )}  # fmt: skip
    face = probe(out / "face.mp4")
    assert (face.width, face.height, face.fps) == (64, 64, 25)
    levels = [frame.mean() for frame in read_frames(face)]
    assert len(levels) == 25 and max(levels) - min(levels) > 5
    assert abs(load_wav(out / "speech_en.wav", 16000)).max() > 0.05
    assert (out / "speech_sv.txt").read_text().strip()


def test_the_seed_says_what_is_made(make):
    first, again, other = make("a"), make("b"), make("c", "--seed", "1")
    for name in ("speech_en.wav", "face.txt"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
        assert (first / name).read_bytes() != (other / name).read_bytes()
