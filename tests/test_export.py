"""Graphs of networks: other engines make of them what torch does, whatever the batch."""

import numpy as np
import pytest
import torch

from export import graph, onnx, openvino
from export.engines import EngineError, OnnxEngine, OpenVinoEngine
from export.forms import FORMS, part_that_runs
from models.checkpoint import save_weights
from models.davs.whole import DAVS
from models.face_finder import FaceFinder
from models.folding import fold_batch_norms
from models.landmarks import LandmarkNet
from models.lip_hearing import LipHearing
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp
from models.lipgan import LipGANGenerator, LipGANJudge
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.talkface import TalkFace
from models.talklip import TalkLipGenerator

TALKLIP = dict(
    embed_dim=16, hidden=32, layers=1, heads=2, position_kernel=8, position_groups=2,
    resnet_multiplier=0.03125, clusters=4,
)  # fmt: skip
NETWORKS = {
    "talkface": lambda: TalkFace(32, 32, 0.125),
    "lipgan": lambda: LipGANGenerator("residual", "mel", 32, 32, 0.0625),
    "lipgan_mfcc": lambda: LipGANGenerator("basic", "mfcc", 33, 33, 0.0625),  # sides that are odd
    "talklip": lambda: TalkLipGenerator(64, 64, 0.0625, **TALKLIP),
    "davs": lambda: DAVS(multiplier=0.0625),
    "lip_warp": lambda: LipWarp(0.25),
    "lip_hearing": lambda: LipHearing(16),
    "lip_hearing_causal": lambda: LipHearing(16, causal=True),
    "lip_seeing": lambda: LipSeeing(0.25),
    "expert": lambda: SyncNet(32, 32, 0.125),
    "face_finder": lambda: FaceFinder(0.25),
    "s3fd": lambda: S3FD(0.0625),
    "landmarks": lambda: LandmarkNet(0.25),
}


def engine(name: str, exported: bytes):
    if name == "onnx":
        pytest.importorskip("onnxruntime", reason="pip install onnxruntime onnx")
        return OnnxEngine(exported, threads=1)
    pytest.importorskip("openvino", reason="pip install openvino")
    return OpenVinoEngine(exported, threads=1)


QUICK = {"landmarks", "lip_hearing_causal", "lip_seeing"}  # to be traced


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS],
)
def test_engines_do_as_torch_does(name):
    pytest.importorskip("onnx", reason="pip install onnx")
    network = fold_batch_norms(part_that_runs(NETWORKS[name]().eval()))
    exported = graph.to_onnx(network)
    for kind in ("onnx", "openvino"):
        assert graph.prove(network, engine(kind, exported)) < 1e-4
    assert not network.training


def test_every_form_is_tried():
    assert {type(part_that_runs(make())) for make in NETWORKS.values()} == set(FORMS)


def test_a_graph_that_is_off_is_refused():
    network = LipSeeing(0.25).eval()
    inputs = FORMS[LipSeeing].example(network, graph.OTHER_BATCH)
    with torch.inference_mode():
        right = [part.numpy() for part in network(*inputs)]
    assert graph.prove(network, lambda given: right) == 0
    wrong = [right[0] + 0.02, *right[1:]]
    with pytest.raises(graph.ExportError, match="LipSeeing is off by values 2.0e-02, doubt 0"):
        graph.prove(network, lambda given: wrong)
    with pytest.raises(graph.ExportError):
        graph.prove(network, lambda given: [np.full_like(part, np.nan) for part in right])


@pytest.fixture
def checkpoint(tmp_path):
    save_weights(tmp_path / "warp.safetensors", LipWarp(0.25), {})
    return tmp_path / "warp.safetensors"


def test_the_command_writes_onnx(checkpoint, capsys):
    onnx_package = pytest.importorskip("onnx", reason="pip install onnx")
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    assert onnx.main([str(checkpoint)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "LipWarp, ONNX opset 18, off by" in said[0] and said[-1].endswith("warp.onnx")
    model = onnx_package.load(said[-1])
    assert [entry.version for entry in model.opset_import] == [18]
    assert "GridSample" not in {node.op_type for node in model.graph.node}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.slow
def test_the_command_writes_openvino(checkpoint, tmp_path):
    package = pytest.importorskip("openvino", reason="pip install openvino")
    assert openvino.main([str(checkpoint), str(tmp_path / "new" / "a.xml")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.bin", "a.xml"]
    model = package.Core().read_model(tmp_path / "new" / "a.xml")
    assert [port.any_name for port in model.inputs] == ["face", "reference", "lips", "face_lips"]


def test_what_makes_no_video_is_named(tmp_path, capsys):
    save_weights(tmp_path / "judge.safetensors", LipGANJudge("mel", 32, 32, 0.0625), {})
    assert onnx.main([str(tmp_path / "judge.safetensors")]) == 1
    assert "LipGANJudge is no network that makes or judges videos" in capsys.readouterr().err
    assert not (tmp_path / "judge.onnx").exists()


def test_another_suffix_is_refused(checkpoint, capsys):
    with pytest.raises(SystemExit) as end:
        onnx.main([str(checkpoint), "warp.tflite"])
    assert end.value.code == 2 and "ends in .onnx" in capsys.readouterr().err


def test_a_provider_that_is_not_there_is_named():
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    with pytest.raises(EngineError, match="no DmlExecutionProvider, only .*CPUExecution"):
        OnnxEngine(b"", provider="directml")


def test_an_engine_that_is_not_installed_says_how(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(EngineError, match="pip install openvino"):
        OpenVinoEngine(b"")
