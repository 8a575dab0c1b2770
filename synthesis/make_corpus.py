"""Make a talking-head corpus: videos in LRS2's layout with the truth of each frame, or crops.

python -m synthesis.make_corpus --head_model <ICT-FaceKit> --out data_root --speakers 200 --clips 10

With --words N its clips are of single words, as LRW's are, and --crops_only makes DAVS's tree.

Speech comes from espeak-ng, or from recordings with --speech. Run it again to go on.
"""

import argparse
import logging
import math
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from multiprocessing.synchronize import Event
from pathlib import Path

import cv2
import torch
from tqdm import tqdm

from corpus.words import FPS, FRAMES, write_words
from models.davs.alignment import ALIGNED
from preprocessing.orphans import end_with
from synthesis.aligned_faces import write_aligned, write_word_sound
from synthesis.arguments import frame_side, span_seconds, whole_count
from synthesis.corpus_files import (
    are_crops_done,
    is_sound_done,
    is_video_done,
    write_crops,
    write_filelist,
    write_sound,
    write_video,
)
from synthesis.figure.head import Head, load_head
from synthesis.renderer import Renderer
from synthesis.speech.alignments import read_alignment
from synthesis.speech.espeak import EspeakError, find_library
from synthesis.speech.real_speech import find_aligned, find_recordings
from synthesis.speech.voices import SPLITS, languages_of, split_of_number
from synthesis.speech.words import LANGUAGE, MOST_TAKES, word_list
from synthesis.synthetic_clip import CorpusPlan, clip_name, make_clip, word_clip_name
from video import MediaError

LISTS = {split: split for split in SPLITS}  # the speakers of each list
SOUND_LISTS = {"sounds": "train", "sounds_val": "val", "sounds_test": "test"}
SHORTEST_SECONDS = 0.64  # training needs more than three windows of five frames


@dataclass(frozen=True)
class Job:
    """What every worker needs to know."""

    plan: CorpusPlan
    out: Path
    head_model: Path | None  # None: sound alone
    crops_only: bool
    crop_size: int

    def name_of(self, speaker: int, clip: int) -> str:
        """Under which the clip lies in the folder."""
        if self.plan.words:
            return word_clip_name(self.plan, speaker, clip)
        return clip_name(speaker, clip)

    def is_done(self, speaker: int, clip: int) -> bool:
        """Whether this clip is there already."""
        if self.head_model is None:
            done = are_crops_done if self.plan.words else is_sound_done
        else:
            done = are_crops_done if self.crops_only else is_video_done
        return done(self.out, self.name_of(speaker, clip))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m synthesis.make_corpus",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--head_model", type=Path, help="ICT-FaceKit's folder or packed .npz")
    what.add_argument("--sound_only", action="store_true", help="no pictures, no head needed")
    add("--out", type=Path, required=True, help="folder to make the corpus in")
    add("--speakers", type=whole_count, default=200, help="a tenth each for val and test")
    add("--clips", type=whole_count, default=10, help="of each speaker; takes of each word")
    add("--seconds", type=span_seconds, default=6.0, help="of each clip; of a word's, 29 frames")
    add("--words", type=whole_count, metavar="N", help="clips of N words of the English lists")
    add("--seed", type=int, default=0, help="the same seed makes the same corpus")
    add("--workers", type=whole_count, default=os.cpu_count(), help="processes")
    add("--size", type=frame_side, default=256, help="pixels of a frame's side, even")
    add("--languages", type=_names, default=(), metavar="EN,FR,...", help="only these")
    add("--speech", type=Path, help="folder of recordings to use instead of espeak-ng")
    add(
        "--alignments",
        type=Path,
        help="of the recordings, .TextGrid or .align: the mouth follows",
    )
    add("--crops_only", action="store_true", help="what preprocess.py would make, at once")
    add("--crop_size", type=whole_count, default=128, help="longer side of a crop, at most; of an "
        "aligned face, 260 at most: 65 for networks of 64")  # fmt: skip
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def main(argv: list[str] | None = None) -> None:
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.seconds < SHORTEST_SECONDS:
        parser.error(f"--seconds {args.seconds}: training needs {SHORTEST_SECONDS} s or more")
    if args.sound_only and args.crops_only:
        parser.error("--sound_only draws nothing, so that there is nothing for --crops_only")
    if args.alignments and not args.speech:
        parser.error("--alignments says what is spoken in the recordings of --speech: name both")
    if args.words:
        _check_words(parser, args)
    if args.seed < 0:
        parser.error(f"--seed {args.seed} is below 0")
    try:
        made = _make_corpus(args)
    except (EspeakError, MediaError, ValueError, OSError, BrokenProcessPool) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    print(made)


def _check_words(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.speech or args.languages:
        parser.error("--words are English and of espeak-ng: no --speech or --languages")
    if args.clips > MOST_TAKES:
        parser.error(f"--clips {args.clips}: of a word a speaker has {MOST_TAKES} takes at most")
    if args.crops_only and args.crop_size > ALIGNED:
        parser.error(f"--crop_size {args.crop_size}: an aligned face has {ALIGNED} at most")


def _make_corpus(args: argparse.Namespace) -> Path:
    """Make what is missing; the folder that was made."""
    job = _job(args)
    args.out.mkdir(parents=True, exist_ok=True)
    lists = SOUND_LISTS if args.sound_only else LISTS
    speakers = [n for n in range(args.speakers) if split_of_number(n) in lists.values()]
    clips = args.clips * max(1, len(job.plan.words))
    wanted = [(speaker, clip) for speaker in speakers for clip in range(clips)]
    if job.plan.words:
        write_words(args.out, job.plan.words)
    missing = [number for number in wanted if not job.is_done(*number)]
    bar = tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="clip",
               disable=args.quiet, smoothing=0.05)  # fmt: skip
    with bar:
        for count in _run(job, missing, args.workers):
            bar.update(count)
    for name, split in lists.items():
        listed = [number for number in wanted if split_of_number(number[0]) == split]
        write_filelist(args.out, name, [job.name_of(*number) for number in listed])
    return args.out


def _job(args: argparse.Namespace) -> Job:
    """The run's settings, checked before anything is made."""
    if args.speech is None:
        find_library()
        for split in SPLITS:
            languages_of(split, args.languages)
    elif args.alignments:
        for grid in find_aligned(args.speech, args.alignments).values():
            read_alignment(grid)
    else:
        find_recordings(args.speech)
    if args.head_model:
        _head(args.head_model)
    plan = CorpusPlan(
        args.seed, args.seconds, args.size, args.languages, args.speech, args.alignments
    )
    if args.words:
        plan = replace(
            plan, seconds=FRAMES / FPS, languages=(LANGUAGE,), words=word_list(args.words),
            word_videos=not (args.crops_only or args.sound_only),
        )  # fmt: skip
    return Job(plan, args.out, args.head_model, args.crops_only, args.crop_size)


def _run(job: Job, missing: list[tuple[int, int]], workers: int) -> Iterator[int]:
    """Make clips, yielding how many are done now; here where one worker is enough."""
    if workers == 1 or len(missing) < 2:
        for number in missing:
            yield _make(job, [number])
        return
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    pool = ProcessPoolExecutor(workers, spawn, _start_worker, (os.getpid(), stop))
    try:
        tasks = [pool.submit(_make, job, numbers) for numbers in _shared_out(missing, workers)]
        for task in as_completed(tasks):
            yield task.result()
    finally:
        stop.set()  # for tasks that are with the workers already
        pool.shutdown(cancel_futures=True)


def _shared_out(missing: list[tuple[int, int]], workers: int) -> Iterator[list[tuple[int, int]]]:
    """Tasks of clips of one speaker each, whose looks cost more to make than a clip's scene."""
    most = math.ceil(len(missing) / workers)
    for _, group in groupby(missing, key=lambda number: number[0]):
        clips = list(group)
        yield from (clips[first : first + most] for first in range(0, len(clips), most))


_stop: Event | None = None  # in a worker: set when the run is to end before its time


def _start_worker(parent: int, stop: Event) -> None:
    global _stop
    _stop = stop
    end_with(parent)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _make(job: Job, numbers: list[tuple[int, int]]) -> int:
    """Make these clips; how many they were."""
    size = job.plan.size
    for speaker, clip in numbers:
        if _stop and _stop.is_set():
            break
        made = make_clip(job.plan, speaker, clip)
        if job.head_model is None:
            (write_word_sound if job.plan.words else write_sound)(made, job.out)
            continue
        renderer = Renderer(_head(job.head_model), made.speaker, made.scene, size, size)
        if job.crops_only and job.plan.words:
            write_aligned(made, renderer, job.out, job.crop_size)
        elif job.crops_only:
            write_crops(made, renderer, job.out, job.crop_size)
        else:
            write_video(made, renderer, job.out)
    return len(numbers)


@lru_cache(maxsize=1)
def _head(path: Path) -> Head:
    """Loaded once in each process."""
    return load_head(path)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    main()
