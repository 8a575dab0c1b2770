"""Stages of a stream that work at the same time, and how long each of them works."""

import threading
import time
from collections.abc import Iterable, Iterator
from queue import Empty, Queue

_END = object()
# Bytes of frames on their way at a time, in all batches that the stages of a stream hold.
BYTES_ON_THE_WAY = {"cpu": 250_000_000, "cuda": 2_000_000_000}


def frames_that_fit(size: tuple[int, int], device: str, batches: int) -> int:
    """Frames of a width and height that a batch may have, where so many batches are held."""
    room = BYTES_ON_THE_WAY.get(device, BYTES_ON_THE_WAY["cpu"])
    return max(1, room // (3 * size[0] * size[1] * batches))


def prefetch(items: Iterable, depth: int = 1) -> Iterator:
    """Yield `items`, made in a thread of their own, which may be `depth` items ahead.

    What goes wrong there is raised here. When this iterator is closed, `items` is closed too and
    the thread has ended.
    """
    queue: Queue = Queue(depth)
    stopped = threading.Event()
    thread = threading.Thread(target=_feed, args=(iter(items), queue, stopped), daemon=True)
    thread.start()
    try:
        while (entry := queue.get())[0] is not _END:
            yield entry[0]
        if entry[1] is not None:
            raise entry[1]
    finally:
        stopped.set()
        while thread.is_alive():
            _empty(queue)
            thread.join(0.01)


def timed(items: Iterable, seconds: dict[str, float], stage: str) -> Iterator:
    """Yield `items`, adding to seconds[stage] the time that each took to come."""
    iterator = iter(items)
    try:
        while True:
            begin = time.perf_counter()
            item = next(iterator, _END)
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin
            if item is _END:
                return
            yield item
    finally:
        _close(iterator)


def _feed(items: Iterator, queue: Queue, stopped: threading.Event) -> None:
    problem = None
    try:
        for item in items:
            queue.put((item, None))
            if stopped.is_set():
                break
    except BaseException as error:  # every kind is raised again by the taker
        problem = error
    finally:
        _close(items)
        queue.put((_END, problem))


def _close(items: Iterator) -> None:
    if hasattr(items, "close"):
        items.close()


def _empty(queue: Queue) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
