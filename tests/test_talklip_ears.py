"""talklip_train.py --what ears: hearing as a Wav2Lip generator hears, to begin at its faces."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import talklip_train
from models.checkpoint import load as load_network
from models.talkface import TalkFace
from tests.reading_runs import TALKLIP, losses, speaking_corpus, train_reader, train_talklip
from tests.training_runs import differences, load
from training.talklip_ears import PAINTERS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = speaking_corpus(tmp_path_factory.mktemp("corpus"))
    for name, split in (("sounds", "train"), ("sounds_val", "val")):
        shutil.copy(root / f"filelists/{split}.txt", root / f"filelists/{name}.txt")
    return root


@pytest.fixture(scope="module")
def reader(corpus, tmp_path_factory):
    return train_reader(corpus, tmp_path_factory.mktemp("reader"), 1)


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("painter") / "talkface.pth"
    network = TalkFace(32, 32, 0.0625)
    torch.save({"state_dict": network.state_dict(), "network": network.arguments}, path)
    return path


def ears(corpus, reader, painter, run_dir, steps, *more, numbers=TALKLIP) -> list[str]:
    line = ["--what", "ears", "--painter", painter, "--reader", reader, "--data_root", corpus]
    line += ["--filelists", corpus / "filelists", "--checkpoint_dir", run_dir]
    line += ["--max_steps", steps, "--precision", "fp32", "--hparams", f"{numbers},ear_frames=20"]
    return [str(part) for part in (*line, *more)]


def test_ears_learn_to_hear_and_go_on_to_the_bit(corpus, reader, painter, tmp_path):
    faster = f"{TALKLIP},initial_learning_rate=1e-2"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert talklip_train.main(ears(corpus, reader, painter, whole, 6, numbers=faster)) == 0
    rows = losses(whole)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert talklip_train.main(ears(corpus, reader, painter, parts, 2, numbers=faster)) == 0
    half = ("--checkpoint_path", parts / "checkpoint_step000000002.pth")
    assert talklip_train.main(ears(corpus, reader, painter, parts, 6, *half, numbers=faster)) == 0
    last = "checkpoint_step000000006.pth"
    assert not differences(load(whole / last), load(parts / last))


@pytest.mark.slow
def test_two_processes_train_ears(corpus, reader, painter, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "talklip_train.py"]
    command += ears(corpus, reader, painter, tmp_path, 3, "--device", "cpu")
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert [row["step"] for row in losses(tmp_path)] == [1, 2, 3]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_ears_train_on_a_gpu(corpus, reader, painter, tmp_path, precision):
    flags = ears(corpus, reader, painter, tmp_path, 3, "--device", "cuda")
    flags[flags.index("--precision") + 1] = precision
    assert talklip_train.main(flags) == 0
    assert all(row["loss"] > 0 for row in losses(tmp_path))


def test_faces_begin_as_the_painters(corpus, reader, painter, tmp_path):
    assert talklip_train.main(ears(corpus, reader, painter, tmp_path / "ears", 1)) == 0
    best = tmp_path / "ears/checkpoint_best.pth"
    made, given = load_network(best, "talklip").state_dict(), load(painter)["state_dict"]
    painted = [name for name in given if name.split(".")[0] in PAINTERS]
    assert painted and all(torch.equal(made[name], given[name]) for name in painted)
    assert train_talklip(corpus, reader, tmp_path / "faces", 1, "--checkpoint_path", best) == 0


def test_a_painter_of_another_width_is_named(corpus, reader, painter, tmp_path, capsys):
    wider = TALKLIP.replace("multiplier=0.0625", "multiplier=0.125")
    assert talklip_train.main(ears(corpus, reader, painter, tmp_path, 1, numbers=wider)) == 1
    said = capsys.readouterr().err
    assert "32x32" in said and "0.0625" in said and "--hparams" in said


@pytest.mark.parametrize(
    "flags", [("--what", "ears"), ("--painter", "x.pth"), ("--what", "ears", "--painter", "x.pth")]
)
def test_ears_need_a_painter_and_clips(flags, tmp_path, capsys):
    line = ["--reader", "r.pth", "--checkpoint_dir", str(tmp_path), *flags]
    with pytest.raises(SystemExit) as stop:
        talklip_train.main(line)
    assert stop.value.code == 2 and "ears" in capsys.readouterr().err
