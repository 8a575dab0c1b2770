"""Download S3FD's published weights into place: python -m face_detection.fetch"""

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from face_detection.detectors import PUBLISHED_SHA256, S3FD_PATH

URL = "https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth"
BLOCK = 1 << 20  # bytes read at a time
TIMEOUT_SECONDS = 30  # without a byte, after which the download is given up


class FetchError(RuntimeError):
    """The weights could not be had; nothing is left in their place."""


def fetch(url: str = URL, target: Path = S3FD_PATH, sha256: str = PUBLISHED_SHA256) -> Path:
    """Download url to target unless it is there already; whole and with that hash, or absent.

    sha256: the hash, or its first digits. Raises FetchError.
    """
    if target.is_file() and _hash(target).startswith(sha256):
        return target
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = _download(url, partial)
        if not found.startswith(sha256):
            raise FetchError(
                f"{url} gave a file whose sha256 begins with {found[: len(sha256)]}, "
                f"not {sha256}; nothing was kept"
            )
        os.replace(partial, target)
    except (OSError, ValueError) as error:  # no network, no such page, no disk; not a URL
        raise FetchError(f"{url} could not be downloaded to {target}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _download(url: str, path: Path) -> str:
    """Write what url gives to path; returns its sha256. Raises OSError where bytes are missing."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, open(path, "wb") as file:
        size = int(answer.headers.get("Content-Length") or 0)
        with tqdm(total=size or None, unit="B", unit_scale=True, desc=Path(url).name) as bar:
            for block in _blocks(answer):
                digest.update(block)
                file.write(block)
                bar.update(len(block))
        if file.tell() < size:
            raise OSError(f"the connection ended after {file.tell()} of {size} bytes")
    return digest.hexdigest()


def _blocks(answer) -> Iterator[bytes]:
    while block := answer.read(BLOCK):
        yield block


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m face_detection.fetch",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--url", default=URL, help="where the weights are")
    parser.add_argument("--target", type=Path, default=S3FD_PATH, help="where they go")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = build_parser().parse_args(argv)
    try:
        print(fetch(args.url, args.target, PUBLISHED_SHA256))
    except FetchError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
