"""The weights that scores need: where they lie, and how to get those that others publish.

python -m evaluation.weights syncnet_v2        download SyncNet's, for LSE
python -m evaluation.weights inception         download Inception's, for FID
python -m evaluation.weights                   say what is there
"""

import argparse
import hashlib
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from face_detection.fetch import FetchError, fetch
from shipped import CHECKPOINTS


class AbsentError(RuntimeError):
    """Something that a score needs is not there; the message says what and how to get it."""


@dataclass(frozen=True)
class Published:
    """A weights file that others publish."""

    path: Path
    url: str
    sha256: str  # or its first digits, where the publisher gives no more
    megabytes: int


PUBLISHED = {
    "syncnet_v2": Published(
        CHECKPOINTS / "syncnet_v2.model",
        "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
        "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        55,
    ),
    "inception": Published(
        CHECKPOINTS / "pt_inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        95,
    ),
}


def published_path(name: str, given: str | Path | None = None) -> Path:
    """The file of PUBLISHED[name], or the one given. Raises AbsentError where it is not."""
    published = PUBLISHED[name]
    path = Path(given) if given else published.path
    if not path.is_file():
        raise AbsentError(
            f"no weights at {path}: `python -m evaluation.weights {name}` downloads them "
            f"({published.megabytes} MB), or get {published.url} yourself and give its path"
        )
    return path


@cache
def check_hash(path: Path, name: str) -> None:
    """Refuse a file that is not the published one. Raises AbsentError."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    wanted = PUBLISHED[name].sha256
    if not found.startswith(wanted):
        raise AbsentError(
            f"{path} is not the published file: its sha256 begins {found[: len(wanted)]}, not "
            f"{wanted}; delete it and run `python -m evaluation.weights {name}`"
        )


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.weights",
        description="Download the weights that LSE and FID need, or say which are there.",
    )
    parser.add_argument("name", nargs="*", help=f"which to download: {', '.join(PUBLISHED)}")
    return parser


def main(argv: list[str] | None = None) -> None:
    parser = build_parser()
    names = parser.parse_args(argv).name
    unknown = sorted(set(names) - set(PUBLISHED))
    if unknown:
        parser.error(f"unknown weights {', '.join(unknown)}; known: {', '.join(PUBLISHED)}")
    for name in names:
        published = PUBLISHED[name]
        try:
            print(fetch(published.url, published.path, published.sha256))
        except FetchError as error:
            sys.exit(f"error: {error}")
    for name, published in PUBLISHED.items() if not names else ():
        print(f"{name:<11} {'there' if published.path.is_file() else 'absent'}  {published.path}")


if __name__ == "__main__":
    main()
