"""A clip's folder, whole or absent: written beside its place, then renamed to it."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from corpus.layout import DONE, WORDS, is_made_again
from corpus.names import LONGEST, shorten

try:
    import fcntl
except ImportError:  # Windows, where what a killed run left stays
    fcntl = None

PARTIAL = ".partial"  # suffix of the folder of a clip that is not whole yet
LOCK = ".lock"  # in such a folder, held by the run that writes to it
TOKEN_BYTES = 4
# Between a folder's birth and its lock, and between its lock's end and its renaming, nothing tells
# whose it is: so long at least it is left alone.
SECONDS_WITHOUT_LOCK = 60


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """A folder beside target to write to, removed at the end; those of killed runs go first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target)
    partial = _new_name(target)
    partial.mkdir()
    lock = _hold(partial)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if lock:
            lock.close()


@contextmanager
def whole_folder(target: Path, done: str = DONE) -> Iterator[Path]:
    """A folder beside target to write to; it becomes target at the end, or is removed.

    done: the file that tells a whole one.
    """
    with partial_folder(target) as partial:
        yield partial
        (partial / LOCK).unlink(missing_ok=True)
        _move(partial, target, done)


def _move(partial: Path, target: Path, done: str) -> None:
    """Give a folder its name, unless another run was faster."""
    if not (target / done).is_file():
        _keep_words(target, partial)
        _remove_originals_crops(target)
    try:
        if not (target / done).is_file():
            os.replace(partial, target)
    except OSError:
        if not (target / done).is_file():
            raise


def _keep_words(folder: Path, partial: Path) -> None:
    """Somebody may have written them there, and no video has them beside it."""
    if (folder / WORDS).is_file() and not (partial / WORDS).exists():
        shutil.copyfile(folder / WORDS, partial / WORDS)


def _remove_originals_crops(folder: Path) -> None:
    """Make way where the original's preprocess.py has been; FileExistsError for all else."""
    if not folder.is_dir():
        return
    strange = [file.name for file in folder.iterdir() if not is_made_again(file.name)]
    if strange and DONE not in strange:
        raise FileExistsError(
            f"{folder} is there and holds {strange[0]}, which preprocessing does not make; "
            "move it or give another --preprocessed_root"
        )
    if not strange:
        old = _new_name(folder)
        os.replace(folder, old)
        shutil.rmtree(old)


def remove_abandoned(target: Path) -> None:
    """Remove what runs that were killed left of a clip; what a live one writes to stays."""
    left = re.compile(rf"\.{re.escape(_stem(target))}\.[0-9a-f]+{re.escape(PARTIAL)}")
    for name in os.listdir(target.parent):
        if left.fullmatch(name) and _is_abandoned(target.parent / name):
            shutil.rmtree(target.parent / name, ignore_errors=True)


def _stem(target: Path) -> str:
    around = 2 + 2 * TOKEN_BYTES + len(PARTIAL)
    return shorten(target.name, LONGEST - around)


def _new_name(target: Path) -> Path:
    token = secrets.token_hex(TOKEN_BYTES)
    return target.with_name(f".{_stem(target)}.{token}{PARTIAL}")


def _hold(partial: Path) -> IO[bytes] | None:
    """A lock that ends with this process, however it ends."""
    if fcntl is None:
        return None
    lock = (partial / LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _is_abandoned(partial: Path) -> bool:
    if fcntl is None:
        return False
    try:
        with (partial / LOCK).open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return _age_seconds(partial) > SECONDS_WITHOUT_LOCK
    return True


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # its run has just ended
        return 0.0
