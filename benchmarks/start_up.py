"""How long inference.py takes to answer: --help, a wrong flag, and its first frame.

    python -m benchmarks.start_up [--turns 5] [--seconds 1] [--cold]

The first frame counts when the encoder has been given it, which the progress bar tells. The clip
is short, since the default generator looks at the whole of it before. Each number is the median of
the turns, by the clock and by the processor time of the program and what it started. --cold: what
is installed is put out of the page cache before each turn, but for what other programs have mapped.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from benchmarks.processes import cpu_seconds, family
from jobs.arguments import SAMPLE_FACE, SAMPLE_SPEECH
from lipsync.progress import STAGES
from models.pretrained import GENERATOR

ROOT = Path(__file__).parents[1]
BOX = ("--box", "100", "450", "110", "400")  # of the face in the sample
CASES = {
    "first frame, --box": BOX,
    "first frame, --box, mask-based generator": (*BOX, "--checkpoint_path", str(GENERATOR)),
    "first frame, face detected": ("--no_cache",),
}


def time_to_end(*flags: str) -> tuple[float, float]:
    """Seconds and CPU seconds until the script with these flags has ended."""
    begin, before = time.perf_counter(), os.times()
    subprocess.run(_command(*flags), cwd=ROOT, capture_output=True)
    after = os.times()
    spent = sum(after[2:4]) - sum(before[2:4])
    return time.perf_counter() - begin, spent


def time_to_first_frame(face: Path, flags: tuple[str, ...]) -> tuple[float, float]:
    """The same until the encoder has its first frame; the run is then interrupted."""
    command = _command("--face", str(face), "--audio", str(face),
                       "--outfile", str(face.with_name("out.mp4")), *flags)  # fmt: skip
    begin, told = time.perf_counter(), b""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        while STAGES["frames"].encode() not in told:
            piece = os.read(child.stderr.fileno(), 4096)
            if not piece:
                raise SystemExit(f"no frame was made:\n{told.decode()}")
            told += piece
        taken = time.perf_counter() - begin
        spent = sum(map(cpu_seconds, family(child.pid)))
        child.send_signal(signal.SIGINT)
        child.communicate()
    return taken, spent


def _command(*flags: str) -> list[str]:
    return [sys.executable, str(ROOT / "inference.py"), *flags]


def make_clip(path: Path, seconds: float) -> Path:
    """The beginning of the sample, saying something else."""
    face, speech = ffmpeg.input(str(SAMPLE_FACE)), ffmpeg.input(str(SAMPLE_SPEECH))
    output = ffmpeg.output(face.video, speech.audio, str(path), t=seconds)
    output.global_args("-nostdin", "-v", "error").run(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    return path


def forget_files() -> None:
    """Put the project and what is installed out of the page cache."""
    for folder in (ROOT / "checkpoints", ROOT / "lipsync", ROOT / "models", Path(sys.prefix)):
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(work, turns: int, cold: bool) -> str:
    """The medians of what `work` gives, for people."""
    if not cold:
        work()  # so that the first turn is as warm as the others
    taken = []
    for _ in range(turns):
        if cold:
            forget_files()
        taken.append(work())
    clock, cpu = map(statistics.median, zip(*taken, strict=True))
    return f"{clock:.2f} s by the clock, {cpu:.2f} s of CPU time"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of the clip")
    parser.add_argument("--cold", action="store_true", help="with nothing in the page cache")
    args = parser.parse_args(argv)
    print(f"page cache: {'cold' if args.cold else 'warm'}; median of {args.turns} turns")
    for flag in ("--help", "--nonsense"):
        print(f"{flag}: {measure(lambda flag=flag: time_to_end(flag), args.turns, args.cold)}")
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "face.mp4", args.seconds)
        for title, flags in CASES.items():
            found = measure(
                lambda flags=flags: time_to_first_frame(clip, flags),
                args.turns,
                args.cold,
            )
            print(f"{title}: {found}", flush=True)


if __name__ == "__main__":
    main()
