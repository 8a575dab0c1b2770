"""inference.py --jobs with N workers on N cores, against the sum of what each core makes alone.

    python -m benchmarks.many_videos [--workers 2] [--videos 4] [--turns 2] [--seconds 10]

Alone: as many videos one after the other, in one process on one core, core by core. The parts'
rates are added up; 1.00 means that workers lose nothing to each other. Start-up is part of both.
By CPU time, which other load disturbs less: what the parts cost in all, over what the workers cost.
Also printed: memory of all processes, with pages that several share counted once (PSS) and not
(RSS), and of the networks' file alone. Linux only: it reads /proc and binds processes to cores.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import WIDTHS, box_flag, make_clip
from benchmarks.processes import family, proportional_bytes, resident_bytes
from jobs.sharing import FILE_NAME

ROOT = Path(__file__).parents[1]
INTERVAL_SECONDS = 0.5
MEBIBYTE = 1 << 20


@dataclass
class Run:
    """What a run took, and the most that it held."""

    seconds: float
    cpu: float
    rss: int = 0  # bytes, as the next
    pss: int = 0
    networks_rss: int = 0
    networks_pss: int = 0


def run(jobs: Path, workers: int, cores: set[int], flags: list[str]) -> Run:
    """Make the videos of a job file on these cores."""
    command = [sys.executable, "inference.py", "--jobs", str(jobs), "--workers", str(workers),
               "--quiet", "--no_cache", *flags]  # fmt: skip
    everywhere, begin = os.sched_getaffinity(0), time.perf_counter()
    os.sched_setaffinity(0, cores)  # what is started now inherits it
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(0, everywhere)
    held = Run(0, 0)
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        _weigh(process.pid, held)
        time.sleep(INTERVAL_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode:
        raise SystemExit("inference.py failed")
    held.seconds = time.perf_counter() - begin
    held.cpu = ended[2].ru_utime + ended[2].ru_stime
    return held


def _weigh(pid: int, held: Run) -> None:
    pids = family(pid)
    held.rss = max(held.rss, sum(map(resident_bytes, pids)))
    held.pss = max(held.pss, sum(map(proportional_bytes, pids)))
    mapped = [_mapped(pid) for pid in pids]
    held.networks_rss = max(held.networks_rss, sum(rss for rss, _ in mapped))
    held.networks_pss = max(held.networks_pss, sum(pss for _, pss in mapped))


def _mapped(pid: int) -> tuple[int, int]:
    """RSS and PSS in bytes of the networks' file in a process."""
    try:
        text = Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return 0, 0
    blocks = re.findall(
        rf"{re.escape(FILE_NAME)}\b[^\n]*\n.*?Rss: +(\d+) kB\nPss: +(\d+) kB", text, re.DOTALL
    )
    return tuple(1024 * sum(int(block[which]) for block in blocks) for which in (0, 1))


def write_jobs(folder: Path, clip: Path, count: int) -> Path:
    jobs = folder / f"{count}.jsonl"
    lines = (
        {"face": str(clip), "audio": str(clip), "outfile": str(folder / f"{count}_{number}.mp4")}
        for number in range(count)
    )
    jobs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return jobs


def compare(folder: Path, clip: Path, args: argparse.Namespace, flags: list[str]) -> None:
    cores = sorted(os.sched_getaffinity(0))[: args.workers]
    alone = write_jobs(folder, clip, args.videos)
    together = write_jobs(folder, clip, args.videos * len(cores))
    by_clock, by_cpu = [], []
    for _ in range(args.turns):
        parts = [run(alone, 1, {core}, flags) for core in cores]
        whole = run(together, len(cores), set(cores), flags)
        rates = sum(args.videos / part.seconds for part in parts)
        by_clock.append(args.videos * len(cores) / whole.seconds / rates)
        by_cpu.append(sum(part.cpu for part in parts) / whole.cpu)
    print(f"{len(cores)} workers against the sum of {len(cores)} cores: "
          f"{statistics.median(by_clock):.3f} by the clock ({whole.seconds:.1f} s), "
          f"{statistics.median(by_cpu):.3f} by CPU time ({whole.cpu:.1f} s)")  # fmt: skip
    for name, which in (("alone", parts[0]), ("together", whole)):
        print(f"{name}: RSS {which.rss / MEBIBYTE:.0f} MiB, PSS {which.pss / MEBIBYTE:.0f} MiB")
    print(f"networks, mapped by each worker: RSS {whole.networks_rss / MEBIBYTE:.1f} MiB, "
          f"PSS {whole.networks_pss / MEBIBYTE:.1f} MiB in all")  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face", type=Path, help="a video with a face; without it the sample")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--videos", type=int, default=4, help="for each worker")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="of each video")
    parser.add_argument("--height", type=int, choices=WIDTHS, default=720)
    parser.add_argument("--checkpoint_path", type=Path, help="another generator")
    args = parser.parse_args(argv)
    own = ["--checkpoint_path", str(args.checkpoint_path.resolve())] if args.checkpoint_path else []
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "clip.mp4", args.height, args.seconds, args.face, grain=4)
        compare(Path(name), clip, args, box_flag(clip) + own)


if __name__ == "__main__":
    main()
