"""When a video's pictures are shown, by its own time stamps; and raw frames with such times.

Raw frames on a pipe have no times of their own. As Matroska (RFC 9559) they have: one cluster a
frame, whose time stamp says nanoseconds.
"""

import re
import struct
import subprocess
from fractions import Fraction

import imageio_ffmpeg

from video.info import MediaError, MediaInfo
from video.native import FrameLayout
from video.process import QUIET, READING, literal, url

HIGHEST_RATE = 240  # frames a second; pictures that follow each other faster are left out
EVEN = Fraction(1, 10)  # of a frame: so far may time stamps of a constant rate be rounded
SECOND = 1_000_000_000  # of the time stamps
# How ffmpeg's reader of Matroska knows raw pixels.
FOURCC = {
    "bgr24": b"BGR\x18",
    "yuv420p": b"I420",
    "yuv422p": b"Y42B",
    "yuv444p": b"444P",
    "yuv420p10le": b"Y3\x0b\x0a",
    "yuv422p10le": b"Y3\x0a\x0a",
    "yuv444p10le": b"Y3\x00\x0a",
    "yuv420p12le": b"Y3\x0b\x0c",
    "yuv422p12le": b"Y3\x0a\x0c",
    "yuv444p12le": b"Y3\x00\x0c",
}
UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def picture_times(info: MediaInfo) -> tuple[list[Fraction], Fraction]:
    """When each picture is shown, in seconds from the file's beginning, and the clock's step.

    Nothing is decoded. Raises MediaError where the file does not tell.
    """
    if info.kind != "video":
        raise MediaError(f"{info.path} is no video: it has no time stamps that could be kept")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *QUIET]
    command += [word for name, value in READING.items() for word in (f"-{name}", value)]
    command += ["-i", url(info.path), "-map", f"0:{info.stream}", "-c", "copy"]
    told = subprocess.run(
        literal([*command, "-f", "framecrc", "-"]),
        stdin=subprocess.DEVNULL, capture_output=True, check=False,
    ).stdout.decode(errors="replace")  # fmt: skip
    step = re.search(r"^#tb 0: (\d+)/(\d+)", told, re.MULTILINE)
    stamps = re.findall(r"^0, *-?\d+, *(-?\d+),", told, re.MULTILINE)
    if not step or not stamps:
        raise MediaError(f"{info.path} has no time stamps that could be kept")
    clock = Fraction(int(step[1]), int(step[2]))
    return sorted({int(stamp) * clock for stamp in stamps if int(stamp) >= 0}), clock


def even_count(info: MediaInfo, fps: Fraction) -> int | None:
    """How many frames a video has at its own constant rate; None where its rate is another."""
    try:
        times, _ = picture_times(info)
    except MediaError:
        return None
    off = (abs(seconds * fps - number) for number, seconds in enumerate(times))
    return len(times) if max(off) < EVEN else None


def grid_rate(times: list[Fraction], fps: Fraction) -> Fraction:
    """A constant rate, a multiple of `fps`, at which every picture has a frame of its own."""
    rate = fps
    while len({grid_frame(seconds, rate) for seconds in times}) < len(times):
        if rate + fps > HIGHEST_RATE:
            return rate
        rate += fps
    return rate


def grid_frame(seconds: Fraction, rate: Fraction) -> int:
    """The frame of a constant rate from which on a picture is shown, as ffmpeg rounds it."""
    return int(seconds * rate + Fraction(1, 2))


def header(layout: FrameLayout | None, width: int, height: int, fps: Fraction) -> bytes:
    """The beginning of a stream of raw frames, BGR or of a layout. Raises MediaError."""
    pixels = layout.pixels.name.replace("yuvj", "yuv") if layout else "bgr24"
    if pixels not in FOURCC:
        raise MediaError(
            f"frames of {pixels} can't keep times of their own; leave --vfr keep out, or shrink "
            "the colours first"
        )
    track = b"".join(
        (
            _number(b"\xd7", 1),
            _number(b"\x73\xc5", 1),
            _number(b"\x83", 1),  # a video track
            _element(b"\x86", b"V_UNCOMPRESSED"),
            _number(b"\x23\xe3\x83", round(SECOND / fps)),
            _element(
                b"\xe0",
                _number(b"\xb0", width)
                + _number(b"\xba", height)
                + _element(b"\x2e\xb5\x24", FOURCC[pixels]),
            ),
        )
    )
    return b"".join(
        (
            _element(b"\x1a\x45\xdf\xa3", _element(b"\x42\x82", b"matroska")),
            b"\x18\x53\x80\x67" + UNKNOWN_SIZE,
            _element(b"\x15\x49\xa9\x66", _number(b"\x2a\xd7\xb1", 1)),  # nanoseconds
            _element(b"\x16\x54\xae\x6b", _element(b"\xae", track)),
        )
    )


def frame_header(seconds: Fraction, size: int) -> bytes:
    """What comes before a frame of so many bytes."""
    stamp = _number(b"\xe7", round(seconds * SECOND))
    block = b"\xa3" + _size(4 + size) + b"\x81\x00\x00\x80"  # of the track, a key frame
    return b"\x1f\x43\xb6\x75" + _size(len(stamp) + len(block) + size) + stamp + block


def _element(name: bytes, content: bytes) -> bytes:
    return name + _size(len(content)) + content


def _number(name: bytes, value: int) -> bytes:
    return _element(name, struct.pack(">Q", value))


def _size(count: int) -> bytes:
    return struct.pack(">Q", count | 1 << 56)
