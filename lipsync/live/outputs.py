"""Where a live session's frames go: raw pixels, or a stream with sound."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from lipsync.live.session import LiveFrame, LiveSession
from video import MediaError
from video.stream import StreamWriter

Write = Callable[[LiveFrame], None]


@contextmanager
def open_output(target: str, kind: str, session: LiveSession) -> Iterator[Write]:
    """What takes the frames. target: "-" is stdout; kind: raw, or one of video.stream.STREAMS.

    Raises MediaError or OSError, also while it takes them.
    """
    if kind == "raw":
        with _raw(target) as file:
            yield lambda frame: _write_raw(file, frame)
        return
    given = sys.stdout.buffer if target == "-" else target
    with StreamWriter(
        given, session.size, session.fps, sample_rate=session.sample_rate, muxer=kind
    ) as writer:
        yield lambda frame: writer.write(frame.image, frame.sound)


def _raw(target: str):
    if target == "-":
        return open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    if "://" in target:
        raise MediaError(f"raw pixels go to a file or a pipe, not {target}; take another --format")
    return open(target, "wb", buffering=0)


def _write_raw(file, frame: LiveFrame) -> None:
    pixels = memoryview(np.ascontiguousarray(frame.image)).cast("B")
    try:
        while len(pixels):
            pixels = pixels[file.write(pixels) :]
    except BrokenPipeError:
        raise MediaError("nobody reads the frames any more") from None
