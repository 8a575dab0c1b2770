"""What only a GPU can show: half precision with its scaler, pinned memory, a compiled network."""

import pytest
import torch

import color_syncnet_train
import hq_talkface_train
import talkface_train
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
def test_a_compiled_expert_trains(tmp_path):
    make_corpus(tmp_path, 4, frames=16, size=32)
    line = arguments("expert", tmp_path, tmp_path / "run", 2)
    assert color_syncnet_train.main([*line, "--device", "cuda", "--compile"]) == 0
    weights = torch.load(tmp_path / "run/checkpoint_step000000002.pth")["state_dict"]
    assert not any("_orig_mod" in name for name in weights)
