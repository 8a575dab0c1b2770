"""Do the lips of a video, of any tool's making, do what is spoken in it?

python -m evaluation.visemes VIDEO [VIDEO ...] [--spoken FILE] [--given VIDEO] [--json out.json]
"""

import argparse
import logging
import math
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from evaluation.metrics.lip_sight import Eye, Sight, landmark_eye, look_at, network_eye
from evaluation.metrics.spoken import Spoken, find_spoken, hear_lips, hear_spoken, read_spoken
from evaluation.metrics.viseme_scores import leak, score_lips, summarise
from evaluation.over_videos import Absent, add_video_arguments, over_videos, rows_of, write_json
from face_detection import make_detector
from face_detection.landmarks import LandmarkFinder
from models.checkpoint import load
from models.pretrained import LIP_HEARING, LIP_SEEING
from video import MediaError

EYES = ("auto", "network", "landmarks")
WORDS = {
    "shut": "closures of p b m",
    "tucked": "lip to teeth at f v",
    "rounded": "rounding at u o w",
    "open": "open vowels",
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.visemes",
        description="Find in the pictures what lips should do by the sounds that are spoken.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("video", type=Path, nargs="+", help="videos with a face that speaks")
    add("--spoken", type=Path,
        help="truth.json, .TextGrid or .align of what is spoken; without it the file of the "
        "video's name beside it, else what is heard")  # fmt: skip
    add("--audio", type=Path, help="the voice, if not the video's own sound")
    add("--given", type=Path, help="the video before it was dubbed: does its speech leak through?")
    add("--eye", choices=EYES, default="auto", help="what sees the lips; landmarks see gaps alone")
    add_video_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if len(args.video) > 1 and (args.spoken or args.audio or args.given):
        parser.error("--spoken, --audio and --given belong to one video: name one at a time")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return over_videos(args, _opened, _write)


def _opened(args: argparse.Namespace, device: str) -> Callable[[Path], dict]:
    eye, detector = open_eye(args.eye, device), make_detector(args.detector, device=device)
    return lambda path: _score(path, args, eye, detector)


def _write(args: argparse.Namespace, found: dict[Path, dict | Absent]) -> None:
    rows = rows_of(found)
    write_json(args.json, rows)
    if len(rows) > 1:
        _print_all(rows)


def open_eye(name: str, device: str = "cpu") -> Eye:
    """The network where its weights are, else landmarks. Raises FileNotFoundError."""
    finder = LandmarkFinder(device=device)
    if name == "landmarks" or (name == "auto" and not LIP_SEEING.is_file()):
        return landmark_eye(finder)
    return network_eye(load(LIP_SEEING, "lip_seeing", device), finder)


def _score(path: Path, args: argparse.Namespace, eye: Eye, detector) -> dict:
    """One video's numbers, printed."""
    row = _numbers(path, args, eye, detector)
    print(f"what is spoken: {row['spoken']}; lips seen by: {eye.name}")
    print(report(row["sums"]))
    if row.get("leak") is not None:
        alike = f"(as they are: {row['alike']:.2f})" if row["alike"] is not None else ""
        print(f"  leak of the given lips  {row['leak']:.2f} {alike}")
    print()
    return row | summarise(row["sums"])


def _numbers(path: Path, args: argparse.Namespace, eye: Eye, detector) -> dict:
    spoken = _spoken(path, args)
    sight = look_at(path, eye, detector, select=args.face_select)
    row = {"spoken": spoken.source, "eye": eye.name}
    row["sums"] = score_lips(sight, spoken)
    if args.given:
        before = look_at(args.given, eye, detector, select=args.face_select)
        row["alike"], row["leak"] = _shared(sight, before, args.audio or path)
    return row


def _shared(sight: Sight, before: Sight, sound: Path) -> tuple[float | None, float | None]:
    """How alike the lips are as they are, and without what the new sound itself asks for."""
    try:
        heard = hear_lips(load(LIP_HEARING, "lip_hearing"), sound)
    except (FileNotFoundError, MediaError):  # no weights, or no sound to hear
        heard = None
    shares = leak(sight, before), leak(sight, before, heard)
    return tuple(None if math.isnan(share) else share for share in shares)


def _spoken(path: Path, args: argparse.Namespace) -> Spoken:
    sound = args.audio or path
    known = args.spoken or (find_spoken(path) if args.audio is None else None)
    return (
        read_spoken(known, sound) if known else hear_spoken(load(LIP_HEARING, "lip_hearing"), sound)
    )


def _print_all(rows: list[dict]) -> None:
    sums: Counter[str] = Counter()
    for row in rows:
        sums.update(row.get("sums", {}))
    print(f"all {len(rows)} videos")
    print(report(sums))


def report(sums: dict[str, float]) -> str:
    """In words."""
    values, lines = summarise(sums), []
    for kind, words in WORDS.items():
        if kind not in values:
            continue
        line = f"  {words:<23} {100 * values[kind]:.0f} % of {values[f'{kind}_expected']:.0f}"
        late = values.get(f"{kind}_frames_late")
        if late is not None:
            line += f", {abs(late):.1f} frames {'late' if late >= 0 else 'early'}"
        lines.append(line)
    if "restlessness" in values:
        lines.append(f"  movement in silence     {100 * values['restlessness']:.0f} % of speech's")
    return "\n".join(lines) or "  nothing is spoken that could be looked for"


if __name__ == "__main__":
    sys.exit(main())
