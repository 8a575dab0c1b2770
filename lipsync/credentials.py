"""Whether a file carries a C2PA credential: who made a picture or a film, signed within it.

Where it stands: C2PA specification 2.1, appendix A, embedding manifests into assets.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MP4_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # of the box with the manifests
HEAD_BYTES = 64  # of a JPEG segment, within which the manifest store names itself


def carries_credential(path: str | Path) -> bool:
    """Of MP4 and its kin, JPEG, PNG, and RIFF (WebP, WAV, AVI); others are not looked into."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(12)
        file.seek(0)
        if start[4:8] == b"ftyp":
            return any(kind == b"uuid" and head[:16] == MP4_UUID for kind, head in _boxes(file))
        if start.startswith(b"\xff\xd8"):
            return any(b"jumb" in head and b"c2pa" in head for head in _app11(file))
        if start.startswith(b"\x89PNG"):
            return any(kind == b"caBX" for kind in _png_chunks(file))
        if start.startswith(b"RIFF"):
            return any(kind == b"C2PA" for kind in _riff_chunks(file))
    return False


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The boxes at the top of an MP4 file, with the first bytes of each."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        used = 8
        if size == 1:  # a 64-bit size follows
            size, used = int.from_bytes(file.read(8)), 16
        first = file.read(min(16, size - used)) if size > used else b""
        yield kind, first
        if size < used:  # 0: the last box, to the end of the file; else damage
            return
        file.seek(size - used - len(first), 1)


def _app11(file: BinaryIO) -> Iterator[bytes]:
    """The first bytes of each APP11 segment before a JPEG's pictures."""
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF and head[1] != 0xDA:
        size = int.from_bytes(head[2:]) - 2
        first = file.read(min(max(size, 0), HEAD_BYTES))
        if head[1] == 0xEB:
            yield first
        file.seek(size - len(first), 1)


def _png_chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        yield kind
        file.seek(size + 4, 1)  # with its checksum


def _riff_chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        yield kind
        file.seek(size + size % 2, 1)
