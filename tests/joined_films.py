"""Many joined films through preprocess.py --wild, and what of their truth was found.

    python -m tests.joined_films FOLDER_OF_CLIPS ... --out FOLDER [--films 100] [--clips 5]

Films of a few clips each, see tests.joined_film; figures are printed as they grow. What was kept
stays in FOLDER.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import cv2
import torch

import video
from face_detection.detectors import resolve_name
from hparams import ClipHParams
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.wild.options import WildOptions
from preprocessing.wild.preprocess_film import preprocess_film
from preprocessing.workers import build_detector
from tests.joined_film import find_clips, join, score

TOLD_EVERY = 10  # films


def told(total: Counter) -> str:
    """The counts of tests.joined_film.score, in words."""
    return (
        f"found {total['found']} of {total['talks']}, offset within a frame "
        f"{total['within']} of {total['found']}, of two people the right one {total['right']} of "
        f"{total['sided']}, kept though "
        + ", ".join(f"{kind} {total['kept ' + kind]} of {total[kind]}"
                    for kind in ("dubbed", "still", "music"))
    )  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--clips", type=int, default=5, help="of a film")
    parser.add_argument("--seed", type=int, default=0, help="of the first; each has the next one")
    parser.add_argument("--min_sync", type=float, default=WildOptions.min_sync)
    parser.add_argument("--syncnet_checkpoint_path", type=Path, default=WildOptions.expert)
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = find_clips(args.folders)
    options = WildOptions(min_sync=args.min_sync, expert=args.syncnet_checkpoint_path)
    name = resolve_name("auto", None)
    settings = PreprocessSettings(args.out / "made", ClipHParams(), name, wild=options)
    detector = build_detector(settings, "cpu")
    (args.out / "films").mkdir(parents=True, exist_ok=True)
    total, begun = Counter(), time.monotonic()
    for seed in range(args.seed, args.seed + args.films):
        film = args.out / "films" / f"{seed:03d}.mp4"
        parts = join(clips, film, seed, args.clips)
        made = preprocess_film(SourceVideo(film.stem, film), settings, detector)
        total.update(score(parts, made["rows"], video.probe(film).width))
        (args.out / "films" / f"{seed:03d}.rows.json").write_text(json.dumps(made["rows"]))
        done = seed - args.seed + 1
        if done % TOLD_EVERY == 0 or done == args.films:
            seconds = time.monotonic() - begun
            print(f"{done} films, {seconds:.0f} s: {told(total)}", flush=True)
        for made_file in (film, film.with_suffix(".wav")):
            made_file.unlink()


if __name__ == "__main__":
    main()
