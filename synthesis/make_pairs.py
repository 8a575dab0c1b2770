"""Make pairs: frames drawn with several mouths each, and the flow between them, for the lip warp.

python -m synthesis.make_pairs --head_model <ICT-FaceKit> --out pairs --speakers 500

Run it again to go on; the same seed makes the same bytes, whatever the number of workers.
"""

import argparse
import multiprocessing
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from corpus.whole_folder import partial_folder
from preprocessing.orphans import end_with
from synthesis.arguments import add_pair_arguments, run_maker, whole_count
from synthesis.figure.head import Head, load_head
from synthesis.pairs.frame_pairs import draw_mouths, turned
from synthesis.renderer import Renderer
from synthesis.speech.espeak import find_library
from synthesis.speech.voices import split_of_number
from synthesis.synthetic_clip import CorpusPlan, make_clip
from training.pair_files import DONE, write_shard

CLIP_SECONDS = 4.0  # of speech that the mouths of a scene are taken from
FRAME_SIDE = 384  # pixels of the frame that the square is cut from


@dataclass(frozen=True)
class Job:
    """What every worker needs to know."""

    out: Path
    head_model: Path
    seed: int
    scenes: int
    frames: int
    mouths: int


def shard_name(speaker: int) -> str:
    return f"s{speaker:05d}"


def make_shard(job: Job, speaker: int) -> int:
    """All frames of a speaker as one shard; how many pairs it holds."""
    plan = CorpusPlan(job.seed, CLIP_SECONDS, FRAME_SIDE)
    drawn, scenes = [], []
    for scene in range(job.scenes):
        rng = np.random.default_rng((job.seed, speaker, scene, 5))
        clip = turned(make_clip(plan, speaker, scene), rng)
        renderer = Renderer(_head(job.head_model), clip.speaker, clip.scene, *(FRAME_SIDE,) * 2)
        for frame in rng.choice(clip.performance.frames, job.frames, replace=False):
            drawn.append(draw_mouths(renderer, clip, int(frame), job.mouths, rng))
            scenes.append(scene)
    target = job.out / shard_name(speaker)
    about = {"seed": job.seed, "speaker": speaker, "split": split_of_number(speaker)}
    with partial_folder(target) as partial:
        write_shard(partial, drawn, scenes, about)
        os.replace(partial, target)
    return len(drawn) * job.mouths * (job.mouths - 1)


@lru_cache(maxsize=1)
def _head(path: Path) -> Head:
    return load_head(path)


def _start_worker(parent: int) -> None:
    end_with(parent)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _make(task: tuple[Job, int]) -> int:
    return make_shard(*task)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m synthesis.make_pairs",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_pair_arguments(parser)
    add("--speakers", type=whole_count, default=500, help="a tenth each for val and test")
    add("--first", type=int, default=0, help="number of the first speaker: to share the work")
    add("--scenes", type=whole_count, default=4, help="of each speaker")
    add("--frames", type=whole_count, default=3, help="of each scene")
    add("--workers", type=whole_count, default=os.cpu_count(), help="processes")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.mouths < 2 or args.seed < 0 or args.first < 0:
        parser.error("a pair needs --mouths 2 or more; --seed and --first are 0 or more")
    job = Job(args.out, args.head_model, args.seed, args.scenes, args.frames, args.mouths)
    speakers = range(args.first, args.first + args.speakers)
    return run_maker(lambda: _make_missing(job, speakers, args), args.out)


def _make_missing(job: Job, speakers: range, args: argparse.Namespace) -> None:
    find_library()
    _head(args.head_model)  # packs a folder once, before the processes read it
    missing = [n for n in speakers if not (job.out / shard_name(n) / DONE).is_file()]
    tasks = [(job, speaker) for speaker in missing]
    bar = tqdm(total=len(speakers), initial=len(speakers) - len(missing), unit="speaker",
               disable=args.quiet)  # fmt: skip
    with bar:
        if args.workers == 1:
            for task in tasks:
                _make(task)
                bar.update()
            return
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(args.workers, _start_worker, (os.getpid(),)) as pool:
            for _ in pool.imap_unordered(_make, tasks):
                bar.update()


if __name__ == "__main__":
    sys.exit(main())
