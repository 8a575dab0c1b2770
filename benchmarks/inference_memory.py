"""Peak memory of inference.py, its ffmpegs included, on a long and on a short 720p video.

    python -m benchmarks.inference_memory --face FILE [--minutes 10] [--detector haar]

FILE, any video with a face, is scaled to 720 lines and repeated. The generator has random
weights; the sizes are those of the published one. Linux only: it reads /proc.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import torch

from models.talkface import TalkFace

SHORT_SECONDS = 10
INTERVAL_SECONDS = 0.05
MEBIBYTE = 1 << 20


def make_clips(face: Path, folder: Path, minutes: float) -> tuple[Path, Path]:
    """A clip of SHORT_SECONDS, and one that repeats it for `minutes`."""
    short, long = folder / "short.mp4", folder / "long.mp4"
    source = ffmpeg.input(str(face), stream_loop=-1)
    picture = source.video.filter("scale", -2, 720).filter("fps", 25)
    output = ffmpeg.output(picture, source.audio, str(short), t=SHORT_SECONDS, preset="veryfast")
    _run(output)
    repeated = ffmpeg.input(str(short), stream_loop=-1)
    _run(ffmpeg.output(repeated, str(long), t=minutes * 60, c="copy"))
    return short, long


def peak_memory(clip: Path, checkpoint: Path, folder: Path, detector: str) -> float:
    """The most bytes that inference.py and its children held at a time while dubbing the clip."""
    command = [sys.executable, "inference.py", "--checkpoint_path", checkpoint, "--face", clip,
               "--audio", clip, "--outfile", folder / "out.mp4", "--device", "cpu", "--quiet",
               "--no_cache", "--detector", detector]  # fmt: skip
    process = subprocess.Popen([*map(str, command)], cwd=Path(__file__).parents[1])
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_resident_bytes, _family(process.pid))))
        time.sleep(INTERVAL_SECONDS)
    if process.returncode != 0:
        raise SystemExit(f"inference.py failed on {clip}")
    return peak


def _family(pid: int) -> set[int]:
    """A process and all its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    family, before = {pid}, 0
    while len(family) > before:
        before = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return family


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _run(output) -> None:
    quiet = output.global_args("-nostdin", "-v", "error").overwrite_output()
    quiet.run(cmd=imageio_ffmpeg.get_ffmpeg_exe())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--detector", default="haar")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.save(TalkFace().state_dict(), folder / "generator.pth")
        clips = make_clips(args.face, folder, args.minutes)
        short, long = (
            peak_memory(clip, folder / "generator.pth", folder, args.detector) for clip in clips
        )
    print(f"peak: {short / MEBIBYTE:.0f} MiB for {SHORT_SECONDS} s, {long / MEBIBYTE:.0f} MiB for "
          f"{args.minutes:g} min, {long / short - 1:+.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
