"""A video of new frames and of pieces that are copied as they are coded."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import ffmpeg

from atomic import held_folder
from video.containers import CONTAINERS, join, prepare_output
from video.info import MediaError, MediaInfo, exact_fps
from video.native import NativeFrame
from video.packets import (
    DELIMITERS,
    REFRESHES,
    Packets,
    as_transport_stream,
    cut_at,
    free_set_number,
    parameter_sets,
    read_packets,
)
from video.process import url
from video.write import VideoWriter

ENCODERS = {"h264": "libx264", "hevc": "libx265"}  # that make what is copied
PARAMETERS = {"h264": "x264-params", "hevc": "x265-params"}  # ffmpeg's options of theirs
READ_FROM, WRITTEN_TO = ("mov", "matroska"), (".mp4", ".m4v", ".mov", ".mkv")
STREAM_ID = "0x100"  # of the only stream of an MPEG-TS that ffmpeg writes
LEAST_TICKS = 10_000  # a second of an MP4 has at least, as ffmpeg's own have


class Stretch(NamedTuple):
    """Frames of the result that are copied: its numbers, half-open, and the first one's packet."""

    begin: int
    end: int
    packet: int

    @property
    def packets(self) -> tuple[int, int]:
        """The first one, and the one after the last."""
        return self.packet, self.packet + self.end - self.begin


class Entries(NamedTuple):
    """Where a film can be cut: the packets before which, and how the packets become frames."""

    packets: Packets
    cuts: list[int]  # numbers of packets, the last is the end
    first_frame: int  # of packet 0, at the film's own rate


def find_entries(info: MediaInfo, fps: Fraction) -> Entries:
    """Where a film's packets can be cut; MediaError where they can't be copied, saying why."""
    if info.kind != "video" or not info.container.startswith(READ_FROM):
        raise MediaError("the film is no MP4, MOV or Matroska file")
    if info.is_interlaced:
        raise MediaError("the film is interlaced, and the result is not")
    if info.rotation:
        raise MediaError("the film is turned by a tag, and the result by its pixels")
    packets = read_packets(info.path, info.stream)
    if packets.codec not in ENCODERS:
        raise MediaError(f"the film is {packets.codec}, and not {' or '.join(ENCODERS)}")
    if not packets.is_square or packets.size != (info.width, info.height):
        raise MediaError("the film's pixels are not square, and the result's are")
    if packets.is_damaged:
        raise MediaError("the film is damaged, or cut by an edit list")
    first = packets.first_frame(fps)
    fresh = read_packets(info.path, info.stream, REFRESHES[packets.codec])
    return Entries(packets, packets.clean_cuts(fresh.shown), first)


class _Piece(NamedTuple):
    """A part of the result as MPEG-TS."""

    begin: int  # its first frame's number in the result
    path: Path
    packets: Packets


class SplicedWriter:
    """Takes the frames that are not copied, as VideoWriter does, and joins all to one video.

    Use it as a context manager. The pieces lie beside the target until they are joined; after an
    exception nothing is left.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        *,
        film: MediaInfo,
        entries: Entries,
        stretches: list[Stretch],
        frame_count: int,
        sound: str | Path | None = None,
        sound_start: float = 0.0,
        sound_end: float | None = None,
        comment: str = "",
        **coding,
    ) -> None:
        """film: what is copied from; stretches: its frames that are, in order; frame_count: of the
        result, copied ones too; coding: as VideoWriter takes it.
        """
        self.path, self.fps = prepare_output(path), exact_fps(fps)
        self._film, self._entries = film, entries
        self._size, self._coding = (width, height), coding
        self._sound = {"sound": sound, "sound_start": sound_start, "sound_end": sound_end}
        self._comment = comment
        self._stretches = {stretch.begin: stretch for stretch in stretches}
        self._frame_count = frame_count
        self._pieces: list[_Piece] = []
        self._number = 0  # of the frame that comes next
        self._encoder: VideoWriter | None = None

    def __enter__(self) -> "SplicedWriter":
        with contextlib.ExitStack() as opened:
            self._folder = opened.enter_context(held_folder(self.path))
            try:
                self._cut_film()
            except MediaError as error:
                raise MediaError(f"{error}; without --smart_copy every frame is coded") from error
            self._skip_copied()
            self._opened = opened.pop_all()
        return self

    def write(self, frame: NativeFrame, seconds: None = None) -> None:
        """Add the next frame that is not copied; its number says when it is shown."""
        if self._encoder is None:
            self._begin_piece()
        self._encoder.write(frame)
        self._number += 1
        if self._number == self._frame_count or self._number in self._stretches:
            self._end_piece()

    def __exit__(self, kind, error, trace) -> None:
        try:
            if self._encoder:
                self._encoder.__exit__(kind, error, trace)
            if kind is None:
                self._join()
        finally:
            self._opened.close()

    def _cut_film(self) -> None:
        """Make pieces of the stretches that are copied."""
        count = len(self._entries.packets)
        starts = {stretch.packet: stretch.begin for stretch in self._stretches.values()}
        edges = {edge for stretch in self._stretches.values() for edge in stretch.packets}
        edges = sorted(edges - {0, count})
        paths = cut_at(self._film.path, self._film.stream, edges, self._folder)
        for path, first, last in zip(paths, [0, *edges], [*edges, count], strict=True):
            if first in starts:
                self._add_piece(starts[first], path, last - first)
            else:
                path.unlink()
        self._sets = parameter_sets(self._pieces[0].path, self._codec)

    def _add_piece(self, begin: int, path: Path, frames: int) -> None:
        packets = read_packets(path)
        if len(packets) != frames:
            raise MediaError(
                f"{self.path}: the {frames} frames from {begin} came out as {len(packets)}"
            )
        self._pieces.append(_Piece(begin, path, packets))

    def _begin_piece(self) -> None:
        self._begun = self._number
        parameters = self._parameters()
        if mastering := self._coding.get("mastering"):
            parameters += mastering.parameters(self._coding["codec"])
        more = {PARAMETERS[self._codec]: ":".join(parameters)}
        path = self._folder / f"made{self._number}.mkv"
        encoder = VideoWriter(path, *self._size, self.fps, more=more, **self._coding)
        self._encoder = encoder.__enter__()

    def _parameters(self) -> list[str]:
        """What is asked of the encoder, so that its pieces go well with those that are copied."""
        # Who reads packets guesses from the first ones how far pictures are reordered.
        delay = self._entries.packets.delay
        order = [] if delay > 1 else ["b-pyramid=0"] if delay else ["bframes=0"]
        if self._codec == "hevc":
            return ["log-level=error", *order]
        # With a number of their own the parameter sets of both codings are known beforehand, as
        # players want that look for them in the container alone.
        return [f"sps-id={free_set_number(self._sets)}", *order]

    def _end_piece(self) -> None:
        encoder, self._encoder = self._encoder, None
        encoder.__exit__(None, None, None)
        path = as_transport_stream(encoder.path)
        self._add_piece(self._begun, path, self._number - self._begun)
        self._skip_copied()

    def _skip_copied(self) -> None:
        """Go on to the next frame that is to be written."""
        while stretch := self._stretches.get(self._number):
            self._number = stretch.end

    def _join(self) -> None:
        if self._number != self._frame_count:
            raise ValueError(f"{self._number} frames of {self._frame_count} are there")
        self._pieces.sort()
        pictures = ffmpeg.input(url(self._written_list()), format="concat")["v:0"]
        options = {"bsf:v": f"filter_units=remove_types={DELIMITERS[self._codec]},{self._times()}"}
        if CONTAINERS[self.path.suffix.lower()][0] in ("mp4", "mov"):
            ticks = self.fps.numerator
            options["video_track_timescale"] = ticks * -(-LEAST_TICKS // ticks)
            if self._codec == "hevc":
                options["tag:v"] = "hev1"  # whose parameter sets are among the pictures
        join(pictures, options, self.path, comment=self._comment, **self._sound)

    def _times(self) -> str:
        """The filter that sets times: the pieces' own are rounded, and know nothing of each other.

        A picture is decoded as many frames before it is shown as any of the pieces needs.
        """
        rate = f"({self.fps})"
        delay = max(piece.packets.delay for piece in self._pieces)
        return (
            f"setts=pts=round(PTS*TB*{rate})/{rate}/TB:dts=(N-{delay})/{rate}/TB:"
            f"duration=1/{rate}/TB"
        )

    def _written_list(self) -> Path:
        """What the concat demuxer reads: every piece and how long it is."""
        lines = ["ffconcat version 1.0"]
        if self._codec == "h264":
            lines += ["stream", f"exact_stream_id {STREAM_ID}", "stream_codec h264"]
            lines += [f"stream_extradata {self._all_sets().hex()}"]
        for piece in self._pieces:
            seconds = float(len(piece.packets) / self.fps)
            lines += [f"file {piece.path.name}", f"duration {seconds:.9f}"]
        path = self._folder / "pieces.ffconcat"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _all_sets(self) -> bytes:
        """The first piece's parameter sets, then the other kind's: ffmpeg writes the first anew."""
        kinds = {piece.path.name[:4]: piece.path for piece in reversed(self._pieces)}
        first = self._pieces[0].path.name[:4]
        ordered = sorted(kinds, key=lambda kind: kind != first)
        return b"".join(parameter_sets(kinds[kind], self._codec) for kind in ordered)

    @property
    def _codec(self) -> str:
        return self._entries.packets.codec
