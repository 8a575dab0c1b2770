"""A clip's faces in one file at the networks' size: nothing to decode, one file to open.

python -m training.packed --data_root lrs2_preprocessed/ [--hparams img_height=288,img_width=192]
"""

import argparse
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hparams import HParams
from models.checkpoint import whole_or_absent

log = logging.getLogger(__name__)


def packed_path(folder: Path, height: int, width: int) -> Path:
    """Where a clip's packed faces lie."""
    return folder / f"faces_{height}x{width}.safetensors"


class ClipError(ValueError):
    """A clip that cannot be trained on; the message says why."""


@dataclass(frozen=True)
class PackedFaces:
    """The file of one clip's faces; opened for each reading, so that it can go to workers."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "tuple[PackedFaces, np.ndarray]":
        """The file, and the frame number of each of its faces. Raises ClipError."""
        return cls(path), cls(path)._read("frames", slice(None))

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The faces at these places of the file, (n, H, W, 3) uint8."""
        if positions[-1] - positions[0] == len(positions) - 1:
            return self._read("faces", slice(int(positions[0]), int(positions[-1]) + 1))
        first, last = int(positions.min()), int(positions.max())
        return self._read("faces", slice(first, last + 1))[positions - first]

    def _read(self, name: str, rows: slice) -> np.ndarray:
        try:
            with safe_open(self.path, framework="np") as file:
                return file.get_slice(name)[rows]
        except (SafetensorError, OSError) as error:
            raise ClipError(f"{self.path.name} is broken; remove it ({error})") from error


def face_files(folder: Path) -> dict[int, Path]:
    """The N.jpg of a clip by N, rising."""
    numbered = {int(path.stem): path for path in folder.glob("*.jpg") if path.stem.isdecimal()}
    return dict(sorted(numbered.items()))


def pack_clip(folder: Path, height: int, width: int) -> Path:
    """Write a clip's faces, resized as training does, into one file. Raises ClipError."""
    files = face_files(folder)
    faces = [read_face(path, height, width) for path in files.values()]
    if not faces:
        raise ClipError("no faces (N.jpg)")
    target = packed_path(folder, height, width)
    content = {"frames": np.array(list(files), np.int32), "faces": np.stack(faces)}
    with whole_or_absent(target) as partial:
        save_file(content, partial)
    return target


def read_face(path: Path, height: int, width: int) -> np.ndarray:
    """One face of a clip at the networks' size, BGR uint8 (height, width, 3), or ClipError."""
    face = cv2.imread(str(path))
    if face is None:
        raise ClipError(f"{path.name} cannot be decoded")
    return face if face.shape[:2] == (height, width) else cv2.resize(face, (width, height))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_root", type=Path, required=True, help="what preprocess.py wrote")
    parser.add_argument("--hparams", default="", help="name=value,...: img_height and img_width")
    parser.add_argument("--workers", type=int, default=4, help="clips packed at a time")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        hp = HParams().with_overrides(args.hparams)
    except ValueError as error:
        parser.error(str(error))
    folders = sorted(path for path in args.data_root.glob("*/*") if path.is_dir())
    if not folders:
        parser.error(f"no <folder>/<clip> in {args.data_root}")

    def pack(folder: Path) -> bool:
        try:
            pack_clip(folder, hp.img_height, hp.img_width)
        except (ClipError, OSError) as error:
            log.warning("%s: %s", folder, error)
            return False
        return True

    with ThreadPoolExecutor(args.workers) as pool:
        done = sum(pool.map(pack, folders))
    log.info("packed %d of %d clips at %dx%d", done, len(folders), hp.img_height, hp.img_width)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
