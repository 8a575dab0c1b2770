"""Frames and their sound into a stream that is watched while it is made."""

import contextlib
import os
import subprocess
import tempfile
from fractions import Fraction
from typing import IO

import ffmpeg
import numpy as np

from video.info import MediaError, exact_fps
from video.process import EXACT, FedProcess, exit_reason, start, url, words_of

# Muxer -> coding of pictures and sound: raw for a pipe to a program, coded for everything else.
LOSSLESS = {"c:v": "rawvideo", "pix_fmt": "yuv420p", "c:a": "pcm_s16le"}
CODED = {
    "c:v": "libx264",
    "preset": "ultrafast",
    "tune": "zerolatency",
    "pix_fmt": "yuv420p",
    "g": 50,
    "c:a": "aac",
}
STREAMS = {"nut": LOSSLESS, "matroska": CODED, "mpegts": CODED, "flv": CODED, "mp4": CODED}
# Else ffmpeg waits for seconds of sound before it reads a picture, and we wait for it.
AT_ONCE = {"probesize": 32, "analyzeduration": 0, "fflags": "nobuffer"}
FRAGMENTS = {"mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}


class StreamWriter(FedProcess):
    """Frames with the sound of each, muxed without delay, to a pipe, a file or an address.

    Use it as a context manager. What it wrote stays: a stream has no whole.
    """

    def __init__(
        self,
        target: str | IO[bytes],
        size: tuple[int, int],
        fps: Fraction | float,
        *,
        sample_rate: int,
        muxer: str = "nut",
    ) -> None:
        """target: an open pipe, a file's name, or an address that ffmpeg knows (udp://, rtmp://).

        Raises MediaError.
        """
        if muxer not in STREAMS:
            raise MediaError(f"no stream is called {muxer!r}; there are {', '.join(STREAMS)}")
        self._target, self._shape = target, (size[1], size[0], 3)
        self._size, self._fps = size, exact_fps(fps)
        self._sample_rate, self._muxer = sample_rate, muxer

    def __enter__(self) -> "StreamWriter":
        with contextlib.ExitStack() as opened:
            self._words = opened.enter_context(tempfile.TemporaryFile())
            heard, sound = os.pipe()
            self._sound = opened.enter_context(os.fdopen(sound, "wb", buffering=0))
            pipes = {"stdout": self._target} if self._is_pipe else {}
            try:
                self._process = start(
                    self._graph(heard),
                    stdin=subprocess.PIPE,
                    stderr=self._words,
                    pass_fds=(heard,),
                    **pipes,
                )
            finally:
                os.close(heard)
            self._opened = opened.pop_all()
        return self

    def write(self, image: np.ndarray, sound: np.ndarray) -> None:
        """One BGR frame and its samples, float32 mono. Raises MediaError where nobody reads."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"frame is {image.dtype} {image.shape}, the stream {self._shape}")
        levels = np.clip(np.round(sound * 32768), -32768, 32767).astype("<i2")
        with self._feeding():
            self._sound.write(levels.tobytes())
            self._process.stdin.write(np.ascontiguousarray(image))
            self._process.stdin.flush()

    @property
    def _is_pipe(self) -> bool:
        return not isinstance(self._target, str)

    def _graph(self, heard: int):
        width, height = self._size
        pictures = ffmpeg.input(
            "pipe:0",
            format="rawvideo",
            pix_fmt="bgr24",
            s=f"{width}x{height}",
            r=str(self._fps),
            **AT_ONCE,
        )
        pictures = pictures.filter("pad", "ceil(iw/2)*2", "ceil(ih/2)*2").filter(
            "scale", out_color_matrix="bt709", out_range="tv", **EXACT
        )
        sound = ffmpeg.input(f"pipe:{heard}", format="s16le", ar=self._sample_rate, ac=1, **AT_ONCE)
        options = STREAMS[self._muxer] | FRAGMENTS.get(self._muxer, {})
        named = "pipe:1" if self._is_pipe else _address(self._target)
        output = ffmpeg.output(
            pictures, sound, named, format=self._muxer, flush_packets=1, **options
        )
        return output.overwrite_output()

    def _finish(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._sound.close()
        if self._process.wait() != 0:
            raise self._failure()

    def _failure(self) -> MediaError:
        reason = words_of(self._words) or exit_reason(self._process.returncode)
        named = "the pipe" if self._is_pipe else self._target
        return MediaError(f"cannot stream to {named}: {reason}")


def _address(target: str) -> str:
    """A URL as it is, a file's name so that ffmpeg takes it literally."""
    return target if "://" in target else url(target)
