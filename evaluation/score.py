"""Does this voice fit this face? The expert's similarity of one or more videos, in words.

python -m evaluation.score VIDEO [VIDEO ...] [--audio FILE] [--json out.json] [--plot out.png]
"""

import argparse
import csv
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from atomic import end_cleanly_on_signals, whole_or_absent
from corpus.names import shorten, tell_apart
from evaluation.metrics.similarity import Similarity, measure_similarity
from evaluation.plot import plot_similarity
from face_detection import DETECTOR_NAMES, make_detector
from models.devices import device_faults_told, resolve_device, use_full_float32
from models.pretrained import EXPERT
from synchrony.expert import read_expert

PICTURE_SUFFIXES = (".png", ".jpg")
WAY_OUT = "try again with --device cpu"
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
    parser.add_argument("--face_select", default="largest", help="which face, where there are more")
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="auto", help="finds faces")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--json", type=Path, help="write the numbers here")
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
    end_cleanly_on_signals()
    try:
        device = str(resolve_device(args.device))
        use_full_float32()
        with device_faults_told(WAY_OUT):
            expert = read_expert(args.syncnet_checkpoint_path, device)
            detector = make_detector(args.detector, device=device)
        videos = dict.fromkeys(args.video)
        results = {path: _score(path, args, expert, detector) for path in videos}
        _write(args, results)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; no file was written", file=sys.stderr)
        return 130
    return int(any(isinstance(result, str) for result in results.values()))


def _score(path: Path, args: argparse.Namespace, expert, detector) -> Similarity | str:
    """Score one video and print it, or say why not: what is wrong with one stops no other."""
    print(path)
    try:
        sound = args.audio or path
        with device_faults_told(WAY_OUT):
            result = measure_similarity(path, sound, expert, detector, select=args.face_select)
    except (OSError, ValueError) as error:
        print(f"cannot be scored: {error}\n")
        return str(error)
    print(result.report() + "\n")
    return result


def _write(args: argparse.Namespace, results: dict[Path, Similarity | str]) -> None:
    scored = {path: result for path, result in results.items() if isinstance(result, Similarity)}
    if args.json:
        rows = [_row(path, result) for path, result in results.items()]
        with whole_or_absent(args.json) as partial:
            content = rows[0] if len(rows) == 1 else {"videos": rows}
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
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


def _row(path: Path, result: Similarity | str) -> dict:
    if isinstance(result, str):
        return {"video": str(path), "absent": result}
    return {"video": str(path), **result.to_dict()}


def _write_windows(path: Path, results: dict[Path, Similarity]) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "frame", "seconds", "similarity"])
        for video, result in results.items():
            for frame, cosine in zip(result.frames, result.cosines, strict=True):
                rows.writerow([video, frame, f"{frame / result.fps:.3f}", f"{cosine:.5f}"])


if __name__ == "__main__":
    sys.exit(main())
