"""Weights to give away: what of a checkpoint stays, and that it works as before."""

import pytest
import torch

from evaluation import read_expert
from export import weights
from hparams import HParams
from models import SyncNet, TalkFace, VisualQualityDiscriminator
from models.checkpoint import read_checkpoint, save_checkpoint
from synchrony.expert import FITS_FROM
from tests.deterministic import fill

HP = HParams().with_overrides("img_size=32,multiplier=0.0625,fmax=7000,batch_size=7")


def save_run(path, network):
    state = {
        "state_dict": fill(network.state_dict()),
        "optimizer": {"state": {}, "param_groups": []},
    }
    save_checkpoint(path, state | {"global_step": 70, "hparams": HP.to_dict()})
    return path


@pytest.mark.parametrize("network", [TalkFace, SyncNet, VisualQualityDiscriminator])
def test_weights_stay_and_the_training_goes(tmp_path, network):
    run = save_run(tmp_path / "run.pth", network(32, 32, 0.0625))
    assert weights.main([str(run), str(tmp_path / "new" / "out.safetensors")]) == 0
    others_may_read = (tmp_path / "new" / "out.safetensors").stat().st_mode & 0o044
    assert others_may_read == run.stat().st_mode & 0o044
    before, after = read_checkpoint(run), read_checkpoint(tmp_path / "new" / "out.safetensors")
    assert (after.step, after.kind, after.optimizer) == (70, before.kind, None)
    assert after.hparams["fmax"] == 7000 and "batch_size" not in after.hparams
    for name, value in before.state_dict.items():
        torch.testing.assert_close(after.state_dict[name].to(value), value, rtol=1e-3, atol=1e-6)


def test_an_expert_says_from_where_a_voice_fits(tmp_path):
    run = save_run(tmp_path / "run.pth", SyncNet(32, 32, 0.0625))
    weights.main([str(run), str(tmp_path / "plain.safetensors")])
    weights.main([str(run), str(tmp_path / "told.safetensors"), "--fits_from", "0.45"])
    assert read_expert(tmp_path / "plain.safetensors").fits_from == FITS_FROM
    assert read_expert(tmp_path / "told.safetensors").fits_from == 0.45


def test_what_is_no_checkpoint_is_named(tmp_path, capsys):
    (tmp_path / "a.pth").write_text("no weights")
    assert weights.main([str(tmp_path / "a.pth"), str(tmp_path / "b.safetensors")]) == 1
    assert "a.pth is no checkpoint file" in capsys.readouterr().err
    assert not (tmp_path / "b.safetensors").exists()
