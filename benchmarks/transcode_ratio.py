"""inference.py against a bare ffmpeg transcode of the same file, encoded alike, pair by pair.

    python -m benchmarks.transcode_ratio [--heights 480 720 1080 2160] [--pairs 3] [--seconds 20]

Each pair runs one after the other, so that what else the machine does weighs on both; printed are
the medians over the pairs. Speed: the transcode's time by the clock over ours, 1 is as fast.
CPU: our processor time over the transcode's, children included. Faces known: --box; from nothing:
detected anew each time. Start-up is part of it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg

from benchmarks.clips import WIDTHS, box_flag, make_clip

ROOT = Path(__file__).parents[1]


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds by the clock and of processor time that a command and its children take."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime


def transcode(clip: Path, args: argparse.Namespace) -> list[str]:
    coding = ["-c:v", args.codec, "-preset", args.preset, "-crf", str(args.crf),
              "-pix_fmt", args.pix_fmt, "-c:a", "copy"]  # fmt: skip
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", str(clip),
            *coding, str(clip.with_name("bare.mp4"))]  # fmt: skip


def lipsync(clip: Path, args: argparse.Namespace, faces: list[str]) -> list[str]:
    own = ["--checkpoint_path", str(args.checkpoint_path.resolve())] if args.checkpoint_path else []
    return [sys.executable, "inference.py", "--face", str(clip), "--audio", str(clip),
            "--outfile", str(clip.with_name("ours.mp4")), "--length", "video", "--quiet",
            "--codec", args.codec, "--preset", args.preset, "--crf", str(args.crf),
            "--pix_fmt", args.pix_fmt, *own, *faces]  # fmt: skip


def compare(clip: Path, args: argparse.Namespace, faces: list[str]) -> str:
    """The medians of all pairs, for people."""
    timed(lipsync(clip, args, faces))  # so that the first pair finds warm files too
    pairs = []
    for number in range(args.pairs):
        commands = [transcode(clip, args), lipsync(clip, args, faces)]
        taken = [timed(command) for command in commands[:: 1 - 2 * (number % 2)]]
        pairs.append(taken[:: 1 - 2 * (number % 2)])
    frames = args.seconds * 25
    bare, ours = ([pair[which] for pair in pairs] for which in (0, 1))
    speed = statistics.median(b[0] / o[0] for b, o in pairs)
    cpu = statistics.median(o[1] / b[1] for b, o in pairs)
    rates = [frames / statistics.median(one[0] for one in way) for way in (bare, ours)]
    seconds = [statistics.median(one[1] for one in way) for way in (bare, ours)]
    return (
        f"speed {speed:.2f} ({rates[0]:.1f} and {rates[1]:.1f} frames a second), "
        f"CPU {cpu:.2f} ({seconds[0]:.1f} and {seconds[1]:.1f} s)"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face", type=Path, help="a video with a face; without it the sample")
    parser.add_argument("--heights", type=int, nargs="+", choices=WIDTHS, default=list(WIDTHS))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--grain", type=int, default=4, help="grey levels of noise on the clip")
    parser.add_argument("--only", choices=("known", "detected"), help="with or without --box alone")
    parser.add_argument("--checkpoint_path", type=Path, help="another generator")
    parser.add_argument("--codec", default="libx264")
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--pix_fmt", default="yuv420p")
    args = parser.parse_args(argv)
    print(f"{args.codec} {args.preset}, {args.seconds:g} s, median of {args.pairs} pairs, "
          f"{len(os.sched_getaffinity(0))} cores")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for height in args.heights:
            clip = make_clip(
                Path(folder) / "clip.mp4", height, args.seconds, args.face, grain=args.grain
            )
            for way in ("known", "detected"):
                if args.only in (None, way):
                    faces = box_flag(clip) if way == "known" else ["--no_cache"]
                    print(f"{height}p, faces {way}: {compare(clip, args, faces)}", flush=True)


if __name__ == "__main__":
    main()
