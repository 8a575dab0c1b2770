"""Faces as training reads them: from N.jpg, or from one file a clip with nothing to decode."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open

from corpus.errors import ClipError
from corpus.mel import checked
from models.inputs import fit_face

NUMBERS = "mel_numbers"  # in a packed file's metadata: JSON
START_OF_IMAGE, START_OF_SCAN, END_OF_IMAGE = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def packed_path(folder: Path, height: int, width: int) -> Path:
    """Where a clip's packed faces lie."""
    return folder / f"faces_{height}x{width}.safetensors"


@dataclass(frozen=True)
class PackedFaces:
    """The file of one clip: faces and mel, as corpus.pack writes them.

    It is opened for each reading, so that it can go to workers and no handle is ever short.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "tuple[PackedFaces, np.ndarray]":
        """The file, and the frame number of each of its faces. Raises ClipError."""
        return cls(path), cls(path)._read("frames", [slice(None)])

    def read_mel(self) -> np.ndarray:
        """(num_mels, columns)."""
        return checked(self._read("mel", [slice(None)]), self.path.name)

    def numbers(self) -> dict:
        """What its mel was made with; nothing where nobody wrote it down. Raises ClipError."""
        with self._opened() as file:
            text = (file.metadata() or {}).get(NUMBERS, "{}")
        try:
            stated = json.loads(text)
        except ValueError as error:
            raise ClipError(f"{self.path.name} is broken; remove it") from error
        return stated if isinstance(stated, dict) else {}

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The faces at these places of the file, (n, H, W, 3) uint8."""
        ends = np.flatnonzero(np.diff(positions) != 1) + 1
        runs = np.split(positions, ends)
        return self._read("faces", [slice(int(run[0]), int(run[-1]) + 1) for run in runs])

    def _read(self, name: str, rows: list[slice]) -> np.ndarray:
        with self._opened() as file:
            tensor = file.get_slice(name)
            return np.concatenate([tensor[some] for some in rows])

    @contextmanager
    def _opened(self) -> Iterator[safe_open]:
        try:
            with safe_open(self.path, framework="np") as file:
                yield file
        except (SafetensorError, OSError) as error:
            raise ClipError(f"{self.path.name} is broken; remove it ({error})") from error


def read_face(path: Path, height: int, width: int) -> np.ndarray:
    """One face of a clip at the networks' size, BGR uint8 (height, width, 3), or ClipError."""
    return fit_face(decode_face(path), height, width)


def decode_face(path: Path) -> np.ndarray:
    """A face as it lies in its file, BGR uint8. Raises ClipError."""
    try:
        coded = path.read_bytes()
    except OSError as error:
        raise ClipError(f"{path.name} cannot be read: {error.strerror}") from error
    if is_cut_off(coded):
        raise ClipError(f"{path.name} is cut off before its end")
    face = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR) if coded else None
    if face is None:
        raise ClipError(f"{path.name} cannot be decoded")
    return face


def is_cut_off(coded: bytes) -> bool:
    """Whether a JPEG file ends before its picture: decoders fill the rest with grey, in silence.

    Within compressed data neither marker occurs; an embedded preview ends before the last scan.
    """
    is_jpeg = coded.startswith(START_OF_IMAGE)
    return is_jpeg and coded.rfind(END_OF_IMAGE) < coded.rfind(START_OF_SCAN)
