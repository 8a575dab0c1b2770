"""Where a live session's sound and pictures come from: a pipe, a file, a webcam."""

import logging
import threading
from pathlib import Path
from typing import IO

import cv2
import numpy as np

import video
from lipsync.live.player import Player

BLOCK_SECONDS = 0.02
log = logging.getLogger(__name__)


def read_pipe(player: Player, pipe: IO[bytes], kind: str, endless: bool = False) -> None:
    """Push samples of a numpy type as they come, until the pipe ends."""
    size = np.dtype(kind).itemsize
    most = size * round(BLOCK_SECONDS * player.session.sample_rate)
    rest = b""
    while data := pipe.read1(most):
        rest += data
        whole = len(rest) // size * size
        samples = np.frombuffer(rest[:whole], kind)
        rest = rest[whole:]
        player.push(samples.astype(samples.dtype.newbyteorder("=")))
    if not endless:
        player.end()


def read_file(player: Player, path: str | Path, endless: bool = False) -> None:
    """Push a file's sound; the player's bound keeps it from running ahead."""
    rate = player.session.sample_rate
    try:
        wav = video.read_sound(path, rate)
    except (video.MediaError, OSError) as error:
        log.error("error: %s", error)
        player.close()
        return
    for first in range(0, len(wav), rate):
        player.push(wav[first : first + rate])
    if not endless:
        player.end()


def capture(player: Player, number: int) -> None:
    """Show the player a webcam's pictures from now on. Raises MediaError where there is none."""
    camera = cv2.VideoCapture(number)
    width, height = player.session.size
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    there, picture = camera.read()
    if not there:
        raise video.MediaError(f"no pictures from camera {number}; is it there, and free?")

    def show() -> None:
        there, picture = True, first
        while there:
            if picture.shape[:2] != (height, width):
                picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            player.show(picture)
            there, picture = camera.read()
        log.error("error: camera %d gives no more pictures", number)
        player.close()

    first = picture
    threading.Thread(target=show, daemon=True).start()
