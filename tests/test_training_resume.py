"""A run that was stopped and resumed is the run that was not, to the last bit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import hq_talkface_train
import talkface_train
from tests.toy_corpus import make_corpus
from tests.training_runs import arguments, differences, load, metrics, run

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = {
    "expert": "color_syncnet_train.py",
    "generator": "talkface_train.py",
    "hq": "hq_talkface_train.py",
}
# What a resume must carry on: schedule, average, sync weight, accumulated parts.
PLAIN = "warmup_steps=2,ema_decay=0.5,clip_grad_norm=1,grad_accum_steps=2"
RICH = f"{PLAIN},syncnet_wt_threshold=100"  # which only generators have


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 6, frames=16, size=32)
    return folder


@pytest.mark.parametrize(
    "kind", ["expert", pytest.param("generator", marks=pytest.mark.slow), "hq"]
)
def test_four_steps_are_two_and_two(kind, root, tmp_path):
    rich = PLAIN if kind == "expert" else RICH
    assert run(kind, root, tmp_path / "whole", 4, hparams=rich) == 0
    assert run(kind, root, tmp_path / "halves", 2, hparams=rich) == 0
    middle = tmp_path / "halves/checkpoint_step000000002.pth"
    assert run(kind, root, tmp_path / "halves", 4, "--checkpoint_path", middle, hparams=rich) == 0
    names = sorted(path.name for path in (tmp_path / "whole").glob("*checkpoint_step*"))
    assert len(names) == (4 if kind == "hq" else 2)
    for name in names:
        one, other = (load(tmp_path / way / name) for way in ("whole", "halves"))
        middle_step = "000002" in name  # where the halves said that they would end
        allowed = ["/hparams/max_steps: 4 and 2"] if middle_step else []
        assert differences(one, other) == allowed
    for split in ("train", "val"):
        one, other = (metrics(tmp_path / way, split) for way in ("whole", "halves"))
        timing = {"windows_per_second", "data_wait_share", "hours_left"}
        one, other = ([{k: line[k] for k in line if k not in timing} for line in lines]
                      for lines in (one, other))  # fmt: skip
        assert one == other


def test_a_taught_expert_resumes_with_its_teller(tmp_path, capsys):
    make_corpus(tmp_path, 4, frames=16, size=32, with_truth=True)
    lists = tmp_path / "filelists"
    (lists / "sounds.txt").write_text((lists / "train.txt").read_text())
    taught = f"{PLAIN},blendshape_wt=1,blendshape_warmup_steps=1,syncnet_sound_windows=3"
    assert run("expert", tmp_path, tmp_path / "whole", 4, hparams=taught) == 0
    assert run("expert", tmp_path, tmp_path / "halves", 2, hparams=taught) == 0
    middle = tmp_path / "halves/checkpoint_step000000002.pth"
    more = ["--checkpoint_path", middle]
    assert run("expert", tmp_path, tmp_path / "halves", 4, *more, hparams=taught) == 0
    name = "checkpoint_step000000004.pth"
    assert differences(load(tmp_path / "whole" / name), load(tmp_path / "halves" / name)) == []
    assert load(middle)["update"]["beside"]
    untaught = "blendshape_wt=0,blendshape_warmup_steps=0,syncnet_sound_windows=0"
    assert run("expert", tmp_path, tmp_path / "halves", 6, *more, hparams=untaught) != 0
    assert "blendshape_wt was switched" in capsys.readouterr().err


def test_shapes_that_nobody_knows_are_not_taught(root, tmp_path, capsys):
    assert run("expert", root, tmp_path / "run", 2, hparams="blendshape_wt=1") != 0
    assert "no clip has a truth.json" in capsys.readouterr().err


def test_sound_alone_teaches_to_hear(tmp_path, capsys):
    """The list is asked for; what it adds reaches the loss and the weights."""
    make_corpus(tmp_path, 4, frames=16, size=32, with_truth=True)
    taught = "blendshape_wt=1,syncnet_sound_windows=3"
    assert run("expert", tmp_path, tmp_path / "none", 1, hparams=taught) != 0
    assert "sounds.txt" in capsys.readouterr().err
    assert run("expert", tmp_path, tmp_path / "pairs", 1, hparams="blendshape_wt=1") == 0
    lists = tmp_path / "filelists"
    (lists / "sounds.txt").write_text((lists / "train.txt").read_text())
    assert run("expert", tmp_path, tmp_path / "more", 1, hparams=taught) == 0
    pairs, more = (metrics(tmp_path / name, "train")[0] for name in ("pairs", "more"))
    assert (
        pairs["audio_blendshapes"] != more["audio_blendshapes"]
        and pairs["video_blendshapes"] == more["video_blendshapes"]
    )


def test_clips_without_truth_go_with_sounds_that_have_it(root, tmp_path):
    """Real films and synthetic sound: what is heard is taught, what is seen is compared alone."""
    make_corpus(tmp_path / "made", 4, frames=16, size=32, with_truth=True)
    lists = tmp_path / "lists"
    lists.mkdir()
    for name in ("train", "val"):
        clips = (root / f"filelists/{name}.txt").read_text().splitlines()
        (lists / f"{name}.txt").write_text("".join(f"real/{clip}\n" for clip in clips))
    clips = (tmp_path / "made/filelists/train.txt").read_text().splitlines()
    (lists / "sounds.txt").write_text("".join(f"made/{clip}\n" for clip in clips))
    (tmp_path / "real").symlink_to(root)
    taught = "blendshape_wt=1,syncnet_sound_windows=3"
    line = ["--filelists", str(lists)]  # the last of two flags counts
    assert run("expert", tmp_path, tmp_path / "run", 2, *line, hparams=taught) == 0
    rows = metrics(tmp_path / "run", "train")
    assert all(row["audio_blendshapes"] > 0 and row["video_blendshapes"] == 0 for row in rows)


@pytest.fixture(scope="module")
def plain(root, tmp_path_factory):
    """A plain generator's run of two steps."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    assert run("generator", root, folder, 2) == 0
    return folder


@pytest.fixture(scope="module")
def hq(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hq") / "run"
    assert run("hq", root, folder, 2) == 0
    return folder


STEP_2 = "checkpoint_step000000002.pth"


def go_on(kind, root, folder, steps, file, *more):
    return run(kind, root, folder, steps, "--checkpoint_path", file, *more)


def test_a_generator_does_not_go_on_without_its_discriminator(root, hq, tmp_path, capsys):
    shutil.copytree(hq, tmp_path / "run")
    (tmp_path / f"run/disc_{STEP_2}").unlink()
    assert go_on("hq", root, tmp_path / "run", 3, tmp_path / "run" / STEP_2) == 1
    assert f"disc_{STEP_2}, which is not there" in capsys.readouterr().err
    named = ["--disc_checkpoint_path", hq / f"disc_{STEP_2}"]
    assert go_on("hq", root, tmp_path / "run", 3, tmp_path / "run" / STEP_2, *named) == 0


def test_a_discriminator_of_another_step_is_refused(root, hq, tmp_path, capsys):
    shutil.copytree(hq, tmp_path / "run")
    file = tmp_path / f"run/disc_{STEP_2}"
    torch.save({**load(file), "global_step": 1}, file)
    assert go_on("hq", root, tmp_path / "run", 3, tmp_path / "run" / STEP_2) == 1
    assert "is of step 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "then", "signed"),
    [("plain", "hq", True), ("plain", "hq", False), ("hq", "generator", False)],
)
def test_another_script_begins_at_the_weights(first, then, signed, root, tmp_path, request):
    """Betas, step, warm-up and best of one experiment say nothing about another's."""
    source = tmp_path / "source"
    shutil.copytree(request.getfixturevalue(first), source)
    file = source / STEP_2
    before = load(file)
    if not signed:  # as checkpoints were before they said whose they are
        del before["progress"]["script"]
        torch.save(before, file)
    assert go_on(then, root, tmp_path / "run", 1, file) == 0
    after = load(tmp_path / "run/checkpoint_step000000001.pth")
    betas = (0.5, 0.999) if then == "hq" else (0.9, 0.999)
    assert tuple(after["optimizer"]["param_groups"][0]["betas"]) == betas
    assert after["optimizer"]["state"][0]["step"] == 1
    assert after["global_step"] == 1 and after["progress"]["position"] == 4
    assert (tmp_path / "run/checkpoint_best.pth").exists()


def test_weights_do_not_begin_in_another_run_s_folder(root, plain, tmp_path, capsys):
    shutil.copytree(plain, tmp_path / "run")
    log = (tmp_path / "run/metrics.jsonl").read_text()
    best = tmp_path / "run/checkpoint_best.pth"
    for file in (best, plain / STEP_2):  # also another folder's run
        assert go_on("generator", root, tmp_path / "run", 1, file) == 1
        assert "holds checkpoints up to step 2" in capsys.readouterr().err
    assert (tmp_path / "run/metrics.jsonl").read_text() == log


def test_a_resume_into_a_new_folder_has_the_best_weights(root, plain, tmp_path):
    state = load(plain / STEP_2)
    state["progress"]["best"] = -1.0  # better than any that comes
    torch.save(state, tmp_path / STEP_2)
    assert go_on("generator", root, tmp_path / "alone", 3, tmp_path / STEP_2) == 0
    assert (tmp_path / "alone/checkpoint_best.pth").exists()
    shutil.copy(plain / "checkpoint_best.pth", tmp_path)
    assert go_on("generator", root, tmp_path / "beside", 3, tmp_path / STEP_2) == 0
    brought = load(tmp_path / "beside/checkpoint_best.pth")
    assert differences(brought, load(plain / "checkpoint_best.pth")) == []


def test_a_seed_given_on_resume_is_kept(root, plain, tmp_path):
    assert go_on("generator", root, tmp_path / "run", 3, plain / STEP_2, "--seed", 5) == 0
    file = tmp_path / "run/checkpoint_step000000003.pth"
    assert load(file)["progress"]["seed"] == 5
    assert go_on("generator", root, tmp_path / "run", 4, file) == 0
    assert load(tmp_path / "run/checkpoint_step000000004.pth")["progress"]["seed"] == 5


@pytest.mark.parametrize(
    "change",
    [{"progress": {}}, {"progress": {"seed": "x"}}, {"update": 3}, {"progress": 3},
     {"optimizer": {"state": 3}}, {"sync_weight": {}}, {"hparams": {"batch_size": "many"}}],
    ids=str,
)  # fmt: skip
def test_a_broken_state_of_training_is_one_line(change, root, plain, tmp_path, capsys):
    torch.save({**load(plain / STEP_2), **change}, tmp_path / STEP_2)
    assert go_on("generator", root, tmp_path / "run", 3, tmp_path / STEP_2) == 1
    assert STEP_2 in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("generator", "GeneratorTrainer"), ("hq", "HqTrainer")])
def test_a_validation_that_is_stopped_is_made_up_for(kind, name, root, tmp_path, monkeypatch):
    script = {"generator": talkface_train, "hq": hq_talkface_train}[kind]
    trainer = getattr(script, name)
    rich = PLAIN if kind == "expert" else RICH
    validate, numbers = trainer.validate, f"{rich},checkpoint_interval=3"

    def stopped_by_a_signal(self, batches):
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return validate(self, batches)

    assert run(kind, root, tmp_path / "whole", 4, hparams=numbers) == 0
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "validate", stopped_by_a_signal)
        assert run(kind, root, tmp_path / "halves", 4, hparams=numbers) == 0
    assert [line["step"] for line in metrics(tmp_path / "halves", "val")] == [1]
    middle = tmp_path / "halves" / STEP_2
    assert load(middle)["progress"]["unvalidated"]
    more = ["--checkpoint_path", middle]
    assert run(kind, root, tmp_path / "halves", 4, *more, hparams=numbers) == 0
    for step in (3, 4):
        one, other = (load(tmp_path / way / f"checkpoint_step{step:09d}.pth")
                      for way in ("whole", "halves"))  # fmt: skip
        assert differences(one, other) == []
    assert metrics(tmp_path / "whole", "val") == metrics(tmp_path / "halves", "val")


@pytest.mark.slow
def test_a_run_is_saved_before_it_is_validated(root, tmp_path, monkeypatch):
    """What stops a run may not wait: here it dies in its validation."""

    def dies(self, batches):
        if self.step == 2:
            raise OSError("gone")
        return validate(self, batches)

    validate = talkface_train.GeneratorTrainer.validate
    assert run("generator", root, tmp_path / "whole", 4, hparams=RICH) == 0
    with monkeypatch.context() as patched:
        patched.setattr(talkface_train.GeneratorTrainer, "validate", dies)
        assert run("generator", root, tmp_path / "halves", 4, hparams=RICH) == 1
    name = "checkpoint_step000000004.pth"
    more = ["--checkpoint_path", tmp_path / "halves" / STEP_2]
    assert run("generator", root, tmp_path / "halves", 4, *more, hparams=RICH) == 0
    assert differences(load(tmp_path / "whole" / name), load(tmp_path / "halves" / name)) == []
    assert metrics(tmp_path / "whole", "val") == metrics(tmp_path / "halves", "val")


def test_weights_that_are_no_numbers_take_no_checkpoint_s_place(root, tmp_path, capsys):
    numbers = "syncnet_lr=1e30,log_interval=1000"
    assert run("expert", root, tmp_path, 5, "--keep", "1", hparams=numbers) == 1
    assert "a weight is no number any more at step 2" in capsys.readouterr().err
    assert not list(tmp_path.glob("checkpoint_step*"))


def test_another_seed_is_another_run(root, tmp_path):
    run("expert", root, tmp_path / "a", 2)
    run("expert", root, tmp_path / "b", 2, "--seed", "1")
    name = "checkpoint_step000000002.pth"
    assert differences(load(tmp_path / "a" / name), load(tmp_path / "b" / name))


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_ends_well(stop, root, tmp_path):
    line = arguments("expert", root, tmp_path / "run", 100_000)
    process = subprocess.Popen(
        [sys.executable, SCRIPTS["expert"], *line], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = tmp_path / "run/metrics.jsonl"
    for _ in range(600):
        if log.exists() and log.read_text().count('"train"') > 3:
            break
        time.sleep(0.1)
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    last = Path(out.strip().splitlines()[-1])
    step = load(last)["global_step"]
    assert f"stopped by {stop.name} at step {step}" in err
    again = ["--checkpoint_path", str(last)]
    assert run("expert", root, tmp_path / "run", step + 1, *again) == 0


def torchrun(kind: str, processes: int, line: list[str]) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc_per_node={processes}", SCRIPTS[kind], *line]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "hparams"),
    [("expert", ""), ("expert", "blendshape_wt=1"), ("generator", ""), ("hq", "")],
)
def test_four_steps_are_two_and_two_on_two_processes(kind, hparams, tmp_path):
    make_corpus(tmp_path, 6, frames=16, size=32, with_truth=True)
    torchrun(kind, 2, arguments(kind, tmp_path, tmp_path / "whole", 4, hparams=hparams))
    torchrun(kind, 2, arguments(kind, tmp_path, tmp_path / "halves", 2, hparams=hparams))
    middle = tmp_path / "halves/checkpoint_step000000002.pth"
    more = ["--checkpoint_path", middle]
    torchrun(kind, 2, arguments(kind, tmp_path, tmp_path / "halves", 4, *more, hparams=hparams))
    for path in (tmp_path / "whole").glob("*checkpoint_step*"):
        middle_step = "000002" in path.name  # where the halves said that they would end
        allowed = ["/hparams/max_steps: 4 and 2"] if middle_step else []
        assert differences(load(path), load(tmp_path / "halves" / path.name)) == allowed


@pytest.mark.slow
def test_hq_on_two_processes_is_hq_on_one_but_for_rounding(root, tmp_path):
    """The same batch of 16 in all. The exact comparison is in test_training_distributed.py."""
    numbers = "batch_size=16"
    for processes, name in ((1, "one"), (2, "two")):
        torchrun("hq", processes, arguments("hq", root, tmp_path / name, 1, hparams=numbers))
    for path in (tmp_path / "one").glob("*checkpoint_step*"):
        one = load(path)["optimizer"]["state"]
        two = load(tmp_path / "two" / path.name)["optimizer"]["state"]
        assert one.keys() == two.keys()
        for name, state in one.items():
            # After one step Adam's first moment is half of the gradient.
            torch.testing.assert_close(2 * two[name]["exp_avg"], 2 * state["exp_avg"],
                                       atol=2e-3, rtol=2e-3)  # fmt: skip
