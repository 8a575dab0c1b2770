"""Read the lips in videos and print the words.

python -m evaluation.read_lips VIDEO [VIDEO ...] [--reader FILE] [--beam 10]
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from atomic import end_cleanly_on_signals, whole_or_absent
from evaluation.metrics.reading import read_spans, words_of
from face_detection import DETECTOR_NAMES, make_detector
from models.av_hubert.open_reader import Reader, open_reader
from models.devices import device_faults_told, resolve_device, use_full_float32
from training.word_errors import WordErrors

WAY_OUT = "try again with --device cpu"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.read_lips",
        description="Read the lips in videos and print the words, a line for every 20 seconds.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("video", type=Path, nargs="+", help="videos with a face; beside one may lie its .txt")
    add("--reader", type=Path, required=True, help="a lip reader, ours or a published one")
    add("--beam", type=int, default=10, help="readings that are followed at a time")
    add("--best", type=int, default=1, help="print so many readings of each span")
    add("--face_select", default="largest", help="which face, where there are more")
    add("--detector", choices=DETECTOR_NAMES, default="auto", help="finds faces")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--json", type=Path, help="write what was read here")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.beam < 1 or not 1 <= args.best <= args.beam:
        parser.error("--beam must be 1 or more, and --best at most as many")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    end_cleanly_on_signals()
    try:
        device = str(resolve_device(args.device))
        use_full_float32()
        with device_faults_told(WAY_OUT):
            reader = open_reader(args.reader, device)
            detector = make_detector(args.detector, device=device)
        rows = [_read(path, args, reader, detector) for path in dict.fromkeys(args.video)]
        if args.json:
            with whole_or_absent(args.json) as partial:
                partial.write_text(json.dumps({"videos": rows}, indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; no file was written", file=sys.stderr)
        return 130
    return int(any("absent" in row for row in rows))


def _read(path: Path, args: argparse.Namespace, reader: Reader, detector) -> dict:
    """Read one video and print it, or say why not: what is wrong with one stops no other."""
    print(path)
    try:
        with device_faults_told(WAY_OUT):
            spans = list(
                read_spans(path, reader, detector, select=args.face_select, beam=args.beam)
            )
    except (OSError, ValueError) as error:
        print(f"  cannot be read: {error}", file=sys.stderr)
        return {"video": str(path), "absent": str(error)}
    texts = [[reader.tokens.decode(found.tokens) for found in best[: args.best]] for best in spans]
    for best, found in zip(spans, texts, strict=True):
        for hypothesis, text in zip(best, found, strict=False):
            print(f"  {hypothesis.score:7.3f}  {text}")
    return {"video": str(path), "read": texts} | _errors(path, [found[0] for found in texts])


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
