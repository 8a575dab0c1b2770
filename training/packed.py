"""Faces as training reads them: from N.jpg, or from one file a clip with nothing to decode."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError, safe_open

from models.inputs import fit_face


def packed_path(folder: Path, height: int, width: int) -> Path:
    """Where a clip's packed faces lie."""
    return folder / f"faces_{height}x{width}.safetensors"


class ClipError(ValueError):
    """A clip that cannot be trained on; the message says why."""


@dataclass(frozen=True)
class PackedFaces:
    """The file of one clip: faces and mel, as training.pack writes them.

    It is opened for each reading, so that it can go to workers and no handle is ever short.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "tuple[PackedFaces, np.ndarray]":
        """The file, and the frame number of each of its faces. Raises ClipError."""
        return cls(path), cls(path)._read("frames", [slice(None)])

    def read_mel(self) -> np.ndarray:
        """(num_mels, columns)."""
        return self._read("mel", [slice(None)])

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The faces at these places of the file, (n, H, W, 3) uint8."""
        ends = np.flatnonzero(np.diff(positions) != 1) + 1
        runs = np.split(positions, ends)
        return self._read("faces", [slice(int(run[0]), int(run[-1]) + 1) for run in runs])

    def _read(self, name: str, rows: list[slice]) -> np.ndarray:
        try:
            with safe_open(self.path, framework="np") as file:
                tensor = file.get_slice(name)
                return np.concatenate([tensor[some] for some in rows])
        except (SafetensorError, OSError) as error:
            raise ClipError(f"{self.path.name} is broken; remove it ({error})") from error


def face_files(folder: Path) -> dict[int, Path]:
    """The N.jpg of a clip by N, rising."""
    numbered = {int(path.stem): path for path in folder.glob("*.jpg") if path.stem.isdecimal()}
    return dict(sorted(numbered.items()))


def read_face(path: Path, height: int, width: int) -> np.ndarray:
    """One face of a clip at the networks' size, BGR uint8 (height, width, 3), or ClipError."""
    face = cv2.imread(str(path))
    if face is None:
        raise ClipError(f"{path.name} cannot be decoded")
    return fit_face(face, height, width)
