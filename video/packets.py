"""The packets of a video stream: where it can be entered, and pieces of it without decoding."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import ffmpeg
import numpy as np

from video.info import MediaError
from video.process import exit_reason, open_input, start, url, words_of

KEY, CORRUPT, DISCARD = 1, 2, 4  # ffmpeg's flags of a packet
# Types of NAL units. After an instantaneous refresh (IDR) nothing refers to what was before; other
# key frames are no clean entries: pictures after them may lean on pictures before.
REFRESHES = {"h264": "5", "hevc": "19-20"}
PARAMETER_SETS = {"h264": "7-8", "hevc": "32-34"}
DELIMITERS = {"h264": "9", "hevc": "35"}
FARTHEST = 0.45  # frames that a picture may lie off its moment: at half of one it is no one's


@dataclass(frozen=True)
class Packets:
    """The packets of a stream in the file's order, the order of decoding."""

    codec: str  # ffmpeg's name
    size: tuple[int, int]  # width and height as coded
    is_square: bool  # its pixels; also where nothing is said
    clock: Fraction  # seconds a tick
    shown: np.ndarray  # (packets,) ticks at which each picture is shown
    flags: np.ndarray  # (packets,)

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def is_damaged(self) -> bool:
        """Whether any is, or is not to be shown."""
        return bool((self.flags & (CORRUPT | DISCARD)).any())

    @cached_property
    def delay(self) -> int:
        """Frames by which pictures are decoded before they are shown, at most."""
        rank = np.empty(len(self), np.int64)
        rank[np.argsort(self.shown, kind="stable")] = np.arange(len(self))
        return int(max(0, (np.arange(len(self)) - rank).max(initial=0)))

    def first_frame(self, fps: Fraction) -> int:
        """The number of the first picture's frame, where each next one is shown one frame later.

        Raises MediaError where they are not, as of a variable rate.
        """
        moments = np.sort(self.shown) * float(self.clock * fps)
        frames = np.rint(moments)
        steady = np.array_equal(frames, frames[0] + np.arange(len(frames)))
        if not steady or np.abs(moments - frames).max() > FARTHEST or frames[0] < 0:
            raise MediaError(f"its frames do not come at a constant {float(fps):g} a second")
        return int(frames[0])

    def clean_cuts(self, refreshes: np.ndarray) -> np.ndarray:
        """Numbers of packets before which the stream can be cut; the last is its end.

        refreshes: (n,) ticks at which pictures of the kind REFRESHES are shown.
        """
        latest = np.maximum.accumulate(self.shown)
        earliest = np.minimum.accumulate(self.shown[::-1])[::-1]
        apart = np.concatenate([[True], latest[:-1] < earliest[1:]])
        entries = np.isin(self.shown, refreshes) & (self.flags & KEY > 0) & apart
        return np.append(np.flatnonzero(entries), len(self))


def read_packets(path: Path, stream: int = 0, only: str = "") -> Packets:
    """The packets of one stream of a file, by what ffmpeg's framecrc lists.

    only: those alone that have a NAL unit of these types. Raises MediaError.
    """
    picked = {"bsf:v": f"filter_units=pass_types={only}"} if only else {}
    graph = ffmpeg.output(
        open_input(path)[str(stream)], "pipe:", format="framecrc", c="copy", **picked
    )
    return _parsed(_run(graph, path).decode())


def cut_at(path: Path, stream: int, packets: list[int], folder: Path) -> list[Path]:
    """A stream's pieces between clean cuts, as MPEG-TS; packets: rising, without 0 and the end."""
    # Without any the one piece is as long as the stream.
    edges = {"segment_frames": ",".join(map(str, packets))} if packets else {"segment_time": 1e6}
    graph = ffmpeg.output(
        open_input(path)[str(stream)], url(folder / "film%d.ts"),
        c="copy", format="segment", segment_format="mpegts", **edges,
    )  # fmt: skip
    _run(graph, path)
    return [folder / f"film{number}.ts" for number in range(len(packets) + 1)]


def as_transport_stream(path: Path) -> Path:
    """The same pictures with their parameter sets before every key frame; the file is replaced."""
    made = path.with_suffix(".ts")
    _run(ffmpeg.output(open_input(path)["v:0"], url(made), c="copy", format="mpegts"), path)
    path.unlink()
    return made


def parameter_sets(piece: Path, codec: str) -> bytes:
    """What a piece says of itself at its first key frame, as a byte stream (H.264, Annex B)."""
    only = f"filter_units=pass_types={PARAMETER_SETS[codec]}"
    stream, first = open_input(piece)["v:0"], {"frames:v": 1, "bsf:v": only}
    return _run(ffmpeg.output(stream, "pipe:", format=codec, c="copy", **first), piece)


def free_set_number(sets: bytes) -> int:
    """The lowest number that none of a stream's H.264 parameter sets has."""
    units = [unit for unit in sets.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    # A sequence's number comes after profile, constraints and level; a picture's at once.
    taken = {_golomb(unit[4:] if unit[0] & 31 == 7 else unit[1:]) for unit in units}
    return min(set(range(32)) - taken)


def _golomb(data: bytes) -> int:
    """The exponential Golomb number that data begins with."""
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = bits.index("1")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1


def _run(graph, path: Path) -> bytes:
    """What ffmpeg writes to its pipe; MediaError where it fails or complains."""
    with tempfile.TemporaryFile() as words:
        process = start(graph, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)
        try:
            told = process.stdout.read()
            process.wait()
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        problem = words_of(words)
    if process.returncode or problem:
        raise MediaError(f"{path}: {problem or exit_reason(process.returncode)}")
    return told


def _parsed(text: str) -> Packets:
    """What framecrc's lines say: stream, dts, pts, duration, size, checksum, and flags if any."""
    lines = text.splitlines()
    header = dict(re.findall(r"^#(\w+) 0: (.*)$", text, re.MULTILINE))
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    if not rows or "codec_id" not in header:
        raise MediaError("it has no packets")
    if any(row[2].strip() == "NOPTS" for row in rows):
        raise MediaError("not all of its packets say when they are shown")
    width, _, height = header["dimensions"].partition("x")
    return Packets(
        header["codec_id"],
        (int(width), int(height)),
        header.get("sar", "0/1") in ("0/1", "1/1"),
        Fraction(header["tb"]),
        np.array([int(row[2]) for row in rows]),
        np.array([_flags(row) for row in rows]),
    )


def _flags(row: list[str]) -> int:
    """They stand there only where they are other than KEY alone."""
    return next((int(word[3:], 16) for word in row[6:] if word.startswith(" F=")), KEY)
