"""Download S3FD's published weights into place, as `python -m models.pretrained s3fd` does.

python -m face_detection.fetch [--url URL] [--target FILE]
"""

import argparse
import sys
from pathlib import Path

from models.pretrained import PUBLISHED, FetchError, fetch

S3FD = PUBLISHED["s3fd"]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m face_detection.fetch",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--url", default=S3FD.url, help="where the weights are")
    parser.add_argument("--target", type=Path, default=S3FD.path, help="where they go")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    try:
        print(fetch(args.url, args.target, S3FD.sha256))
    except FetchError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
