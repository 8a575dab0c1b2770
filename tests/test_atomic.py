"""Files that are whole or absent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atomic import held_folder, new_partial, whole_or_absent, write_whole

ROOT = Path(__file__).parents[1]


def test_text_goes_into_folders_that_are_made(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", "häuser")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "häuser"
    assert len(list((tmp_path / "a").iterdir())) == 1


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.pth"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_or_absent(target) as partial:
        assert partial.suffix == ".pth"
        partial.write_text("half")
        raise RuntimeError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path):
    write_whole(tmp_path / ("a" * 251 + ".txt"), "whole")
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [5]


def aged(path, seconds):
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_what_killed_runs_left_goes_with_the_next_file(tmp_path):
    """Another machine's locks may not be seen: its files stay for a day."""
    aged(new_partial(tmp_path / "a.mp4"), 100)
    elsewhere = "." + "0" * 8 + "-" + "0" * 15
    aged(tmp_path / f"{elsewhere}1.partial.pth", 100_000)
    kept = [
        aged(new_partial(tmp_path / "b"), 1),
        aged(tmp_path / f"{elsewhere}2.partial.pth", 100),
        aged(tmp_path / ".partial.txt", 1_000_000),
    ]
    write_whole(tmp_path / "c.txt", "whole")
    assert set(tmp_path.iterdir()) == {*kept, tmp_path / "c.txt"}


def test_a_folder_goes_with_its_run_or_after_it(tmp_path):
    with pytest.raises(RuntimeError), held_folder(tmp_path / "a.mp4") as folder:
        (folder / "piece.ts").touch()
        raise RuntimeError("disk full")
    assert not list(tmp_path.iterdir())
    left = aged(new_partial(tmp_path / "a.mp4"), 100)
    pieces = left.with_name(f"{left.name}.pieces")
    pieces.mkdir()
    (pieces / "piece.ts").touch()
    with held_folder(tmp_path / "b.mp4") as folder:
        assert not left.exists() and not pieces.exists() and folder.is_dir()


HOLD = """
import atomic, sys, time
with atomic.whole_or_absent(sys.argv[1]) as partial:
    print(partial, flush=True)
    time.sleep(60)
"""


def test_what_a_live_run_writes_stays_and_what_a_killed_one_wrote_goes(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a.pth")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        partial = Path(child.stdout.readline().strip())
        aged(partial, 100)
        write_whole(tmp_path / "b.txt", "whole")
        assert partial.exists()
        child.kill()
    write_whole(tmp_path / "b.txt", "whole")
    assert not partial.exists()


END = """
import atomic, time
atomic.end_cleanly_on_signals()
try:
    print("on", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.4)
    print("clean", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_ends_and_the_second_does_not_disturb_it(number):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    listens = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # also under nohup
    with subprocess.Popen([sys.executable, "-c", listens + END], cwd=ROOT, **pipes) as child:
        assert child.stdout.readline() == "on\n"
        time.sleep(0.5)  # the child must be asleep, and not in the middle of printing
        for _ in range(2):
            child.send_signal(number)
            time.sleep(0.1)
        assert child.communicate(timeout=20) == ("clean\n", "")


def test_what_nohup_made_deaf_stays_so():
    script = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + END
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        child.stdout.readline()
        child.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert child.poll() is None
        child.kill()


DEFERRED = """
import atomic, os, signal
atomic.end_cleanly_on_signals()
try:
    with atomic.stopping_deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        print("started", flush=True)
    print("unreached", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_what_is_being_started_is_not_interrupted_in_the_middle():
    ended = subprocess.run(
        [sys.executable, "-c", DEFERRED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["started", "stopped"]
