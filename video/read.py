"""Pictures and sound of a file, by its own time stamps."""

import logging
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from video.images import files_in_order, is_picture, probe_folder, probe_image, read_images
from video.info import MediaError, MediaInfo, exact_fps, parse_media_info
from video.native import FrameLayout, NativeFrame
from video.process import (
    EXACT,
    READING,
    decoding,
    keep_clock,
    literal,
    open_input,
    url,
    widen,
    words_of,
)

log = logging.getLogger(__name__)

# Decoding begins this long before the first frame asked for: a seek may land after the key frame
# (MPEG streams).
SEEK_LEAD_SECONDS = 5
SOUND_BYTES = 16 << 20  # that are held at a time: four million samples
# Shrunk frames only serve detection; for others see process.EXACT.
FAST = {"flags": "bilinear"}
# Channels are averaged. Without rematrix_maxval, float sound of two channels comes out 3 dB louder.
TO_MONO = {"out_sample_fmt": "flt", "out_chlayout": "mono", "rematrix_maxval": 1}


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
    exact: bool = True,
) -> Iterator[np.ndarray]:
    """Yield the pictures shown at `fps` frames per second, as BGR uint8 (H, W, 3).

    Frame n is what the file's own time stamps show at n / fps, so a variable rate or a late
    start costs no sync. fps None keeps the file's rate. `start` and `end` are in seconds;
    `height` shrinks. Without `exact` colours are off by a level or two and come in a quarter of the
    time: enough to find and follow faces by. An image gives one frame; a folder gives its files in
    order, one a frame. Raises MediaError, also in the middle of a file that ends before its time.
    """
    info = path if isinstance(path, MediaInfo) else probe(path)
    if not info.has_picture:
        raise MediaError(f"{info.path} has no pictures, only sound")
    rate = exact_fps(fps or info.fps or 25)
    first, last = _span(info, rate, start, end)
    if info.kind == "video":
        size = info.shrunk(height)
        exact = exact and size == (info.width, info.height)
        return _decode_bgr(info, rate, (first, last), size, EXACT if exact else FAST)
    if info.kind == "image":
        return read_images([info.path], info, height)
    files = files_in_order(info.path)
    if first >= len(files):
        raise MediaError(f"{info.path} ends before {start} s: {len(files)} frames at {rate} fps")
    return read_images(files[first:last], info, height)


def read_native_frames(
    info: MediaInfo,
    layout: FrameLayout,
    fps: Fraction,
    *,
    start: float = 0.0,
    end: float | None = None,
) -> Iterator[NativeFrame]:
    """The same frames of a video, with their samples as they are: see video.native.

    layout: what native_layout gave, or the same at another size, or with whole colour. Every
    frame is the taker's own.
    """
    first, last = _span(info, fps, start, end)
    size = (layout.width, layout.height)
    flags = {} if size == (info.width, info.height) else EXACT
    decoded = _decode(info, fps, (first, last), size, layout.pixels.name, flags)
    for samples in _pieces(decoded, info, fps, (first, last), layout.bytes_a_frame):
        yield NativeFrame(layout, samples)


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
    long as it is late; before the file, at seconds below 0, there is silence too. Raises
    MediaError when there is no such track or nothing in it.
    """
    pieces = read_sound_pieces(path, sample_rate, start=start, end=end, track=track)
    return np.concatenate(list(pieces))


def read_sound_pieces(
    path: str | Path,
    sample_rate: int,
    *,
    start: float = 0.0,
    end: float | None = None,
    track: int = 0,
) -> Iterator[np.ndarray]:
    """The same, piece by piece, for films of any length."""
    info = probe(path)
    if track >= len(info.sounds):
        raise MediaError(no_sound_message(info, track))
    source, used = open_input(path), info.sounds[track].stream
    stream = source[str(used)]
    stream = stream.filter("aresample", sample_rate, **TO_MONO, **{"async": 1, "first_pts": 0})
    bounds = {"start": max(start, 0)} | ({} if end is None else {"end": end})
    stream = stream.filter("atrim", **bounds)
    stream = keep_clock(stream.output("pipe:", format="f32le"), source, info, used, end)
    if start < 0:
        yield np.zeros(round(-start * sample_rate), np.float32)
    heard = False
    with decoding(stream) as (process, words):
        while len(piece := np.frombuffer(process.stdout.read(SOUND_BYTES), np.float32)):
            heard = True
            yield piece.clip(-1.0, 1.0)
        process.wait()
        problem = words_of(words)
    if not heard:
        reason = problem or "the track is empty"
        raise MediaError(f"no sound could be decoded from {path}: {reason}")
    if problem:
        log.warning("%s: damaged sound, read as far as possible (%s)", path, problem)


def _probe_media(path: Path) -> MediaInfo:
    """Read what `ffmpeg -i` prints: the bundled binary comes without ffprobe."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin"]
    command += [word for name, value in READING.items() for word in (f"-{name}", value)]
    command = literal([*command, "-i", url(path)])
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return parse_media_info(path, ended.stderr.decode(errors="replace"))


def _span(
    info: MediaInfo, rate: Fraction, start: float, end: float | None
) -> tuple[int, int | None]:
    """The first frame that is asked for, and the one after the last."""
    first = round(start * rate)
    last = None if end is None else round(end * rate)
    if first < 0 or (last is not None and last <= first):
        until = "the end" if end is None else f"{float(end):g} s"
        raise MediaError(f"{info.path}: no frames between {float(start):g} s and {until}")
    return first, last


def _decode_bgr(
    info: MediaInfo,
    rate: Fraction,
    span: tuple[int, int | None],
    size: tuple[int, int],
    flags: dict,
) -> Iterator[np.ndarray]:
    decoded = _decode(info, rate, span, size, "bgr24", flags)
    for samples in _pieces(decoded, info, rate, span, 3 * size[0] * size[1]):
        yield samples.reshape(size[1], size[0], 3)


def _decode(
    info: MediaInfo,
    rate: Fraction,
    span: tuple[int, int | None],
    size: tuple[int, int],
    pix_fmt: str,
    flags: dict,
):
    """The graph that writes the frames of a span, raw, to a pipe."""
    first, last = span
    lead = _lead(rate, first)
    # Not accurate: the picture that is shown at a moment may have come long before it.
    seek = {"ss": f"{float((first - lead) / rate):.6f}", "noaccurate_seek": None}
    decoder = {"c:v": info.decoder} if info.decoder else {}
    if info.on_gpu:
        decoder["hwaccel"] = "cuda"
    source = open_input(info.path, **decoder, **(seek if first > lead else {}))
    stream = source[str(info.stream)]
    if info.is_interlaced:  # both fields of a frame, at the frame's own time
        stream = stream.filter("bwdif", mode="send_frame", deint="interlaced")
    stream = stream.filter("fps", str(rate), start_time=0)
    end = {} if last is None else {"end_frame": last - first + lead}
    stream = stream.filter("trim", start_frame=lead, **end).filter("setpts", "PTS-STARTPTS")
    # Also where nothing is scaled: a stream may change its size on the way.
    stream = stream.filter("scale", *size, **flags).filter("setsar", 1)
    stream = stream.output("pipe:", format="rawvideo", pix_fmt=pix_fmt, fps_mode="passthrough")
    seconds = None if last is None else float((last - first + lead) / rate)
    return keep_clock(stream, source, info, info.stream, seconds)


def _lead(rate: Fraction, first: int) -> int:
    """Frames that are decoded before the first."""
    return min(first, round(SEEK_LEAD_SECONDS * rate))


def _pieces(
    graph, info: MediaInfo, rate: Fraction, span: tuple[int, int | None], size: int
) -> Iterator[np.ndarray]:
    """What a decoding graph writes, a frame's bytes at a time."""
    count = 0
    with decoding(graph) as (process, words):
        widen(process.stdout)
        while True:
            samples = np.empty(size, np.uint8)
            if process.stdout.readinto(samples.data) != size:
                break
            yield samples
            count += 1
        process.wait()
        _check_ending(info, (span[0] + count) / rate, count, span[1], words_of(words))


def _check_ending(
    info: MediaInfo, reached: float, count: int, last: int | None, problem: str
) -> None:
    """Tell a file that is cut short or damaged from one that has simply ended."""
    if not count:
        why = problem or f"it ends before the {float(reached):.2f} s asked for"
        raise MediaError(f"no frame could be decoded from {info.path}: {why}")
    if not problem:
        return
    length = info.duration or 0.0  # 0: the container states none, so nothing is known to be missing
    missing = length - float(reached)
    if last is None and missing > max(0.5, 0.02 * length):
        raise MediaError(
            f"{info.path} is cut short or damaged: pictures end at {float(reached):.2f} s of "
            f"{length:.2f} s ({problem}); --end {float(reached):.2f} takes what is there"
        )
    log.warning("%s: some frames are damaged (%s)", info.path, problem)


def no_sound_message(info: MediaInfo, track: int) -> str:
    if not info.sounds:
        return f"{info.path} has no sound track"
    return f"{info.path} has no sound track {track}; it has {len(info.sounds)}, counted from 0"
