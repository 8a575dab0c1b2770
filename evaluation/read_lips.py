"""Read the lips in videos and print the words.

python -m evaluation.read_lips VIDEO [VIDEO ...] [--reader FILE] [--beam 10]
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from evaluation.metrics.reading import read_spans, words_of
from evaluation.over_videos import Absent, add_video_arguments, over_videos, rows_of, write_json
from face_detection import make_detector
from models.av_hubert.open_reader import Reader, open_reader
from models.pretrained import LIP_READER
from training.word_errors import WordErrors


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.read_lips",
        description="Read the lips in videos and print the words, a line for every 20 seconds.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("video", type=Path, nargs="+", help="videos with a face; beside one may lie its .txt")
    add("--reader", type=Path, default=LIP_READER, help="a lip reader, ours or a published one")
    add("--beam", type=int, default=20, help="readings that are followed at a time")
    add("--best", type=int, default=1, help="print so many readings of each span")
    add_video_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.beam < 1 or not 1 <= args.best <= args.beam:
        parser.error("--beam must be 1 or more, and --best at most as many")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return over_videos(args, _opened, _write)


def _opened(args: argparse.Namespace, device: str) -> Callable[[Path], dict]:
    reader = open_reader(args.reader, device)
    detector = make_detector(args.detector, device=device)
    return lambda path: _read(path, args, reader, detector)


def _write(args: argparse.Namespace, found: dict[Path, dict | Absent]) -> None:
    write_json(args.json, {"videos": rows_of(found)})


def _read(path: Path, args: argparse.Namespace, reader: Reader, detector) -> dict:
    """Read one video and print it."""
    spans = list(read_spans(path, reader, detector, select=args.face_select, beam=args.beam))
    texts = [[reader.tokens.decode(found.tokens) for found in best[: args.best]] for best in spans]
    for best, found in zip(spans, texts, strict=True):
        for hypothesis, text in zip(best, found, strict=False):
            print(f"  {hypothesis.score:7.3f}  {text}")
    return {"read": texts} | _errors(path, [found[0] for found in texts])


def _errors(path: Path, texts: list[str]) -> dict:
    """Of a video whose words lie beside it."""
    if not path.with_suffix(".txt").is_file():
        return {}
    errors = WordErrors()
    errors.add(" ".join(texts), words_of(path.with_suffix(".txt")))
    print(f"  {errors.wrong_words} of {errors.words} words wrong")
    return {"wer": errors.wer, "cer": errors.cer}


if __name__ == "__main__":
    sys.exit(main())
