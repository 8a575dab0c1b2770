"""Names of files that are made: no two alike, and none too long for a file system."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

LONGEST = 255  # bytes of one part of a path, on the file systems in use
HASH_DIGITS = 8


def short_hash(text: str) -> str:
    """A few digits that stand for a text, whatever bytes its name has on disk."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:HASH_DIGITS]


def shorten(name: str, most: int = LONGEST) -> str:
    """The name in at most that many bytes; a longer one ends in a hash of the whole."""
    coded = name.encode("utf-8", "surrogateescape")
    if len(coded) <= most:
        return name
    kept = coded[: most - HASH_DIGITS - 1].decode("utf-8", "ignore")
    return f"{kept}-{short_hash(name)}"


def tell_apart(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    """The names; one that several keys have gets a hash of the key, in whichever order they come.

    The same key twice is one thing twice, and has one name.
    """
    keys_of = Counter(name for name, _ in set(zip(names, keys, strict=True)))
    return [
        f"{name}-{short_hash(key)}" if keys_of[name] > 1 else name
        for name, key in zip(names, keys, strict=True)
    ]


def first_free(possible: Sequence[tuple[str, ...]], *, as_folders: bool = False) -> list[str]:
    """For each thing the first of its names that no other has; its last where none is free.

    as_folders: a name must not be a folder of another's either.
    """
    chosen = [0] * len(possible)
    while True:
        names = [each[number] for each, number in zip(possible, chosen, strict=True)]
        taken = Counter(names)
        folders = _folders(taken) if as_folders else set()
        clash = [n for n, name in enumerate(names) if taken[name] > 1 or name in folders]
        movable = [n for n in clash if chosen[n] + 1 < len(possible[n])]
        if not movable:
            return names
        for n in movable:
            chosen[n] += 1


def _folders(names: Iterable[str]) -> set[str]:
    return {folder.as_posix() for name in names for folder in PurePosixPath(name).parents}


def plain_name(path: PurePosixPath, most: int) -> str:
    """A path as a clip's name, "<folder>/<clip>": no spaces, nothing hidden, no part too long.

    What follows a space in a filelist is not read, and what begins with a dot is not listed.
    """
    parts = "_".join(path.as_posix().split()).split("/")
    return "/".join(_visible(shorten(part, most)) for part in parts)


def _visible(part: str) -> str:
    decoded = re.sub("[\ud800-\udfff]", "_", part)  # bytes that are no UTF-8
    return f"_{decoded}" if decoded.startswith(".") or not decoded else decoded
