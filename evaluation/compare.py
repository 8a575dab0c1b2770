"""Two methods side by side: the difference clip by clip, and whether chance can make it.

python -m evaluation.compare OURS.json THEIRS.json        files of evaluation.evaluate
"""

import argparse
import sys
from pathlib import Path

from evaluation.describe import Mean
from evaluation.metrics.table import HIGHER, LOWER, METRICS
from evaluation.summary import paired_differences, read_scores


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.compare",
        description="Compare two evaluations of the same clips, number by number.",
    )
    parser.add_argument("ours", type=Path, help="JSON file of evaluation.evaluate")
    parser.add_argument("theirs", type=Path, help="the other, of clips with the same names")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        differences = paired_differences(read_scores(args.ours), read_scores(args.theirs))
    except (OSError, ValueError) as error:
        print(f"error: cannot compare {args.ours} and {args.theirs}: {error}", file=sys.stderr)
        return 1
    if not differences:
        print("error: the two have no clip and number in common", file=sys.stderr)
        return 1
    print(f"{args.theirs} less {args.ours}, over the clips that both have")
    for name, difference in differences.items():
        print(f"{METRICS[name].title:<18} {_words(name, difference)}")
    return 0


def _words(name: str, difference: Mean) -> str:
    count, mean, low, high = difference
    if low is None:
        return f"{mean:+.3f} (1 clip: no interval)"
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f}, {count} clips): {_verdict(name, low, high)}"


def _verdict(name: str, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "no difference that chance could not make"
    better = METRICS[name].better
    if better not in (HIGHER, LOWER):
        return "different"
    return "the second is better" if (low > 0) == (better == HIGHER) else "the first is better"


if __name__ == "__main__":
    sys.exit(main())
