"""Making pairs: the same seed makes the same bytes, a run that was stopped goes on."""

import numpy as np
import pytest
from small_head import small_head

from synthesis import make_pairs
from tests.espeak_mark import skips_without_espeak
from training.pair_files import Shard, find_shards

pytestmark = [pytest.mark.slow, pytest.mark.espeak, skips_without_espeak]


@pytest.fixture(autouse=True)
def toy_head(monkeypatch):
    head = small_head()
    monkeypatch.setattr(make_pairs, "_head", lambda path: head)


def run(out, *more: str) -> int:
    return make_pairs.main(
        ["--head_model", "head.npz", "--out", str(out), "--scenes", "2", "--frames", "1",
         "--mouths", "3", "--workers", "1", "--quiet", *more]
    )  # fmt: skip


def bytes_of(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(whole, "--speakers", "2") == 0
    assert run(parts, "--speakers", "1") == 0
    before = (parts / "s00000" / "pairs.json").stat().st_mtime_ns
    assert run(parts, "--speakers", "2") == 0
    assert bytes_of(whole) == bytes_of(parts)
    assert (parts / "s00000" / "pairs.json").stat().st_mtime_ns == before
    shard = Shard(find_shards(whole)[0])
    assert shard.images.shape[:2] == (2, 3) and shard.scenes.tolist() == [0, 1]
    assert np.abs(shard.flow).max() > 0.5


def test_what_stops_in_the_middle_leaves_nothing_half(tmp_path, monkeypatch, capsys):
    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(make_pairs, "write_shard", fail)
    assert run(tmp_path, "--speakers", "1") == 1
    assert "no space left" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.npy"))


def test_one_mouth_is_no_pair(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--speakers", "1", "--mouths", "1")
    assert "--mouths 2" in capsys.readouterr().err
