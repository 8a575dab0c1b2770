"""The folders of a corpus, wherever its links lead, and never round in a circle."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As os.walk: each folder, the folders in it and its files; links are followed.

    Hidden folders are left out, and links to a folder that one is already in. A list of folders
    that the caller clears is not gone into.
    """
    entered = {str(root): (os.path.realpath(root),)}
    for folder, below, files in os.walk(root, followlinks=True):
        above = entered.pop(folder)
        shown = {name: _real_path(folder, above[-1], name) for name in below if name[0] != "."}
        below[:] = sorted(name for name, real in shown.items() if real not in above)
        for name in below:
            entered[os.path.join(folder, name)] = (*above, shown[name])
        yield Path(folder), below, files


def _real_path(folder: str, real: str, name: str) -> str:
    path = os.path.join(folder, name)
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(real, name)
