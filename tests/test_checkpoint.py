"""Checkpoints: every form in the wild loads, every wrong file is named, nothing is half written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import S3FD, SyncNet, TalkFace, VisualQualityDiscriminator
from models.checkpoint import (
    CheckpointError,
    describe,
    load,
    main,
    read_checkpoint,
    save_checkpoint,
    save_weights,
)
from tests.deterministic import draw, filled

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = json.loads((ROOT / "tests" / "data" / "published_checkpoints.json").read_text())
SHAPE = {"img_height": 32, "img_width": 48, "multiplier": 0.125}


@pytest.fixture
def network():
    return filled(TalkFace(32, 48, 0.125), seed=3)


@pytest.fixture
def inputs():
    return draw((2, 1, 80, 16), 1) * 8 - 4, draw((2, 6, 32, 48), 2)


def assert_same_output(loaded, network, inputs):
    assert not loaded.training
    with torch.inference_mode():
        torch.testing.assert_close(loaded(*inputs), network(*inputs))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_key_sets_load_strictly(tmp_path, name):
    weights = {
        key: torch.full(shape, 2, dtype=torch.int64) if not shape else torch.rand(shape)
        for key, shape in PUBLISHED[name]["keys"].items()
    }
    top = PUBLISHED[name]["top_level"]
    content = weights if isinstance(top, str) else {"state_dict": weights, "optimizer": {}}
    torch.save(content, tmp_path / name)
    kind = read_checkpoint(tmp_path / name).kind.name
    loaded = load(tmp_path / name, kind)
    for key, value in loaded.state_dict().items():
        original = weights.get(key, weights.get(f"module.{key}"))
        assert torch.equal(value, original)


def _wrapped(network):
    return {
        "state_dict": network.state_dict(),
        "optimizer": None,
        "global_step": 7,
        "global_epoch": 2,
    }


def _parallel(network):
    return {"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}


FORMS = {
    "bare": lambda network, path: torch.save(network.state_dict(), path),
    "wrapped": lambda network, path: torch.save(_wrapped(network), path),
    "parallel": lambda network, path: torch.save(_parallel(network), path),
    "old_pickle": lambda network, path: torch.save(
        network.state_dict(), path, _use_new_zipfile_serialization=False
    ),
    "safetensors": lambda network, path: save_weights(path, network, SHAPE),
    "ours": lambda network, path: save_checkpoint(path, {**_wrapped(network), "hparams": SHAPE}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_loads(tmp_path, network, inputs, form):
    FORMS[form](network, tmp_path / "weights")
    assert_same_output(load(tmp_path / "weights", "generator"), network, inputs)


@pytest.mark.filterwarnings("ignore")
def test_torchscript_archives_load(tmp_path, network, inputs):
    torch.jit.trace(network, inputs).save(str(tmp_path / "weights.pt"))
    assert_same_output(load(tmp_path / "weights.pt", "generator"), network, inputs)


def test_half_precision_comes_back_as_float(tmp_path, network):
    save_weights(tmp_path / "half.safetensors", network, SHAPE, half=True)
    save_weights(tmp_path / "full.safetensors", network, SHAPE)
    half, full = (tmp_path / f"{name}.safetensors" for name in ("half", "full"))
    assert half.stat().st_size < 0.6 * full.stat().st_size
    loaded = load(half, "generator")
    assert all(p.dtype == torch.float32 for p in loaded.parameters())


@pytest.mark.parametrize(
    ("network", "kind"),
    [(TalkFace, "generator"), (SyncNet, "expert"), (VisualQualityDiscriminator, "discriminator")],
)
@pytest.mark.parametrize("shape", [(96, 96, 0.25), (288, 192, 0.125), (48, 64, 0.375)])
def test_size_and_width_are_read_off_bare_weights(tmp_path, network, kind, shape):
    torch.save(network(*shape).state_dict(), tmp_path / "bare.pth")
    loaded = load(tmp_path / "bare.pth", kind)
    assert (loaded.height, loaded.width, loaded.multiplier) == shape


def test_a_stated_size_is_believed_before_the_tensors(tmp_path):
    """By the constructor's arguments in our files, by the hyperparameters in those of before."""
    network = TalkFace(90, 70, 0.1)
    stated = {"img_height": 90, "img_width": 70, "multiplier": 0.1}
    save_weights(tmp_path / "now", network, {**stated, "img_height": 96})
    torch.save({"state_dict": network.state_dict(), "hparams": stated}, tmp_path / "before")
    for name in ("now", "before"):
        loaded = load(tmp_path / name, "generator")
        assert (loaded.height, loaded.width, loaded.multiplier) == (90, 70, 0.1)
        assert read_checkpoint(tmp_path / name).shape_numbers() == stated


def test_a_narrow_s3fd_goes_there_and_back(tmp_path):
    save_weights(tmp_path / "s3fd.safetensors", S3FD(0.125), {"multiplier": 0.125})
    assert load(tmp_path / "s3fd.safetensors", "s3fd").multiplier == 0.125


def test_the_rest_of_a_checkpoint_is_kept(tmp_path, network):
    state = {**_wrapped(network), "hparams": SHAPE, "rng": [1, 2]}
    save_checkpoint(tmp_path / "a.pth", state)
    checkpoint = read_checkpoint(tmp_path / "a.pth", "generator")
    assert (checkpoint.step, checkpoint.epoch, checkpoint.hparams) == (7, 2, SHAPE)
    assert checkpoint.extra["rng"] == [1, 2]


def _write(data):
    return lambda path: path.write_bytes(data)


def _with_nan(path):
    network = TalkFace(32, 32, 0.125)
    network.output_block[1].bias.data[0] = torch.nan
    torch.save(network.state_dict(), path)


def _cut_short(path):
    torch.save(TalkFace(32, 32, 0.125).state_dict(), path)
    path.write_bytes(path.read_bytes()[:-50_000])


def _one_missing(path):
    weights = TalkFace(32, 32, 0.125).state_dict()
    del weights["output_block.1.bias"]
    torch.save(weights, path)


WRONG = {
    "an expert": (lambda p: torch.save(SyncNet(32, 32, 0.1).state_dict(), p),
                  "this is a lip-sync expert, not a generator"),
    "an html page": (_write(b"\n<!DOCTYPE html><html>quota exceeded"), "HTML page"),
    "nothing": (_write(b""), "is empty"),
    "an lfs pointer": (_write(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "text": (_write(b"hello"), "does not begin like one"),
    "a cut download": (_cut_short, "only a part"),
    "a cut safetensors": (lambda p: (save_weights(p, TalkFace(32, 32, 0.1), {}),
                                     p.write_bytes(p.read_bytes()[:-9])), "broken safetensors"),
    "a list": (lambda p: torch.save([1], p), "holds a list"),
    "a pickled object": (lambda p: torch.save(TalkFace(32, 32, 0.1), p), "could run code"),
    "unknown weights": (lambda p: torch.save({"a": torch.zeros(1)}, p), "no network that talkface"),
    "a settings file": (lambda p: torch.save({"lr": 1}, p), "no network that talkface"),
    "a missing tensor": (_one_missing, "do not fit.*output_block.1.bias"),
    "nan": (_with_nan, "output_block.1.bias is not finite"),
    "a folder": (lambda p: p.mkdir(), "is a folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_named_for_what_they_are(tmp_path, name):
    make, words = WRONG[name]
    path = tmp_path / "file.pth"
    make(path)
    with pytest.raises(CheckpointError, match=f"(?s)file.pth.*{words}"):
        load(path, "generator")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such checkpoint.*absent.pth"):
        load(tmp_path / "absent.pth", "generator")


def test_a_checkpoint_without_weights_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="needs a state_dict"):
        save_checkpoint(tmp_path / "a.pth", {"optimizer": None})
    assert not list(tmp_path.iterdir())


def test_describe_says_what_a_file_holds(tmp_path):
    hd = {"img_height": 288, "img_width": 192, "multiplier": 0.0625}
    network = TalkFace(288, 192, 0.0625)
    save_weights(tmp_path / "a.safetensors", network, hd, step=12)
    rows = describe(tmp_path / "a.safetensors")
    count = sum(parameter.numel() for parameter in network.parameters())
    assert rows["kind"] == "generator"
    assert rows["face size"] == "288x192 (height x width)"
    assert (rows["multiplier"], rows["step"]) == (0.0625, 12)
    assert rows["parameters"] == f"{count:,}"
    assert len(rows["sha256"]) == 64


def test_the_command_prints_and_fails_by_its_exit_code(tmp_path, capsys):
    torch.save(SyncNet(32, 32, 0.1).state_dict(), tmp_path / "a.pth")
    (tmp_path / "b.pth").write_text("hello")
    assert main([str(tmp_path / "a.pth")]) == 0
    assert "lip-sync expert" in capsys.readouterr().out
    assert main([str(tmp_path / "b.pth"), str(tmp_path / "a.pth")]) == 1
    printed = capsys.readouterr()
    assert "b.pth is no checkpoint" in printed.err
    assert "lip-sync expert" in printed.out


def test_it_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "models.checkpoint", str(tmp_path / "none.pth")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("no such checkpoint")
    assert len(done.stderr.splitlines()) == 1


def test_a_network_is_built_without_drawing_random_weights(tmp_path):
    """What it holds comes from the file alone, and other numbers stay as they would be drawn."""
    network = TalkFace(multiplier=0.0625)
    save_checkpoint(tmp_path / "a.pth", {"state_dict": network.state_dict()})
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    built = read_checkpoint(tmp_path / "a.pth").build()
    assert torch.equal(torch.rand(4), wanted)
    for name, value in built.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])
