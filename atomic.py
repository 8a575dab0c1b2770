"""Files that are whole or absent: written beside their place, then renamed to it."""

import contextlib
import os
import platform
import re
import secrets
import shutil
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where what a killed run left stays
    fcntl = None

# A partial file is named by its machine and by chance, and locked by the run that writes it. One
# that is not locked was left by a killed run, unless it has just been made, or lies on a shared
# disk that keeps another machine's locks to itself: so long at least it is left alone.
QUIET_SECONDS = 60
QUIET_SECONDS_ELSEWHERE = 24 * 3600


@contextmanager
def whole_or_absent(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to it at the end, removed on any failure.

    The name ends like the target's, for writers that go by the suffix. Folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = new_partial(path)
    with held(partial):
        yield partial
        os.replace(partial, path)


def write_whole(path: str | Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_or_absent(path) as partial:
        partial.write_text(text, encoding="utf-8")


def new_partial(target: Path) -> Path:
    """A name beside target that no other run has, on this machine or another."""
    return target.with_name(f".{_machine()}-{secrets.token_hex(8)}.partial{target.suffix}")


@contextmanager
def held(partial: Path) -> Iterator[None]:
    """The file is there, and known as this run's, until the block ends; then it is gone.

    What killed runs left in its folder goes first.
    """
    remove_abandoned(partial.parent)
    with open(partial, "xb") as file:
        if fcntl:
            with contextlib.suppress(OSError):  # a disk without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def held_folder(target: Path) -> Iterator[Path]:
    """A folder beside target, known as this run's until the block ends; then it is gone.

    One that a killed run left goes as partial files do, with all that is in it.
    """
    partial = new_partial(target)
    with held(partial):
        folder = _folder_of(partial)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _folder_of(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.pieces")


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files of runs that were killed."""
    name = re.compile(r"\.[0-9a-f]{8}-[0-9a-f]{16}\.partial(\.[^.]*)?")
    for left in filter(name.fullmatch, os.listdir(folder)):
        with contextlib.suppress(OSError):  # another run has removed it, or it is not ours to touch
            if _is_abandoned(folder / left):
                shutil.rmtree(_folder_of(folder / left), ignore_errors=True)
                (folder / left).unlink()


def _is_abandoned(partial: Path) -> bool:
    own = partial.name.startswith(f".{_machine()}-")
    age = time.time() - partial.stat().st_mtime
    if fcntl is None or age < (QUIET_SECONDS if own else QUIET_SECONDS_ELSEWHERE):
        return False
    with open(partial, "rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"


def end_cleanly_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, once: then nothing half-made is left.

    For a script's main. Those after the first are not heard: what is being removed or killed takes
    no time. What is ignored from the start, as by nohup, stays so.
    """

    def stop(number, frame) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        if _deferral.holds:
            _deferral.stopped = True
        else:
            raise KeyboardInterrupt

    known = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    heard = [number for number in filter(None, known) if signal.getsignal(number) != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, stop)


class _Deferral:
    holds = False  # a block of stopping_deferred is being run
    stopped = False  # meanwhile the run was told to stop


_deferral = _Deferral()


@contextmanager
def stopping_deferred() -> Iterator[None]:
    """What end_cleanly_on_signals hears within the block is raised at its end.

    For starting a program: whoever is interrupted in the middle of it knows of none to end.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield
        return
    _deferral.holds = True
    try:
        yield
    finally:
        _deferral.holds = False
    if _deferral.stopped:
        _deferral.stopped = False
        raise KeyboardInterrupt
