"""inference.py --jobs --workers N and --runner ray: what is made, and what failures leave."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import inference
from jobs.many import read_tasks
from jobs.sharing import FILE_NAME, keep, take
from jobs.workers import Post, cores_of_each
from lipsync import LipSync
from tests.lipsync_material import face_frame, make_face_video, make_sound, save_tiny_generator
from video import read_frames

ROOT = Path(inference.__file__).parent
GOOD = {"face": "face.mp4", "audio": "speech.wav", "box": [20, 70, 30, 66],
        "codec": "ffv1", "pix_fmt": "bgr0"}  # fmt: skip
ENDLESS = {"face": "face.png", "audio": "long.wav", "box": [20, 70, 30, 66]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a checkpoint, a face and a speech."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save_tiny_generator(tmp_path / "tiny.pth")
    make_face_video(tmp_path / "face.mp4")
    make_sound(tmp_path / "speech.wav")
    return tmp_path


@pytest.fixture
def endless(here):
    """Besides, a face that speaks for ten minutes."""
    make_sound(here / "long.wav", 600)
    cv2.imwrite("face.png", face_frame(0))


def command(*flags):
    return ["--checkpoint_path", "tiny.pth", "--device", "cpu", "--jobs", "jobs.jsonl", *flags]


def write_jobs(*jobs):
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))


def start(*flags):
    """The script as a process of its own, in a group of its own as a terminal gives it."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "inference.py"), *command(*flags)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def partials():
    return list(Path("out").glob(".*.partial*"))


def wait_for(condition, seconds=240):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def workers_of(process):
    """Process ids of the workers, and not of what tidies up after multiprocessing."""
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in told if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def parse(*flags):
    return inference.build_parser().parse_args(command(*flags))


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8, 11])
def test_cores_are_dealt_out(workers, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(10, 18)), raising=False)
    shares = cores_of_each(workers)
    assert len(shares) == workers and all(shares)
    assert set().union(*shares) == set(range(10, 18))
    if workers <= 8:
        assert sum(map(len, shares)) == 8
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    "flags", [("--workers", "2"), ("--runner", "ray"), ("--jobs", "a", "--workers", "-1"),
              ("--jobs", "a", "--ray_address", "b"), ("--jobs", "a", "--gpus_per_video", "1"),
              ("--jobs", "a", "--runner", "ray", "--workers", "2")]
)  # fmt: skip
def test_flags_that_do_not_go_together(flags):
    with pytest.raises(SystemExit) as stopped:
        inference.main(["--face", "a", "--audio", "b", *flags])
    assert stopped.value.code == 2


def test_the_number_of_workers_is_no_jobs_to_choose(here):
    write_jobs(GOOD | {"workers": 3}, GOOD | {"backend": "onnx"}, GOOD | {"seed": 3})
    tasks, refused = read_tasks(parse())
    assert [task.line for task in tasks] == [3]
    assert [one.line for one in refused] == [1, 2]
    assert "workers holds for all jobs" in refused[0].error


def test_networks_are_mapped_as_they_were_kept(here):
    """Folded, in the right precision and layout; from the file, and not from memory."""
    write_jobs(GOOD)
    (task,), _ = read_tasks(parse())
    maker = LipSync("tiny.pth", device="cpu", precision="bf16")
    file = keep(maker, [task], here)
    taken = take(Post(frozenset(), task.args, file))
    assert taken.backend.precision == "bf16"
    network, given = taken.backend.generator.network, maker.backend.generator.network
    for name, value in given.state_dict().items():
        mapped = network.state_dict()[name]
        assert torch.equal(mapped, value) and mapped.stride() == value.stride()
    assert str(file) in Path("/proc/self/maps").read_text()


def test_what_no_process_can_share_is_loaded_by_each(here):
    maker = argparse.Namespace(
        device=torch.device("cuda"), backend=argparse.Namespace(name="torch")
    )
    assert keep(maker, [], here) is None
    assert not (here / FILE_NAME).exists()


@pytest.mark.slow
def test_workers_make_what_one_process_makes(here, capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    first, second = {"length": "video", "seed": 3}, {"blend": "none"}
    names = ("a", "b", "c", "d")
    for folder, workers in (("alone", 1), ("many", 2)):
        jobs = [
            GOOD | extra | {"outfile": f"{folder}/{name}.mkv"}
            for name, extra in zip(names, (first, second, first, second), strict=True)
        ]
        write_jobs(*jobs, GOOD | {"face": "none.mp4"}, GOOD | {"nonsense": 1})
        capfd.readouterr()
        assert inference.main(command("--workers", str(workers))) == 1
        out, err = capfd.readouterr()
        assert sorted(out.splitlines()) == [f"{folder}/{name}.mkv" for name in names]
        for words in ("line 5: no such file: none.mp4", "line 6: unrecog", "2 of 6 jobs failed"):
            assert words in err
    assert "6 of 6: " in err and "many/a.mkv in " in err
    for name in names:
        pairs = zip(read_frames(f"alone/{name}.mkv"), read_frames(f"many/{name}.mkv"), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing_of_any_worker(endless, number):
    write_jobs(*(ENDLESS | {"outfile": f"out/{name}.mp4"} for name in "abc"))
    with start("--workers", "2") as child:
        wait_for(lambda: len(partials()) == 2)
        workers = workers_of(child)
        if number == signal.SIGINT:  # which a terminal sends to all of the group
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
        out, err = child.communicate(timeout=240)
    assert child.returncode == 130 and out == ""
    assert err.strip().splitlines() == ["error: interrupted; no half-written file is left"]
    assert os.listdir("out") == []
    assert len(workers) == 2 and not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_its_job_alone(endless):
    write_jobs(
        ENDLESS | {"outfile": "out/a.mp4"},
        *(GOOD | {"outfile": f"out/{name}.mkv"} for name in "bcd"),
    )
    with start("--workers", "2") as child:
        wait_for(lambda: Path("out/d.mkv").exists())
        (worker,) = workers_of(child)[:1]
        os.kill(worker, signal.SIGKILL)
        out, err = child.communicate(timeout=240)
    assert child.returncode == 1
    assert "line 1: its process was killed (SIGKILL)" in err and "1 of 4 jobs failed" in err
    assert sorted(out.splitlines()) == ["out/b.mkv", "out/c.mkv", "out/d.mkv"]


@pytest.mark.slow
def test_workers_end_and_tidy_up_when_the_run_is_killed(endless):
    write_jobs(*(ENDLESS | {"outfile": f"out/{name}.mp4"} for name in "ab"))
    with start("--workers", "2") as child:
        wait_for(lambda: len(partials()) == 2)
        workers = workers_of(child)
        child.kill()
        wait_for(lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])
    assert os.listdir("out") == []


def test_without_ray_the_way_out_is_named(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_jobs(GOOD)
    assert inference.main(command("--runner", "ray")) == 1
    assert "pip install 'ray[default]'" in capsys.readouterr().err


@pytest.mark.slow
def test_ray_makes_what_one_process_makes(here, capsys):
    pytest.importorskip("ray", reason="Ray is not installed (pip install 'ray[default]')")
    for folder, runner in (("alone", "local"), ("cluster", "ray")):
        write_jobs(*(GOOD | {"outfile": f"{folder}/{name}.mkv"} for name in "abc"),
                   GOOD | {"face": "none.mp4"})  # fmt: skip
        assert inference.main(command("--runner", runner)) == 1
        out, err = capsys.readouterr()
        assert sorted(out.splitlines()) == [f"{folder}/{name}.mkv" for name in "abc"]
        assert "line 4: no such file: none.mp4" in err and "1 of 4 jobs failed" in err
    for name in "abc":
        pairs = zip(
            read_frames(f"alone/{name}.mkv"), read_frames(f"cluster/{name}.mkv"), strict=True
        )
        assert all(np.array_equal(one, other) for one, other in pairs)
