"""ffmpeg as a process: started out of the terminal's reach, ended with its block, and heard."""

import contextlib
import re
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import ffmpeg
import imageio_ffmpeg

from video.info import MediaInfo, telling_lines

try:
    import fcntl
except ImportError:  # Windows, where pipes are as they are
    fcntl = None

PIPE_BYTES = 1 << 20  # more needs a right that users seldom have
QUIET = ("-hide_banner", "-nostdin", "-v", "error")
# Without these, swscale rounds down and repeats colour samples: reading and writing a frame once
# made it 2 grey levels darker; with them it changes by 0.1.
EXACT = {"flags": "bicubic+accurate_rnd+full_chroma_int"}
# Formats that hold what they show. A playlist (HLS, DASH, concat, SDP) shows other files: it could
# name any on this machine, and results are cached by the content of the file that was given.
FORMATS = (
    "mov matroska avi mpegts mpeg ogg flv asf wav w64 mp3 flac aac ac3 eac3 dts aiff au caf "
    "amr amrnb amrwb ape tta wv mpc mpc8 oma gsm lc3 voc sox truehd mlp tak spdif gif apng "
    "mjpeg mjpeg_2000 h261 h263 h264 hevc vvc av1 obu ivf m4v mpegvideo vc1 dirac cavsvideo "
    "avs2 avs3 dnxhd nut mxf gxf dv rm wtv yuv4mpegpipe nsv swf smk bink flic roq pva ty nuv "
    "pmp image2 bmp_pipe dpx_pipe exr_pipe hdr_pipe j2k_pipe jpeg_pipe jpegls_pipe "
    "jpegxl_pipe jpegxl_anim pam_pipe pbm_pipe pgm_pipe ppm_pipe png_pipe psd_pipe qoi_pipe "
    "sgi_pipe tiff_pipe webp_pipe webp_anim"
)
READING = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS.replace(" ", ",")}
# Bytes of a file's name that are no UTF-8 are U+DC80 to U+DCFF in Python, which ffmpeg-python
# cannot hash: in its graphs private characters stand for them.
NO_UTF8, STAND_IN = 0xDC00, 0x10FE00
# Where clocks may jump, ffmpeg sets zero where the first stream *in use* begins.
CLOCK_OF_USED_STREAMS = ("mpegts", "mpeg", "ogg")


def url(path: str | Path) -> str:
    """A name that ffmpeg takes literally, whatever dashes, colons or quotes are in it."""
    return "file:" + re.sub(r"[\udc80-\udcff]", lambda byte: _moved(byte[0], STAND_IN), str(path))


def literal(words: list[str]) -> list[str]:
    """A command line with the file names that `url` gave as the disk has them."""
    stands = re.compile(f"[{chr(STAND_IN)}-{chr(STAND_IN + 0xFF)}]")
    return [stands.sub(lambda byte: _moved(byte[0], NO_UTF8), word) for word in words]


def _moved(character: str, to: int) -> str:
    return chr(to + ord(character) % 256)


def open_input(path: str | Path, **options):
    """A file as ffmpeg-python's input; pick its streams by their numbers, as text."""
    return ffmpeg.input(url(path), **READING, **options)


def keep_clock(output, source, info: MediaInfo, used: int, seconds: float | None = None):
    """The output of one stream, with the file's other streams in use as well, for nothing.

    So zero is where the file begins, and jumps of its clock are mended alike, whichever stream is
    read. source: what open_input gave; seconds: how much of it the output needs.
    """
    if info.container not in CLOCK_OF_USED_STREAMS:
        return output
    others = [source[str(number)] for number in info.streams if number != used]
    if not others:
        return output
    length = {} if seconds is None else {"t": f"{seconds:.3f}"}
    dropped = ffmpeg.output(*others, "-", format="null", c="copy", **length)
    return ffmpeg.merge_outputs(output, dropped)


@contextlib.contextmanager
def decoding(stream) -> Iterator[tuple[subprocess.Popen, IO[bytes]]]:
    """A running ffmpeg with its output on a pipe and its words in a file; ended with the block."""
    with tempfile.TemporaryFile() as words:
        process = start(stream, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)
        try:
            yield process, words
        finally:
            stop(process)


class FedProcess(ABC):
    """An ffmpeg that frames are written to, as a context manager: ended with the block.

    Who enters sets _process, _words (a file for what ffmpeg says) and _opened (what is closed
    after it); _finish waits for it where the block went well, and _failure says what went wrong.
    """

    _process: subprocess.Popen | None = None
    _words: IO[bytes]
    _opened: contextlib.ExitStack

    @contextlib.contextmanager
    def _feeding(self) -> Iterator[None]:
        """Where it reads no more, it says why: raises MediaError."""
        try:
            yield
        except BrokenPipeError:
            self._process.wait()
            raise self._failure() from None

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            stop(self._process)
            self._opened.close()

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _failure(self) -> Exception: ...


def widen(pipe: IO[bytes]) -> None:
    """Make a pipe hold about a frame, where the system can: fewer waits of either side."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux alone
        with contextlib.suppress(OSError):  # the user's pipes together have a limit
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def start(stream, **pipes) -> subprocess.Popen:
    """Start ffmpeg out of reach of the terminal's Ctrl-C, which is ours to handle."""
    command = stream.global_args(*QUIET).compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    return subprocess.Popen(literal(command), start_new_session=True, **pipes)


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
