"""What the command lines of this package share: values, flags, and how they end."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from synthesis.speech.espeak import EspeakError


def whole_count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def span_seconds(text: str) -> float:
    """Seconds of a clip: over 0, and no more than an hour."""
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not over 0 and at most 3600")
    return seconds


def frame_side(text: str) -> int:
    """Pixels of a square frame's side, which H.264 wants even."""
    side = whole_count(text)
    if side % 2 or side < 64:
        raise argparse.ArgumentTypeError(f"{text} is no even number from 64 on")
    return side


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """What every maker of pairs has."""
    add = parser.add_argument
    add("--head_model", type=Path, required=True, help="ICT-FaceKit's folder or packed .npz")
    add("--out", type=Path, required=True, help="folder to make the pairs in")
    add("--mouths", type=whole_count, default=5, help="of each picture; any two are a pair")
    add("--seed", type=int, default=0, help="the same seed makes the same pairs")
    add("--quiet", action="store_true", help="no progress bar")


def run_maker(make: Callable[[], None], out: Path) -> int:
    """Make, and print where; an error becomes one line and exit code 1, Ctrl-C 130."""
    try:
        make()
    except (EspeakError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    print(out)
    return 0
