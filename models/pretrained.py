"""Weights that come along and weights that others publish: one table, and one way to fetch them.

python -m models.pretrained                say what is there
python -m models.pretrained syncnet_v2     download that into its place
"""

import argparse
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from atomic import held, new_partial

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "checkpoints"  # their card: checkpoints/README.md
BLOCK = 1 << 20  # bytes read at a time
TIMEOUT_SECONDS = 30  # without a byte, after which the download is given up


class AbsentError(RuntimeError):
    """Something that is needed is not there; the message says what and how to get it."""


class FetchError(RuntimeError):
    """The weights could not be had; nothing is left in their place."""


@dataclass(frozen=True)
class Weights:
    """A weights file. Those without a url come along: git keeps them whole."""

    path: Path
    title: str
    megabytes: int = 0  # of a download
    url: str = ""
    sha256: str = ""  # or its first digits, where the publisher gives no more
    terms: str = "MIT, as the code; what they were made from: checkpoints/README.md"


def _along(name: str, title: str) -> Weights:
    return Weights(CHECKPOINTS / f"{name}.safetensors", title)


WEIGHTS = {
    "generator": _along(
        "talkface_small", "generator of a masked half, 96x96, to begin training from"
    ),
    "expert": _along("syncnet_small", "lip-sync expert"),
    "face_small": _along("face_small", "small face detector"),
    "lip_warp": _along("lip_warp", "lip warp: a frame and lip motion to the frame"),
    "lip_hearing": _along("lip_hearing", "sound to lip motion"),
    "lip_hearing_causal": _along("lip_hearing_causal", "sound to lip motion, for live use"),
    "lip_seeing": _along("lip_seeing", "frames to lip motion"),
    "landmarks": _along("landmarks", "68 landmarks of a face"),
    "lip_reader": _along("lip_reader", "lip reader: crops of a face to English words"),
    "s3fd": Weights(
        ROOT / "face_detection" / "detection" / "sfd" / "s3fd.pth",
        "S3FD, the large face detector",
        86,
        "https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",
        "619a316812",
        "the publisher's: https://github.com/1adrianb/face-alignment",
    ),
    "syncnet_v2": Weights(
        CHECKPOINTS / "syncnet_v2.model",
        "SyncNet, for LSE",
        55,
        "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
        "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
        "the publisher's: https://www.robots.ox.ac.uk/~vgg/software/lipsync/",
    ),
    "inception": Weights(
        CHECKPOINTS / "pt_inception-2015-12-05-6726825d.pth",
        "Inception, for FID",
        95,
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        "6726825d",
        "the publisher's: https://github.com/mseitzer/pytorch-fid",
    ),
}
PUBLISHED = {name: weights for name, weights in WEIGHTS.items() if weights.url}

GENERATOR = WEIGHTS["generator"].path
EXPERT = WEIGHTS["expert"].path
LIP_WARP = WEIGHTS["lip_warp"].path
LIP_HEARING = WEIGHTS["lip_hearing"].path
LIP_HEARING_CAUSAL = WEIGHTS["lip_hearing_causal"].path
LIP_SEEING = WEIGHTS["lip_seeing"].path
LANDMARKS = WEIGHTS["landmarks"].path
LIP_READER = WEIGHTS["lip_reader"].path


def published_path(name: str, given: str | Path | None = None) -> Path:
    """The file of PUBLISHED[name], or the one given. Raises AbsentError where it is not."""
    published = PUBLISHED[name]
    path = Path(given) if given else published.path
    if not path.is_file():
        raise AbsentError(
            f"no weights at {path}: `python -m models.pretrained {name}` downloads them "
            f"({published.megabytes} MB), or get {published.url} yourself and give its path"
        )
    return path


@cache
def check_hash(path: Path, name: str) -> None:
    """Refuse a file that is not the published one. Raises AbsentError."""
    found, wanted = hash_of(path), PUBLISHED[name].sha256
    if not found.startswith(wanted):
        raise AbsentError(
            f"{path} is not the published file: its sha256 begins {found[: len(wanted)]}, not "
            f"{wanted}; delete it and run `python -m models.pretrained {name}`"
        )


def hash_of(path: Path) -> str:
    """The file's sha256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_published(name: str) -> Path:
    """Download PUBLISHED[name] into its place unless it is there. Raises FetchError."""
    published = PUBLISHED[name]
    return fetch(published.url, published.path, published.sha256)


def fetch(url: str, target: Path, sha256: str) -> Path:
    """Download url to target unless it is there already; whole and with that hash, or absent.

    sha256: the hash, or its first digits. Raises FetchError.
    """
    if target.is_file() and hash_of(target).startswith(sha256):
        return target
    partial = new_partial(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with held(partial):
            found = _download(url, partial)
            if not found.startswith(sha256):
                raise FetchError(
                    f"{url} gave a file whose sha256 begins with {found[: len(sha256)]}, "
                    f"not {sha256}; nothing was kept"
                )
            os.replace(partial, target)
    except (OSError, ValueError) as error:  # no network, no such page, no disk; not a URL
        raise FetchError(f"{url} could not be downloaded to {target}: {error}") from error
    return target


def _download(url: str, path: Path) -> str:
    """Write what url gives to path; returns its sha256. Raises OSError where bytes are missing."""
    from tqdm import tqdm

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


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.pretrained",
        description="Download weights that others publish, or say which weights are there.",
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
        try:
            print(fetch_published(name))
        except FetchError as error:
            sys.exit(f"error: {error}")
    for name, weights in WEIGHTS.items() if not names else ():
        there = "there" if weights.path.is_file() else "absent"
        print(f"{name:<18} {there:<6} {weights.path}\n{'':<18} {weights.title}; {weights.terms}")


if __name__ == "__main__":
    main()
