"""Files that many tests want alike: each is made once, and its bytes copied for the others."""

from collections.abc import Callable, Hashable
from functools import wraps
from pathlib import Path

import numpy as np

Maker = Callable[..., Path]


def made_once(make: Maker) -> Maker:
    """make(path, ...) writes one file and returns its path; what it gives depends on no more.

    Files that it is given count by what is in them.
    """
    kept: dict[Hashable, bytes] = {}

    @wraps(make)
    def made(path: Path, *values, **named) -> Path:
        key = (path.suffix, *map(_key, values), *((n, _key(v)) for n, v in sorted(named.items())))
        if key not in kept:
            kept[key] = make(path, *values, **named).read_bytes()
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(kept[key])
        return path

    return made


def _key(value: object) -> Hashable:
    if isinstance(value, Path):
        return value.read_bytes()
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value
