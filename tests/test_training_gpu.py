"""What only a GPU can show: half precision with its scaler, pinned memory, a compiled network."""

import numpy as np
import pytest
import torch

import color_syncnet_train
import hq_talkface_train
import talkface_train
from models.devices import use_full_float32
from models.syncnet import SyncNet
from models.talkface import TalkFace
from tests.lipsync_material import backend, generate
from tests.toy_corpus import make_corpus
from tests.training_runs import arguments, metrics

MAINS = {
    "expert": color_syncnet_train.main,
    "generator": talkface_train.main,
    "hq": hq_talkface_train.main,
}


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("kind", ["expert", "generator", "hq"])
def test_each_script_trains_on_a_gpu(kind, precision, tmp_path):
    make_corpus(tmp_path, 4, frames=16, size=32)
    line = arguments(kind, tmp_path, tmp_path / "run", 4)
    line += ["--device", "cuda", "--precision", precision]  # the last of two flags counts
    assert MAINS[kind](line) == 0
    losses = [row["loss"] for row in metrics(tmp_path / "run", "train")]
    assert len(losses) == 4 and all(loss is not None for loss in losses)
    middle = ["--checkpoint_path", str(tmp_path / "run/checkpoint_step000000002.pth")]
    assert MAINS[kind]([*line, *middle]) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["expert", "generator", "hq"])
def test_half_precision_begins_at_weights_alone(kind, tmp_path):
    make_corpus(tmp_path, 4, frames=16, size=32)
    line = arguments(kind, tmp_path, tmp_path / "run", 2)
    assert MAINS[kind](line) == 0  # on the CPU, in float32
    best = ["--checkpoint_path", str(tmp_path / "run/checkpoint_best.pth")]
    line = arguments(kind, tmp_path, tmp_path / "more", 2, *best)
    assert MAINS[kind]([*line, "--device", "cuda", "--precision", "fp16"]) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_everything_at_once_trains_on_a_gpu(precision, tmp_path):
    """Contrast, sound alone, averages, accumulation, augmentation, loading processes, pinning."""
    filelists = make_corpus(tmp_path, 8, frames=16, size=32, with_truth=True)
    (filelists / "sounds.txt").write_text((filelists / "train.txt").read_text())
    rich = (
        "infonce_windows=2,blendshape_wt=1,syncnet_sound_windows=3,ema_decay=0.9,"
        "grad_accum_steps=2,syncnet_augment=0.5,syncnet_augment_sound=0.5,num_workers=2,clip_grad_norm=1"
    )
    line = arguments("expert", tmp_path, tmp_path / "run", 4, hparams=rich)
    line += ["--device", "cuda", "--precision", precision]
    assert MAINS["expert"](line) == 0
    rows = metrics(tmp_path / "run", "train")
    assert len(rows) == 4 and all(row["loss"] is not None for row in rows)
    assert all(0 <= row["data_wait_share"] <= 1 for row in rows)


@pytest.mark.gpu
def test_a_gpu_generates_and_judges_as_a_cpu_does():
    random = np.random.default_rng(0)
    windows = random.uniform(-4, 4, (5, 80, 16)).astype(np.float32)
    faces = random.integers(0, 256, (5, 32, 32, 3), np.uint8)
    made = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        runs = backend(TalkFace(32, 32, 0.25), device=torch.device(device))
        made.append(generate(runs, windows, faces).astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1
    torch.manual_seed(0)
    expert = SyncNet(32, 32, 0.25).eval()
    mel, mouths = torch.from_numpy(windows)[:, None], torch.rand(5, 15, 16, 32)
    use_full_float32()
    with torch.inference_mode():
        here = expert(mel, mouths)
        there = expert.cuda()(mel.cuda(), mouths.cuda())
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one, other.cpu(), rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
def test_a_compiled_expert_trains(tmp_path):
    make_corpus(tmp_path, 4, frames=16, size=32)
    line = arguments("expert", tmp_path, tmp_path / "run", 2)
    assert color_syncnet_train.main([*line, "--device", "cuda", "--compile"]) == 0
    weights = torch.load(tmp_path / "run/checkpoint_step000000002.pth")["state_dict"]
    assert not any("_orig_mod" in name for name in weights)
