"""Frames and a sound into a video that is whole or absent."""

import contextlib
import logging
import os
import secrets
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import ffmpeg
import numpy as np

from video.info import MediaError, SoundTrack, exact_fps
from video.process import EXACT, LOCAL_ONLY, exit_reason, start, stop, url, words_of
from video.read import no_sound_message, probe

log = logging.getLogger(__name__)

# Muxer of each suffix, and the sound codecs that it carries and that its usual players play.
CONTAINERS = {
    ".mp4": ("mp4", ("aac", "mp3", "ac3", "eac3", "alac")),
    ".m4v": ("mp4", ("aac", "mp3", "ac3", "eac3", "alac")),
    ".mov": ("mov", ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le")),
    ".mkv": ("matroska", ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus", "vorbis",
                          "mp2", "pcm_s16le", "pcm_s24le", "pcm_f32le")),
    ".webm": ("webm", ("opus", "vorbis")),
    ".avi": ("avi", ("mp3", "ac3", "mp2", "pcm_s16le")),
}  # fmt: skip
# Colour matrices by the names of their tags: swscale's own names.
MATRICES = {
    "unknown": "bt601",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "bt709": "bt709",
    "bt2020nc": "bt2020",
    "smpte240m": "smpte240m",
    "fcc": "fcc",
}
CRF_CODECS = ("libx264", "libx265", "libvpx-vp9", "libaom-av1", "libsvtav1")


def prepare_output(path: str | Path) -> Path:
    """Make the folder of a video to write, or raise MediaError if it cannot be put there."""
    path = Path(path)
    if path.suffix.lower() not in CONTAINERS:
        raise MediaError(
            f"cannot write {path}: the suffix {path.suffix!r} is none of {', '.join(CONTAINERS)}"
        )
    if path.is_dir():
        raise MediaError(f"cannot write {path}: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise MediaError(f"cannot write into {path.parent}: {error.strerror}") from error
    return path


class VideoWriter:
    """Encodes frames, with sound from a file, into a video that is whole or absent.

    Use it as a context manager. It writes beside the target and renames when the block ends well;
    after an exception, Ctrl-C included, nothing is left.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction | float,
        *,
        sound: str | Path | None = None,
        sound_start: float = 0.0,
        sound_end: float | None = None,
        sound_track: int = 0,
        codec: str = "libx264",
        crf: int = 18,
        preset: str | None = None,
        pix_fmt: str = "yuv420p",
        colour: str = "bt709",
    ) -> None:
        """`colour` is MediaInfo.colour of the source; "" for a source without tags: none then."""
        self.path = prepare_output(path)
        self.shape = (height, width, 3)
        self.padding = _padding(width, height, pix_fmt)
        if any(self.padding):
            log.info("%s needs even sizes: one line or column is repeated", pix_fmt)
        self._partial = self.path.parent / f".{secrets.token_hex(8)}.partial"
        below, right = self.padding
        video = _raw_input(width + right, height + below, exact_fps(fps), colour, pix_fmt)
        streams, options = [video], _video_options(codec, crf, preset)
        if sound is not None:
            info = probe(sound)
            if sound_track >= len(info.sounds):
                raise MediaError(no_sound_message(info, sound_track))
            streams.append(_sound_input(sound, sound_start, sound_end, sound_track))
            options |= _sound_options(self.path, info.sounds[sound_track], cut=sound_start > 0)
        self._graph = _output(streams, self._partial, self.path, options)
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "VideoWriter":
        self._words = tempfile.TemporaryFile()
        self._process = start(self._graph, stdin=subprocess.PIPE, stderr=self._words)
        return self

    def write(self, frame: np.ndarray) -> None:
        """Add one BGR uint8 frame (height, width, 3)."""
        if frame.shape != self.shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.dtype} {frame.shape}, the video {self.shape} uint8")
        if any(self.padding):
            below, right = self.padding
            frame = cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE)
        try:
            self._process.stdin.write(np.ascontiguousarray(frame))
        except BrokenPipeError:
            self._process.wait()
            raise self._failure() from None

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            stop(self._process)
            self._words.close()
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # the exit code tells
            self._process.stdin.close()
        if self._process.wait() != 0:
            raise self._failure()
        try:
            os.replace(self._partial, self.path)
        except OSError as error:
            raise MediaError(f"cannot write {self.path}: {error.strerror}") from error

    def _failure(self) -> MediaError:
        reason = words_of(self._words) or exit_reason(self._process.returncode)
        return MediaError(f"cannot write {self.path}: {reason}")


def _padding(width: int, height: int, pix_fmt: str) -> tuple[int, int]:
    """Lines below and columns to the right that a subsampled colour format asks for."""
    return height % 2 * ("420" in pix_fmt), width % 2 * ("420" in pix_fmt or "422" in pix_fmt)


def _raw_input(width: int, height: int, fps: Fraction, colour: str, pix_fmt: str):
    """Raw BGR on a pipe, turned into `pix_fmt` by the matrix that the tags then name."""
    stream = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="bgr24", s=f"{width}x{height}", r=str(fps)
    )
    tags = (colour or "unknown").split("/")
    matrix, primaries, transfer = tags if len(tags) == 3 else tags * 3
    matrix = matrix if matrix in MATRICES else "bt709"  # RGB sources have none that we could keep
    coding = {"out_color_matrix": MATRICES[matrix], "out_range": "tv"}
    stream = stream.filter("scale", **coding, **EXACT).filter("format", pix_fmt)
    return stream.filter(
        "setparams", colorspace=matrix, color_primaries=primaries, color_trc=transfer
    )


def _video_options(codec: str, crf: int, preset: str | None) -> dict:
    options = {"c:v": codec}
    if codec in CRF_CODECS:
        options["crf"] = crf
    elif codec.endswith("_nvenc"):
        options["cq"] = crf
    return options | ({"preset": preset} if preset else {})


def _sound_input(path: str | Path, start: float, end: float | None, track: int):
    bounds = ({"ss": start} if start else {}) | ({} if end is None else {"t": end - start})
    return ffmpeg.input(url(path), **bounds, **LOCAL_ONLY)[f"a:{track}"]


def _sound_options(path: Path, track: SoundTrack, cut: bool) -> dict:
    """Packets are copied where that is possible and in sync: a cut is seldom between two."""
    if track.codec in CONTAINERS[path.suffix.lower()][1] and not cut:
        return {"c:a": "copy"}
    return {"c:a": "libopus"} if path.suffix.lower() == ".webm" else {"c:a": "aac", "b:a": "192k"}


def _output(streams: list, partial: Path, path: Path, options: dict):
    muxer = CONTAINERS[path.suffix.lower()][0]
    if muxer in ("mp4", "mov"):
        options = {**options, "movflags": "+faststart"}
    output = ffmpeg.output(*streams, url(partial), format=muxer, **options)
    return output.overwrite_output()
