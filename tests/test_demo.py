"""The weights and the sample data that come with the repository, and the demo made with them."""

import re

import cv2
import pytest
import torch
from safetensors import safe_open

import inference
from audio import load_wav
from jobs.arguments import SAMPLE_FACE, SAMPLE_SPEECH
from models import pretrained
from models.checkpoint import read_checkpoint
from models.lip_warp_method import LipWarpMethod
from models.methods import open_method
from video import probe

WEIGHTS = {
    pretrained.GENERATOR: "generator",
    pretrained.EXPERT: "expert",
    pretrained.LIP_WARP: "lip_warp",
    pretrained.LIP_HEARING: "lip_hearing",
    pretrained.LIP_SEEING: "lip_seeing",
    pretrained.LANDMARKS: "landmarks",
}
DUBBING = (
    pretrained.LIP_WARP, pretrained.LIP_HEARING, pretrained.LIP_SEEING, pretrained.LANDMARKS,
)  # fmt: skip


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_weights_load_and_say_how_they_were_made(path):
    checkpoint = read_checkpoint(path, WEIGHTS[path])
    assert checkpoint.step > 0 and checkpoint.hparams
    with safe_open(path, framework="pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds <= {torch.float16, torch.int64, torch.bool}


def test_weights_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS) < 25e6
    assert sum(path.stat().st_size for path in DUBBING) < 11.5e6


def test_what_dubs_by_default_opens():
    assert isinstance(open_method(pretrained.LIP_WARP), LipWarpMethod)


def test_sample_data_is_what_its_readme_says():
    face = probe(SAMPLE_FACE)
    assert (face.width, face.height, face.fps) == (512, 512, 25)
    assert face.duration == pytest.approx(6, abs=0.1)
    for speech in sorted(SAMPLE_FACE.parent.glob("speech_*.wav")):
        assert len(load_wav(speech, 16000)) == 6 * 16000
    assert SAMPLE_SPEECH.is_file()


@pytest.mark.slow
def test_demo_makes_the_head_say_what_it_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert inference.main(["--demo", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    before, after = map(float, re.findall(r"mean similarity (0\.\d+)", said))
    assert after > before + 0.3
    assert said.splitlines()[-1] == "results/demo.mp4"
    assert probe(tmp_path / "results/demo.mp4").duration == pytest.approx(6, abs=0.1)
    assert cv2.imread("results/demo.png").shape[0] > 1000
