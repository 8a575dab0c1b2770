"""Which numbers a run begins with: the class's, the checkpoint's, the command line's."""

from argparse import Namespace

import pytest

from hparams import SyncNetHParams
from models.checkpoint import save_checkpoint
from models.syncnet import SyncNet
from training.engine.cli import UsageError
from training.engine.start import read_start

SCRIPT = "color_syncnet_train"


@pytest.fixture
def begin(tmp_path):
    """read_start on a run of SCRIPT that was to end at step 7, in the same folder."""
    hp = SyncNetHParams(img_height=32, img_width=32, multiplier=0.0625, batch_size=8, max_steps=7)
    weights = SyncNet(32, 32, 0.0625).state_dict()
    progress = {"seed": 3, "script": SCRIPT, "position": 16, "best": 0.5, "random": []}
    state = {"state_dict": weights, "hparams": hp.to_dict(), "global_step": 2}
    path = tmp_path / "checkpoint_step000000002.pth"
    save_checkpoint(path, state | {"progress": progress})

    def start(script: str = SCRIPT, **flags):
        given = {"checkpoint_path": path, "checkpoint_dir": tmp_path, "hparams": "", "seed": None}
        args = Namespace(**given | {"max_steps": None} | flags)
        return read_start(args, "expert", script, SyncNetHParams)

    return start


def test_a_run_goes_on_to_where_it_was_to_end(begin):
    start = begin()
    assert start.goes_on and start.seed == 3
    assert (start.hp.max_steps, start.hp.batch_size, start.hp.img_height) == (7, 8, 32)


def test_the_command_line_counts_more(begin):
    start = begin(max_steps=9, hparams="syncnet_batch_size=4")
    assert (start.hp.max_steps, start.hp.batch_size) == (9, 4)


def test_another_run_s_end_is_not_this_one_s(begin, tmp_path):
    start = begin("another_script", checkpoint_dir=tmp_path / "new")
    assert not start.goes_on
    assert (start.hp.max_steps, start.hp.batch_size, start.seed) == (0, 8, 0)


def test_a_wrong_number_is_refused_before_anything_is_read(begin, tmp_path):
    with pytest.raises(UsageError, match="--hparams: .*did you mean 'batch_size'"):
        begin(hparams="batchsize=3", checkpoint_path=tmp_path / "none.pth")
