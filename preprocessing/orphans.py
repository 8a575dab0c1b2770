"""Worker processes: they leave Ctrl-C to the run that started them, and end when it is gone."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS_TO_TIDY_UP = 10


def end_with(parent: int) -> None:
    """Watch, in the background, that process `parent` is there; end this one when it is not.

    Call it at a worker's start with the number that the parent itself gave: a parent that is
    killed at once would else go unnoticed. Without it workers would wait for work for ever.
    Who has said what SIGTERM does, as atomic.end_cleanly_on_signals, has time to tidy up.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_TIDY_UP)
    os._exit(1)


@contextmanager
def children_deaf_to_ctrl_c() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; it is the parent's to handle."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
