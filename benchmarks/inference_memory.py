"""Peak memory of inference.py, its ffmpegs included, by the minute of a long video.

    python -m benchmarks.inference_memory [--minutes 60] [--heights 720] [--stop_after 10]

The video is a short one, scaled and repeated. Without --checkpoint_path the generator has the
published one's size and random weights. --stop_after: interrupt once so many minutes are made,
which shows whether memory stays flat. Linux only: it reads /proc.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from benchmarks.clips import WIDTHS, box_flag, make_clip
from benchmarks.processes import family, resident_bytes
from lipsync.progress import STAGES
from models.talkface import TalkFace

SHORT_SECONDS = 10
INTERVAL_SECONDS = 0.1
MEBIBYTE = 1 << 20
FRAMES_A_MINUTE = 25 * 60


class Watch:
    """What a running inference.py holds, by what it does and the minute of the video."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.place = ("starting", 0)  # stage, minute
        self.peaks: dict[tuple[str, int], int] = {}  # bytes
        threading.Thread(target=self._read_progress, daemon=True).start()

    def _read_progress(self) -> None:
        """From the progress bars: the last number of each line that it draws anew."""
        told = re.compile(rf"({'|'.join(STAGES.values())}):.*?(\d+)(?:/\d+|frame)")
        line = ""
        while piece := self.process.stderr.read(1):
            line = line + piece if piece not in "\r\n" else ""
            if found := told.search(line):
                self.place = (found[1], int(found[2]) // FRAMES_A_MINUTE)

    def until_done(self, stop_after: float | None) -> None:
        while self.process.poll() is None:
            held = sum(map(resident_bytes, family(self.process.pid)))
            self.peaks[self.place] = max(self.peaks.get(self.place, 0), held)
            stage, minute = self.place
            if stop_after is not None and stage == STAGES["frames"] and minute >= stop_after:
                self.process.send_signal(signal.SIGINT)
                self.process.wait()
                return
            time.sleep(INTERVAL_SECONDS)
        if self.process.returncode:
            raise SystemExit("inference.py failed")

    @property
    def peak(self) -> float:
        """MiB."""
        return max(self.peaks.values()) / MEBIBYTE

    def by_minute(self) -> str:
        """The peak of each minute in MiB, stage by stage."""
        lines = []
        for stage in dict.fromkeys(stage for stage, _ in self.peaks):
            held = [f"{b / MEBIBYTE:.0f}" for (s, _), b in sorted(self.peaks.items()) if s == stage]
            lines.append(f"  {stage}: {' '.join(held)}")
        return "\n".join(lines)


def watch(clip: Path, flags: list[str], stop_after: float | None = None) -> Watch:
    command = [sys.executable, "inference.py", "--face", clip, "--audio", clip,
               "--outfile", clip.with_name("out.mp4"), "--device", "cpu", "--no_cache",
               *flags]  # fmt: skip
    process = subprocess.Popen(
        [*map(str, command)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = Watch(process)
    seen.until_done(stop_after)
    return seen


def compare(folder: Path, height: int, args: argparse.Namespace, flags: list[str]) -> None:
    """Print the peaks of a short and of a long video."""
    short = make_clip(folder / "short.mp4", height, SHORT_SECONDS, args.face, crf=30)
    long = make_clip(folder / "long.mp4", height, args.minutes * 60, args.face, crf=30)
    flags = flags + (box_flag(short) if args.known else ["--detector", args.detector])
    before = watch(short, flags).peak
    seen = watch(long, flags, args.stop_after)
    until = "" if args.stop_after is None else f", stopped after {args.stop_after:g} min"
    print(f"{height}p: {before:.0f} MiB for {SHORT_SECONDS} s, {seen.peak:.0f} MiB for "
          f"{args.minutes:g} min{until}, {seen.peak / before - 1:+.1%}")  # fmt: skip
    print(f"peak of each minute of video, MiB\n{seen.by_minute()}", flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face", type=Path, help="a video with a face; without it the sample")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--heights", type=int, nargs="+", choices=WIDTHS, default=[720])
    parser.add_argument("--stop_after", type=float, metavar="MINUTES")
    parser.add_argument("--checkpoint_path", type=Path, help="the generator")
    parser.add_argument("--detector", default="haar")
    parser.add_argument("--known", action="store_true", help="the face's place is given, by --box")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generator = args.checkpoint_path or folder / "generator.pth"
        if args.checkpoint_path is None:
            torch.save(TalkFace().state_dict(), generator)
        for height in args.heights:
            compare(folder, height, args, ["--checkpoint_path", str(generator.resolve())])


if __name__ == "__main__":
    main()
