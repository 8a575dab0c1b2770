"""Values that the command lines of this package take."""

import argparse


def whole_count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def frame_side(text: str) -> int:
    """Pixels of a square frame's side, which H.264 wants even."""
    side = whole_count(text)
    if side % 2 or side < 64:
        raise argparse.ArgumentTypeError(f"{text} is no even number from 64 on")
    return side
