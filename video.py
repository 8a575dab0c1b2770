"""Pictures and sound in, pictures and sound out: the one file that talks to ffmpeg."""

import contextlib
import logging
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np

from media_info import (
    MediaError,
    MediaInfo,
    SoundTrack,
    exact_fps,
    parse_media_info,
    telling_lines,
)
from pictures import files_in_order, is_picture, probe_folder, probe_image, read_images

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

# Decoding begins this long before the first frame asked for: a seek may land after the key frame
# (MPEG streams), and the picture shown at a moment may be older than it (variable frame rate).
SEEK_LEAD_SECONDS = 5
# Without these, swscale rounds down and repeats colour samples: reading and writing a frame once
# made it 2 grey levels darker; with them it changes by 0.1. Shrunk frames only serve detection.
EXACT = {"flags": "bicubic+accurate_rnd+full_chroma_int"}
FAST = {"flags": "bilinear"}
# Channels are averaged. Without rematrix_maxval, float sound of two channels comes out 3 dB louder.
TO_MONO = {"out_sample_fmt": "flt", "out_chlayout": "mono", "rematrix_maxval": 1}
QUIET = ("-hide_banner", "-nostdin", "-v", "error")
LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}  # a playlist must not make us fetch from the net


def probe(path: str | Path) -> MediaInfo:
    """What the file or folder holds; MediaError when it is none that can be read."""
    path = Path(path)
    if not path.exists():
        raise MediaError(f"no such file: {path}")
    if path.is_dir():
        return probe_folder(path)
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes)")
    return probe_image(path) if is_picture(path) else _probe_media(path)


def read_frames(
    path: str | Path | MediaInfo,
    fps: Fraction | float | None = None,
    *,
    start: float = 0.0,
    end: float | None = None,
    height: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield the pictures shown at `fps` frames per second, as BGR uint8 (H, W, 3).

    Frame n is what the file's own time stamps show at n / fps, so a variable rate or a late
    start costs no sync. fps None keeps the file's rate. `start` and `end` are in seconds;
    `height` shrinks. An image gives one frame; a folder gives its files in order, one a frame.
    Raises MediaError, also in the middle of a file that ends before its time.
    """
    info = path if isinstance(path, MediaInfo) else probe(path)
    if not info.has_picture:
        raise MediaError(f"{info.path} has no pictures, only sound")
    rate = exact_fps(fps or info.fps or 25)
    first = round(start * rate)
    last = None if end is None else round(end * rate)
    if first < 0 or (last is not None and last <= first):
        until = "the end" if end is None else f"{float(end):g} s"
        raise MediaError(f"{info.path}: no frames between {float(start):g} s and {until}")
    if info.kind == "video":
        return _decode_video(info, rate, first, last, info.shrunk(height))
    if info.kind == "image":
        return read_images([info.path], info, height)
    files = files_in_order(info.path)
    if first >= len(files):
        raise MediaError(f"{info.path} ends before {start} s: {len(files)} frames at {rate} fps")
    return read_images(files[first:last], info, height)


def read_sound(
    path: str | Path,
    sample_rate: int,
    *,
    start: float = 0.0,
    end: float | None = None,
    track: int = 0,
) -> np.ndarray:
    """A sound track as mono float32 in [-1, 1]; its first sample is at `start` seconds.

    Time counts from the start of the file, so a track that starts late begins with silence, as
    long as it is late. Raises MediaError when there is no such track or nothing in it.
    """
    info = probe(path)
    if track >= len(info.sounds):
        raise MediaError(_no_sound_message(info, track))
    stream = ffmpeg.input(_url(path), **LOCAL_ONLY)[f"a:{track}"]
    stream = stream.filter("aresample", sample_rate, **TO_MONO, **{"async": 1, "first_pts": 0})
    bounds = {"start": start} | ({} if end is None else {"end": end})
    stream = stream.filter("atrim", **bounds)
    stream = stream.output("pipe:", format="f32le")
    with _decoding(stream) as (process, words):
        samples = np.frombuffer(process.stdout.read(), np.float32)
        process.wait()
        problem = _words(words)
    if not len(samples):
        reason = problem or "the track is empty"
        raise MediaError(f"no sound could be decoded from {path}: {reason}")
    if problem:
        log.warning("%s: damaged sound, read as far as possible (%s)", path, problem)
    return np.clip(samples, -1.0, 1.0)


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
                raise MediaError(_no_sound_message(info, sound_track))
            streams.append(_sound_input(sound, sound_start, sound_end, sound_track))
            options |= _sound_options(self.path, info.sounds[sound_track], cut=sound_start > 0)
        self._graph = _output(streams, self._partial, self.path, options)
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "VideoWriter":
        self._words = tempfile.TemporaryFile()
        self._process = _start(self._graph, stdin=subprocess.PIPE, stderr=self._words)
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
            _stop(self._process)
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
        reason = _words(self._words) or _exit_reason(self._process.returncode)
        return MediaError(f"cannot write {self.path}: {reason}")


def _url(path: str | Path) -> str:
    """A name that ffmpeg takes literally, whatever dashes, colons or quotes are in it."""
    return f"file:{path}"


def _probe_media(path: Path) -> MediaInfo:
    """Read what `ffmpeg -i` prints: the bundled binary comes without ffprobe."""
    graph = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin"]
    graph += ["-protocol_whitelist", "file,pipe", "-i", _url(path)]
    ended = subprocess.run(graph, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return parse_media_info(path, ended.stderr.decode(errors="replace"))


def _decode_video(
    info: MediaInfo, rate: Fraction, first: int, last: int | None, size: tuple[int, int]
) -> Iterator[np.ndarray]:
    lead = min(first, round(SEEK_LEAD_SECONDS * rate))
    seek = {"ss": f"{float((first - lead) / rate):.6f}"} if first > lead else {}
    stream = ffmpeg.input(_url(info.path), **seek, **LOCAL_ONLY)[str(info.stream)]
    stream = stream.filter("fps", str(rate), start_time=0)
    end = {} if last is None else {"end_frame": last - first + lead}
    stream = stream.filter("trim", start_frame=lead, **end).filter("setpts", "PTS-STARTPTS")
    stream = stream.filter(
        "scale", *size, **(EXACT if size == (info.width, info.height) else FAST)
    ).filter("setsar", 1)
    stream = stream.output("pipe:", format="rawvideo", pix_fmt="bgr24", fps_mode="passthrough")
    count = 0
    with _decoding(stream) as (process, words):
        while (frame := _read_frame(process.stdout, size)) is not None:
            yield frame
            count += 1
        process.wait()
        _check_ending(info, (first + count) / rate, count, last, _words(words))


def _read_frame(pipe: IO[bytes], size: tuple[int, int]) -> np.ndarray | None:
    frame = np.empty((size[1], size[0], 3), np.uint8)
    return frame if pipe.readinto(frame.data) == frame.nbytes else None


def _check_ending(
    info: MediaInfo, reached: float, count: int, last: int | None, problem: str
) -> None:
    """Tell a file that is cut short or damaged from one that has simply ended."""
    if not count:
        why = problem or f"it ends before the {float(reached):.2f} s asked for"
        raise MediaError(f"no frame could be decoded from {info.path}: {why}")
    if not problem:
        return
    missing = (info.duration or 0) - float(reached)
    if last is None and missing > max(0.5, 0.02 * info.duration):
        raise MediaError(
            f"{info.path} is cut short or damaged: pictures end at {float(reached):.2f} s of "
            f"{info.duration:.2f} s ({problem}); --end {float(reached):.2f} takes what is there"
        )
    log.warning("%s: some frames are damaged (%s)", info.path, problem)


@contextlib.contextmanager
def _decoding(stream) -> Iterator[tuple[subprocess.Popen, IO[bytes]]]:
    """A running ffmpeg with its output on a pipe and its words in a file; ended with the block."""
    with tempfile.TemporaryFile() as words:
        process = _start(stream, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)
        try:
            yield process, words
        finally:
            _stop(process)


def _start(stream, **pipes) -> subprocess.Popen:
    """Start ffmpeg out of reach of the terminal's Ctrl-C, which is ours to handle."""
    command = stream.global_args(*QUIET).compile(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    return subprocess.Popen(command, start_new_session=True, **pipes)


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
    for pipe in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(BrokenPipeError):  # what was still buffered for a dead process
            pipe.close()
    process.wait()


def _words(file: IO[bytes]) -> str:
    """The first error that ffmpeg named: those after it tend to follow from it."""
    file.seek(0)
    lines = telling_lines(file.read(1 << 20).decode(errors="replace"))
    return lines[0] if lines else ""


def _exit_reason(code: int) -> str:
    if code < 0:
        return f"ffmpeg was killed by {signal.Signals(-code).name}"
    return f"ffmpeg failed with exit code {code}"


def _no_sound_message(info: MediaInfo, track: int) -> str:
    if not info.sounds:
        return f"{info.path} has no sound track"
    return f"{info.path} has no sound track {track}; it has {len(info.sounds)}, counted from 0"


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
    return ffmpeg.input(_url(path), **bounds, **LOCAL_ONLY)[f"a:{track}"]


def _sound_options(path: Path, track: SoundTrack, cut: bool) -> dict:
    """Packets are copied where that is possible and in sync: a cut is seldom between two."""
    if track.codec in CONTAINERS[path.suffix.lower()][1] and not cut:
        return {"c:a": "copy"}
    return {"c:a": "libopus"} if path.suffix.lower() == ".webm" else {"c:a": "aac", "b:a": "192k"}


def _output(streams: list, partial: Path, path: Path, options: dict):
    muxer = CONTAINERS[path.suffix.lower()][0]
    if muxer in ("mp4", "mov"):
        options = {**options, "movflags": "+faststart"}
    output = ffmpeg.output(*streams, _url(partial), format=muxer, **options)
    return output.overwrite_output()
