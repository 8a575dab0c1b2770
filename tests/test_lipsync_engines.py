"""Backends beside torch: the same faces, and a choice that is measured once."""

import numpy as np
import pytest
import torch

from lipsync.backends import choice
from lipsync.backends.choice import load_backend
from tests.lipsync_material import generate, save_tiny_generator
from tests.test_lipsync_backends import inputs

CPU = torch.device("cpu")
NEEDS = {"onnx": "onnxruntime", "openvino": "openvino"}


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return save_tiny_generator(tmp_path / "tiny.pth")


@pytest.mark.parametrize("name", NEEDS)
def test_faces_are_those_of_torch(name, checkpoint):
    pytest.importorskip(NEEDS[name], reason=f"pip install onnx {NEEDS[name]}")
    wanted = generate(load_backend(checkpoint, CPU, "fp32", None), *inputs(5))
    runs = load_backend(checkpoint, CPU, "fp32", 2, backend=name)  # the last batch is another's
    assert (runs.name, runs.precision) == (name, "fp32")
    assert np.abs(generate(runs, *inputs(5)).astype(int) - wanted).max() <= 1


def test_auto_measures_once_and_remembers(checkpoint, monkeypatch, tmp_path):
    seconds, measured = {"torch": 2.0, "onnx": 1.0, "openvino": 3.0}, []

    def measure(generator, name, device, precision):
        measured.append(name)
        return seconds[name]

    monkeypatch.setattr(choice, "_measure", measure)
    monkeypatch.setattr(choice, "is_installed", lambda name: True)
    monkeypatch.setattr(choice, "version", lambda name: "1.0")
    assert choice.fastest(checkpoint, CPU, "auto") == "onnx"
    assert choice.fastest(checkpoint, CPU, "auto") == "onnx"
    assert measured == ["torch", "onnx", "openvino"]
    monkeypatch.setattr(choice, "version", lambda name: "2.0")  # another answer may be true
    seconds["torch"] = 0.5
    assert choice.fastest(checkpoint, CPU, "auto") == "torch"
    (tmp_path / "cache" / "talkface" / "backends.json").write_text("[1")
    assert choice.fastest(checkpoint, CPU, "auto") == "torch" and len(measured) == 9


def test_auto_is_torch_where_nothing_else_is(checkpoint, monkeypatch):
    monkeypatch.setattr(choice, "is_installed", lambda name: False)
    assert load_backend(checkpoint, CPU, "fp32", None, backend="auto").name == "torch"


@pytest.mark.slow
def test_auto_really_measures(checkpoint):
    for package in NEEDS.values():
        pytest.importorskip(package, reason=f"pip install onnx {package}")
    runs = load_backend(checkpoint, CPU, "fp32", None, backend="auto")
    assert runs.name in ("torch", "onnx", "openvino")
    assert generate(runs, *inputs(3)).shape == (3, 32, 32, 3)


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"backend": "tflite"}, "no backend is called 'tflite'"),
        ({"backend": "torch", "provider": "cuda"}, "for --backend onnx"),
        ({"backend": "openvino", "provider": "cuda"}, "OpenVINO has the CPU alone"),
        ({"backend": "onnx", "precision": "bf16"}, "computes in fp32, not bf16"),
    ],
)
def test_what_cannot_be_is_said(choices, told, checkpoint):
    precision = choices.pop("precision", "fp32")
    with pytest.raises(ValueError, match=told):
        load_backend(checkpoint, CPU, precision, None, **choices)
