"""ffmpeg as a process: started out of the terminal's reach, ended with its block, and heard."""

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from video.info import telling_lines

QUIET = ("-hide_banner", "-nostdin", "-v", "error")
# Without these, swscale rounds down and repeats colour samples: reading and writing a frame once
# made it 2 grey levels darker; with them it changes by 0.1.
EXACT = {"flags": "bicubic+accurate_rnd+full_chroma_int"}
LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}  # a playlist must not make us fetch from the net


def url(path: str | Path) -> str:
    """A name that ffmpeg takes literally, whatever dashes, colons or quotes are in it."""
    return f"file:{path}"


@contextlib.contextmanager
def decoding(stream) -> Iterator[tuple[subprocess.Popen, IO[bytes]]]:
    """A running ffmpeg with its output on a pipe and its words in a file; ended with the block."""
    with tempfile.TemporaryFile() as words:
        process = start(stream, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)
        try:
            yield process, words
        finally:
            stop(process)


def start(stream, **pipes) -> subprocess.Popen:
    """Start ffmpeg out of reach of the terminal's Ctrl-C, which is ours to handle."""
    command = stream.global_args(*QUIET).compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    return subprocess.Popen(command, start_new_session=True, **pipes)


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
    for pipe in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(BrokenPipeError):  # what was still buffered for a dead process
            pipe.close()
    process.wait()


def words_of(file: IO[bytes]) -> str:
    """The first error that ffmpeg named: those after it tend to follow from it."""
    file.seek(0)
    lines = telling_lines(file.read(1 << 20).decode(errors="replace"))
    return lines[0] if lines else ""


def exit_reason(code: int) -> str:
    if code < 0:
        return f"ffmpeg was killed by {signal.Signals(-code).name}"
    return f"ffmpeg failed with exit code {code}"
