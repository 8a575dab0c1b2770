"""Does this voice fit this face? The expert's similarity of one or more videos, in words.

python -m evaluation.score VIDEO [VIDEO ...] [--audio FILE] [--json out.json] [--plot out.png]
"""

import argparse
import csv
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from atomic import whole_or_absent
from corpus.names import shorten, tell_apart
from evaluation.metrics.similarity import Similarity, measure_similarity
from evaluation.over_videos import Absent, add_video_arguments, over_videos, rows_of, write_json
from evaluation.plot import plot_similarity
from face_detection import make_detector
from models.pretrained import EXPERT
from synchrony.expert import read_expert

PICTURE_SUFFIXES = (".png", ".jpg")
NAME_BYTES = 150  # of a video's name within its plot's


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.score",
        description="Say whether a voice fits a face: the lip-sync expert's similarity of every "
        "five frames with their sound, and the shift at which they fit best.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("video", type=Path, nargs="+", help="videos with a face")
    parser.add_argument("--audio", type=Path, help="the voice, if not the video's own sound")
    parser.add_argument(
        "--syncnet_checkpoint_path", type=Path, default=EXPERT, help="the lip-sync expert"
    )
    add_video_arguments(parser)
    parser.add_argument("--csv", type=Path, help="write the score of each window here")
    parser.add_argument(
        "--plot", type=Path, help="draw the scores here; .NAME is put before .png for many videos"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.plot and args.plot.suffix.lower() not in PICTURE_SUFFIXES:
        parser.error(f"--plot must end in {' or '.join(PICTURE_SUFFIXES)}, not {args.plot}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return over_videos(args, _opened, _write)


def _opened(args: argparse.Namespace, device: str) -> Callable[[Path], Similarity]:
    expert = read_expert(args.syncnet_checkpoint_path, device)
    detector = make_detector(args.detector, device=device)

    def score(path: Path) -> Similarity:
        sound = args.audio or path
        result = measure_similarity(path, sound, expert, detector, select=args.face_select)
        print(result.report() + "\n")
        return result

    return score


def _write(args: argparse.Namespace, results: dict[Path, Similarity | Absent]) -> None:
    scored = {path: result for path, result in results.items() if isinstance(result, Similarity)}
    rows = rows_of(results, Similarity.to_dict)
    write_json(args.json, rows[0] if len(rows) == 1 else {"videos": rows})
    if args.csv:
        with whole_or_absent(args.csv) as partial:
            _write_windows(partial, scored)
    for path, target in _plots(args.plot, list(results)) if args.plot else ():
        if path in scored:
            plot_similarity(scored[path], target, path.name)


def _plots(plot: Path, videos: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Each video, and where its scores are drawn."""
    if len(videos) == 1:
        yield videos[0], plot
        return
    names = tell_apart([shorten(path.stem, NAME_BYTES) for path in videos], list(map(str, videos)))
    for path, name in zip(videos, names, strict=True):
        yield path, plot.with_suffix(f".{name}{plot.suffix}")


def _write_windows(path: Path, results: dict[Path, Similarity]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "frame", "seconds", "similarity"])
        for video, result in results.items():
            for frame, cosine in zip(result.frames, result.cosines, strict=True):
                rows.writerow([video, frame, f"{frame / result.fps:.3f}", f"{cosine:.5f}"])


if __name__ == "__main__":
    sys.exit(main())
