"""The table of weights: what is there, what can be fetched, and by which hash it is known."""

import subprocess
import sys
from pathlib import Path

import pytest

from models import pretrained

ROOT = Path(__file__).parents[1]


def test_every_file_in_checkpoints_has_its_row():
    rows = {weights.path.name for weights in pretrained.WEIGHTS.values()}
    there = {path.name for path in (ROOT / "checkpoints").glob("*.safetensors")}
    assert there <= rows


@pytest.mark.parametrize("name", pretrained.PUBLISHED)
def test_what_is_fetched_is_known_by_its_hash_and_size(name):
    weights = pretrained.PUBLISHED[name]
    assert len(weights.sha256) >= 8 and weights.megabytes > 0 and weights.terms


def test_the_list_says_what_is_there(capsys):
    pretrained.main([])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(pretrained.WEIGHTS)
    assert any(line.split()[:2] == ["expert", "there"] for line in lines)


def test_unknown_weights_are_a_wrong_flag(capsys):
    with pytest.raises(SystemExit) as stopped:
        pretrained.main(["s4fd"])
    assert stopped.value.code == 2
    assert "known: s3fd, syncnet_v2, inception" in capsys.readouterr().err


def test_the_table_is_read_without_torch():
    """So that --help answers at once."""
    script = "import sys, models.pretrained; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
