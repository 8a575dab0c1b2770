"""How fast a corpus is made, and where the time goes: speech, motion, pictures, files.

python -m benchmarks.synthesis_corpus --head_model <ICT-FaceKit> [--workers 2] [--whole]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from synthesis import make_corpus
from synthesis.corpus_files import write_crops, write_video
from synthesis.figure.head import Head, load_head
from synthesis.renderer import Renderer
from synthesis.speech.performance import FPS
from synthesis.synthetic_clip import CorpusPlan, SyntheticClip, make_clip

SPEAKERS = 4  # different hair, glasses and scenes take different times
CROP_SIZE = 96


class StopWatch:
    """Adds up the CPU time of each part, that of ended child processes (ffmpeg) included."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = sum(os.times()[:4])
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + sum(os.times()[:4]) - start


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--head_model", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a clip")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="also the command itself, twice")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    measure_parts(args)
    if args.whole:
        for layout in ("", "--crops_only"):
            measure_command(args, layout)


def measure_parts(args: argparse.Namespace) -> None:
    """Print how long each part of a clip takes, in one process."""
    head, plan = load_head(args.head_model), CorpusPlan(0, args.seconds, args.size)
    _make_all(head, plan, [0], StopWatch())  # compiles, and fills the disk's cache
    watch = StopWatch()
    _make_all(head, plan, range(SPEAKERS), watch)
    frames = SPEAKERS * plan.frames
    print(f"{SPEAKERS} clips of {args.seconds} s at {args.size}x{args.size}, one process")
    for part, seconds in watch.seconds.items():
        print(f"  {part:28s} {1000 * seconds / frames:7.2f} ms of CPU a frame")


def _make_all(head: Head, plan: CorpusPlan, speakers: Iterable[int], watch: StopWatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for speaker in speakers:
            with watch.part("speech, sound and motion"):
                clip = make_clip(plan, speaker, 0)
            with watch.part("speaker and scene"):
                renderer = _renderer(head, plan, clip)
            with watch.part("drawing"):
                for frame in range(plan.frames):
                    renderer.render(clip.performance, frame)
            with watch.part("video, all files"):
                write_video(clip, renderer, Path(folder))
            with watch.part(f"crops of {CROP_SIZE}, all files"):
                write_crops(clip, renderer, Path(folder), CROP_SIZE)


def _renderer(head: Head, plan: CorpusPlan, clip: SyntheticClip) -> Renderer:
    return Renderer(head, clip.speaker, clip.scene, plan.size, plan.size)


def measure_command(args: argparse.Namespace, layout: str) -> None:
    """Print the frames a second of the whole command, start of the processes included."""
    speakers, clips = 2 * args.workers, 3
    flags = ["--head_model", args.head_model, "--speakers", speakers, "--clips", clips,
             "--seconds", args.seconds, "--size", args.size, "--workers", args.workers,
             "--crop_size", CROP_SIZE, "--quiet"]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_corpus.main([*map(str, flags), "--out", folder, *filter(None, [layout])])
        seconds = time.perf_counter() - start
    frames = speakers * clips * round(args.seconds * FPS)
    what = layout or "videos"
    print(f"{what}: {frames / seconds:.1f} frames a second with {args.workers} processes")


if __name__ == "__main__":
    main()
