"""Files that are whole or absent: written beside their place, then renamed to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_or_absent(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to it at the end, removed on any failure.

    The name ends like the target's, for writers that go by the suffix. Folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_or_absent(path) as partial:
        partial.write_text(text, encoding="utf-8")
