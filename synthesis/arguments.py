"""Values that the command lines of this package take."""

import argparse


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
