"""Frames as they look once they have been through the original's JPEG files.

Its pipeline writes every frame with `ffmpeg -f image2 %06d.jpg`, whose default is 200 kbit/s: a
few kB a frame. Published LSE numbers contain that loss, and with it SyncNet's distances move by
more than a per cent, so the same encoder is used here, on pipes. OpenCV's has other tables.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

import cv2
import ffmpeg
import numpy as np

from video.info import MediaError
from video.process import exit_reason, start, stop, words_of

END_OF_IMAGE = b"\xff\xd9"  # within the compressed data, ff is never followed by d9
BLOCK = 1 << 16  # bytes read at a time


def through_jpeg(frames: Iterable[np.ndarray], width: int, height: int) -> Iterator[np.ndarray]:
    """Each BGR uint8 frame (height, width, 3), coded and decoded; a few are held at a time."""
    size = f"{width}x{height}"
    coder = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="bgr24", s=size, r=25)
    coder = coder.output("pipe:", format="image2pipe", vcodec="mjpeg", threads=1)
    with ThreadPoolExecutor(1) as pool, tempfile.TemporaryFile() as words:
        pipe = subprocess.PIPE
        process = start(coder, stdin=pipe, stdout=pipe, stderr=words)
        try:
            feeding = pool.submit(_feed, frames, process.stdin)
            for coded in _images(process.stdout):
                yield cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
            feeding.result()  # raises what the maker of the frames has raised
            if code := process.wait():
                raise MediaError(f"frames cannot be coded: {words_of(words) or exit_reason(code)}")
        finally:
            stop(process)


def _feed(frames: Iterable[np.ndarray], pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError), pipe:  # the reader may have enough before the end
        for frame in frames:
            pipe.write(np.ascontiguousarray(frame))


def _images(pipe: IO[bytes]) -> Iterator[bytes]:
    """Cut a stream of JPEG files into files."""
    kept = b""
    while block := pipe.read1(BLOCK):
        *whole, kept = (kept + block).split(END_OF_IMAGE)
        yield from (image + END_OF_IMAGE for image in whole)
