"""A list of mismatched speech for evaluation.make_videos, from a list of videos.

python -m evaluation.make_filelist filelists/test.txt --count 14239 > lrs2.txt
"""

import argparse
import sys
from pathlib import Path

from corpus.filelists import read_lines
from evaluation.protocols import mismatched_pairs


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.make_filelist",
        description="Pair videos with the speech of others, at random: audio_id video_id a line.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("videos", type=Path, help="ids, the first word of each line")
    parser.add_argument("--count", type=int, default=1000, help="pairs to draw")
    parser.add_argument("--seed", type=int, default=0, help="another gives other pairs")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        lines = read_lines(args.videos)
        ids = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
        pairs = mismatched_pairs(ids, args.count, args.seed)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for audio, video in pairs:
        print(audio, video)
    return 0


if __name__ == "__main__":
    sys.exit(main())
