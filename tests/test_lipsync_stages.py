"""lipsync/stages.py: order, errors and the end of threads."""

import threading
import time

import pytest

from lipsync.stages import prefetch, timed


def counting(log, until=100):
    try:
        for number in range(until):
            log.append(number)
            yield number
    finally:
        log.append("closed")


def test_order_is_kept_and_the_thread_ends():
    before = threading.active_count()
    assert list(prefetch(range(50))) == list(range(50))
    assert threading.active_count() == before


def test_it_works_ahead_but_only_so_far():
    log = []
    items = prefetch(counting(log), depth=2)
    assert next(items) == 0
    time.sleep(0.1)
    assert log == [0, 1, 2, 3]  # one taken, two in the queue, one in hand
    items.close()


def test_closing_closes_the_source():
    log = []
    before = threading.active_count()
    items = prefetch(prefetch(counting(log)))
    next(items)
    items.close()
    assert log[-1] == "closed" and threading.active_count() == before


def test_errors_come_through_after_what_was_good():
    def failing():
        yield 1
        raise OSError("gone")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_time_is_added_up():
    seconds = {}

    def slow():
        for number in range(3):
            time.sleep(0.01)
            yield number

    assert list(timed(slow(), seconds, "work")) == [0, 1, 2]
    assert 0.03 <= seconds["work"] < 1
