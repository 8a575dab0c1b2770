"""Frames and a sound into a video that is whole or absent."""

import contextlib
import logging
import os
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import ffmpeg
import numpy as np

from atomic import held, new_partial, stopping_deferred
from video import timed
from video.colour import MATRICES
from video.containers import (
    CONTAINERS,
    SoundPart,
    comment_tag,
    output_graph,
    prepare_output,
)
from video.encoders import (
    VAAPI_DEVICE,
    formats_of,
    hardware_needed,
    keeps_alpha,
    quality_options,
    usual_codec,
)
from video.info import MediaError, exact_fps
from video.mastering import TOLD, Mastering
from video.native import FrameLayout, NativeFrame
from video.process import (
    EXACT,
    FedProcess,
    exit_reason,
    start,
    stop,
    widen,
    words_of,
)
from video.read import probe

log = logging.getLogger(__name__)

EVERYWHERE = ("libx264", "libx265", "libvpx-vp9")  # encoders that every ffmpeg of ours has

# Lines and columns that share one colour sample, by what the pixel formats' names contain.
GRAINS = (
    (("yuv410",), (4, 4)),
    (("411",), (1, 4)),
    (("420", "nv12", "nv21", "p010", "p012", "p016"), (2, 2)),
    (("422", "nv16", "nv20", "p21", "y21", "yvyu"), (1, 2)),
    (("440",), (2, 1)),
)


class VideoWriter(FedProcess):
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
        codec: str | None = None,
        crf: int = 18,
        preset: str | None = None,
        pix_fmt: str | None = None,
        layout: FrameLayout | None = None,
        clock: Fraction | None = None,
        colour: str = "bt709",
        mastering: Mastering | None = None,
        comment: str = "",
        more: dict | None = None,
    ) -> None:
        """codec: None: what encoders.usual_codec says; crf: by libx264's scale, whatever the codec.

        pix_fmt: what is coded; None: of native frames what they are, or what of the encoder's
        formats is nearest to it, and yuv420p of others.

        layout: of native frames (video.native), None for BGR. clock: seconds of which all times
        are multiples, where each frame is written with its own; None: `fps` says them.

        colour: MediaInfo.colour of the source; "" for a source without tags: none then. mastering:
        what an HDR source says of its screen, kept where the encoder can be told. `comment`
        is put into the container, where players and probe() show it. more: further options of the
        encoder, as ffmpeg calls them.
        """
        self.path = prepare_output(path)
        self.shape, self.layout = (height, width, 3), layout
        self.codec = codec or usual_codec(self.path.suffix, layout and layout.pixels)
        if self.codec not in EVERYWHERE:
            formats_of(self.codec)  # asks ffmpeg whether it has it
        pix_fmt = pix_fmt or (None if layout else "yuv420p")
        coded = pix_fmt or layout.pixels.name
        self.padding = _padding(width, height, coded)
        if any(self.padding):
            log.info("%s needs other sizes: the last line or column is repeated", coded)
        self._partial = new_partial(self.path)
        below, right = self.padding
        size = (width + right, height + below)
        self._header = timed.header(layout, *size, exact_fps(fps)) if clock else b""
        given = {"format": "matroska"} if clock else _untimed(layout, size, exact_fps(fps))
        if self.codec.endswith("_vaapi"):
            given["vaapi_device"] = VAAPI_DEVICE
        if layout:
            video = _native_input(given, layout, colour, pix_fmt)
        else:
            video = _bgr_input(given, colour, pix_fmt)
        self._graph = output_graph(
            _uploaded(video, self.codec, layout),
            self._options(crf, preset, mastering)
            | comment_tag(comment)
            | self._times(clock)
            | (more or {}),
            self._partial,
            self.path,
            sound and SoundPart(probe(sound), sound_track, sound_start, sound_end),
        )

    @property
    def drops_alpha(self) -> bool:
        """Whether the frames' transparency gets lost."""
        alpha = self.layout is not None and self.layout.pixels.has_alpha
        return alpha and not keeps_alpha(self.codec, self.path.suffix)

    def _times(self, clock: Fraction | None) -> dict:
        if clock is None:
            return {}
        if self.path.suffix.lower() == ".avi":
            raise MediaError(f"{self.path}: AVI has no times of single frames; take .mp4 or .mkv")
        step = f"{clock.numerator}:{clock.denominator}"
        options = {"fps_mode": "passthrough", "enc_time_base": step}
        if CONTAINERS[self.path.suffix.lower()][0] in ("mp4", "mov"):
            options["video_track_timescale"] = clock.denominator
        return options

    def _options(self, crf: int, preset: str | None, mastering: Mastering | None) -> dict:
        options = quality_options(self.codec, crf, preset)
        if self.layout is not None:
            # Said to the encoder as well: ffmpeg would turn full range into what is usual.
            options["color_range"] = "pc" if self.layout.coding.full_range else "tv"
            if self.layout.pixels.has_alpha and self.codec.startswith("libvpx"):
                options["auto-alt-ref"] = 0  # which it can't do with transparency
        if "265" in self.codec or "hevc" in self.codec:
            if self.path.suffix.lower() in (".mp4", ".m4v", ".mov"):
                options["tag:v"] = "hvc1"  # Apple's players know no other
        further = ["log-level=error"] if self.codec == "libx265" else []
        if mastering:
            further += mastering.parameters(self.codec)
        return options | ({TOLD[self.codec][0]: ":".join(further)} if further else {})

    def __enter__(self) -> "VideoWriter":
        with contextlib.ExitStack() as opened:
            opened.enter_context(held(self._partial))
            self._words = opened.enter_context(tempfile.TemporaryFile())
            with stopping_deferred():
                self._process = start(self._graph, stdin=subprocess.PIPE, stderr=self._words)
                opened.callback(stop, self._process)
            widen(self._process.stdin)
            self._process.stdin.write(self._header)
            self._opened = opened.pop_all()
        return self

    def write(self, frame: np.ndarray | NativeFrame, seconds: Fraction | None = None) -> None:
        """Add one frame: BGR uint8 (height, width, 3), or native where a layout was given.

        seconds: when it is shown, where the writer was given a clock.
        """
        samples = self._bgr_samples(frame) if self.layout is None else self._native_samples(frame)
        with self._feeding():
            if self._header:
                self._process.stdin.write(timed.frame_header(seconds, samples.nbytes))
            self._process.stdin.write(samples)

    def _bgr_samples(self, frame: np.ndarray) -> np.ndarray:
        if frame.shape != self.shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.dtype} {frame.shape}, the video {self.shape} uint8")
        if any(self.padding):
            frame = _padded(frame, *self.padding)
        return np.ascontiguousarray(frame)

    def _native_samples(self, frame: NativeFrame) -> np.ndarray:
        if frame.layout != self.layout:
            raise ValueError(f"frame is {frame.layout}, the video {self.layout}")
        return frame.padded(*self.padding).samples if any(self.padding) else frame.samples

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
        if (needed := hardware_needed(self.codec)) and not self._has_begun:
            reason = f"{self.codec} needs {needed} ({reason}); --codec libx264 needs neither"
        return MediaError(f"cannot write {self.path}: {reason}")

    @property
    def _has_begun(self) -> bool:
        """Whether the encoder has given anything."""
        return self._partial.exists() and self._partial.stat().st_size > 0


def _padding(width: int, height: int, pix_fmt: str) -> tuple[int, int]:
    """Lines below and columns to the right that a subsampled colour format asks for."""
    grains = (grain for names, grain in GRAINS if any(name in pix_fmt for name in names))
    lines, columns = next(grains, (1, 1))
    return -height % lines, -width % columns


def _padded(picture: np.ndarray, below: int, right: int) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)


def _untimed(layout: FrameLayout | None, size: tuple[int, int], fps: Fraction) -> dict:
    """ffmpeg's options for raw frames at a constant rate, on a pipe."""
    pixels = layout.pixels.name if layout else "bgr24"
    return {"format": "rawvideo", "pix_fmt": pixels, "s": f"{size[0]}x{size[1]}", "r": str(fps)}


def _bgr_input(given: dict, colour: str, pix_fmt: str):
    """Raw BGR on a pipe, turned into `pix_fmt` by the matrix that the tags then name."""
    stream = ffmpeg.input("pipe:", **given)
    matrix, primaries, transfer = _colour_tags(colour)
    matrix = matrix if matrix in MATRICES else "bt709"  # RGB sources have none that we could keep
    coding = {"out_color_matrix": MATRICES[matrix], "out_range": "tv"}
    stream = stream.filter("scale", **coding, **EXACT).filter("format", pix_fmt)
    return stream.filter(
        "setparams", colorspace=matrix, color_primaries=primaries, color_trc=transfer
    )


def _native_input(given: dict, layout: FrameLayout, colour: str, pix_fmt: str | None):
    """Raw planes on a pipe, as they are wherever the encoder takes them so."""
    stream = ffmpeg.input("pipe:", **given)
    matrix, primaries, transfer = _colour_tags(colour)
    stream = stream.filter(
        "setparams",
        colorspace=matrix,
        color_primaries=primaries,
        color_trc=transfer,
        range="pc" if layout.coding.full_range else "tv",
        chroma_location=layout.coding.siting or "auto",
    )
    if pix_fmt is None:
        return stream
    return stream.filter("scale", **EXACT).filter("format", pix_fmt)


def _colour_tags(colour: str) -> tuple[str, str, str]:
    """Names of matrix, primaries and transfer out of MediaInfo.colour."""
    tags = (colour or "unknown").split("/")
    return tuple(tags) if len(tags) == 3 else tuple(tags * 3)


def _uploaded(stream, codec: str, layout: FrameLayout | None):
    """Frames on the GPU, for encoders that take them from there alone."""
    if not codec.endswith("_vaapi"):
        return stream
    deep = layout is not None and layout.pixels.bits > 8
    return stream.filter("format", "p010le" if deep else "nv12").filter("hwupload")
