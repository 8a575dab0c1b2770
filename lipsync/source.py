"""The face's pictures as they are worked on: shrunk, turned, cropped, and repeated when too few."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

import video
from face_detection import Box
from video import (
    FrameLayout,
    MediaError,
    MediaInfo,
    NativeFrame,
    exact_fps,
    files_in_order,
    native_layout,
)
from video.timed import even_count, grid_frame, grid_rate, picture_times

LOOPS = ("repeat", "pingpong", "freeze")
VFR = ("resample", "keep")  # what becomes of a variable frame rate
Frame = np.ndarray | NativeFrame  # BGR uint8 (H, W, 3), or planes as they were decoded
# A video is played backwards in pieces that are read forwards and then held.
BACKWARD_BYTES = 200_000_000


@dataclass(frozen=True)
class FaceSource:
    """The chosen part of a video, a folder of frames, or a still. Frames are numbered from 0.

    `crop` is in pixels of the picture after shrinking and turning, as the original has it.
    """

    info: MediaInfo
    fps: Fraction
    start: float = 0.0  # seconds
    end: float | None = None  # seconds; None = to the end
    resize_factor: int = 1
    rotate: bool = False  # a quarter turn clockwise, after what the file's own tag asks for
    crop: Box | None = None
    static: bool = False  # only the first frame
    # When the file's pictures are shown, seconds from its beginning, where these times are kept.
    # `fps` is then a rate at which each picture has a frame of its own; the others repeat it.
    times: tuple[Fraction, ...] | None = None
    clock: Fraction | None = None  # seconds of which all times are multiples

    @cached_property
    def late(self) -> dict[int, Fraction] | None:
        """Of each frame that begins a picture, how much later it is shown than its number says."""
        if self.times is None:
            return None
        begin = round(self.start * self.fps)
        late = {0: Fraction(0)}
        for seconds in self.times:
            number = grid_frame(seconds, self.fps) - begin
            if number > 0 or (number == 0 and seconds * self.fps >= begin):
                late[number] = seconds - (number + begin) / self.fps
        return late

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames."""
        if self.crop:
            return self.crop.width, self.crop.height
        return self._uncropped

    @property
    def is_unedited(self) -> bool:
        """Whether the frames are those of a video, as they are."""
        edits = (self.resize_factor, self.rotate, self.crop, self.static)
        return self.info.kind == "video" and edits == (1, False, None, False)

    @cached_property
    def layout(self) -> FrameLayout | None:
        """How native_frames gives the frames; None where they are no brightness and colour."""
        whole = native_layout(self.info)
        if whole is None or self.static:
            return None
        pixels, (width, height) = whole.pixels, self.size
        lines, columns = pixels.grain
        if (self.rotate and lines != columns) or not self._crop_is_whole(columns, lines):
            pixels = pixels.with_whole_colour()
        return replace(whole, pixels=pixels, width=width, height=height)

    @property
    def files(self) -> list[Path]:
        """The files that the pictures come from."""
        return files_in_order(self.info.path) if self.info.kind == "folder" else [self.info.path]

    @cached_property
    def frame_count(self) -> int:
        """How many there are: by the time stamps where these are even, else by reading them all."""
        count = even_count(self.info, self.fps) if self.is_whole else None
        return count or sum(1 for _ in self.frames(shorter_side=16))

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a video."""
        return self.info.kind == "video" and not (self.static or self.start or self.end)

    def frames(
        self,
        first: int = 0,
        last: int | None = None,
        *,
        shorter_side: int | None = None,
        exact: bool = True,
    ) -> Iterator[np.ndarray]:
        """Yield frames `first` to `last` - 1; with `shorter_side`, shrunk about that far.

        exact: see video.read_frames.
        """
        span = self._span(first, last)
        height = self._read_height(shorter_side)
        for image in video.read_frames(self.info, self.fps, height=height, exact=exact, **span):
            yield self._edit(image)

    def native_frames(self, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        """The same as they are decoded, where the source has a layout; else BGR as well."""
        layout = self.layout
        if layout is None:
            yield from self.frames(first, last)
            return
        width, height = self.info.shrunk(self._read_height(None))
        read = replace(layout, width=width, height=height)
        for frame in video.read_native_frames(self.info, read, self.fps, **self._span(first, last)):
            yield self._edit_native(frame)

    def played(
        self, loop: str, *, native: bool = False, first: int = 0
    ) -> Iterator[tuple[int, Frame]]:
        """Yield (number, frame) without end; after the last one as `loop`, one of LOOPS, says.

        native: as native_frames has them, else BGR. first: the frame to begin with. Every frame is
        the taker's own, to be painted on.
        """
        read = self.native_frames if native else self.frames
        for number, frame in enumerate(read(first), first):
            if number == first or loop == "freeze":
                kept = frame.copy()
            yield number, frame
        while number == 0 or loop == "freeze":
            yield number, kept.copy()
        while True:
            if loop == "pingpong":
                yield from self._backwards(read, number, 1)
            yield from enumerate(read())

    def _backwards(
        self, read: Callable[[int, int], Iterator[Frame]], after: int, until: int
    ) -> Iterator[tuple[int, Frame]]:
        """Yield frames after - 1 down to `until`."""
        width, height = self.size
        piece = max(8, BACKWARD_BYTES // (3 * width * height))
        while after > until:
            first = max(until, after - piece)
            yield from reversed(list(enumerate(read(first, after), first)))
            after = first

    def _span(self, first: int, last: int | None) -> dict:
        """From where to where to read, in seconds."""
        if self.static:
            last = 1
        begin = round(self.start * self.fps)
        end = None if self.end is None else round(self.end * self.fps)
        if last is not None:
            end = min(begin + last, end or begin + last)
        return {
            "start": (begin + first) / self.fps,
            "end": None if end is None else end / self.fps,
        }

    @property
    def _uncropped(self) -> tuple[int, int]:
        size = self.info.shrunk(self._read_height(None))
        return size[::-1] if self.rotate else size

    def _read_height(self, shorter_side: int | None) -> int:
        height = max(1, self.info.height // self.resize_factor)
        if shorter_side is None or self.crop:
            return height
        return max(1, min(height, round(height * shorter_side / min(self.info.shrunk(height)))))

    def _edit(self, image: np.ndarray) -> np.ndarray:
        if self.rotate:
            image = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
        if self.crop:
            left, top, right, bottom = self.crop
            image = np.ascontiguousarray(image[top:bottom, left:right])
        return image

    def _edit_native(self, frame: NativeFrame) -> NativeFrame:
        if self.rotate:
            frame = frame.turned()
        return frame.cut(self.crop) if self.crop else frame

    def _crop_is_whole(self, columns: int, lines: int) -> bool:
        """Whether the crop begins with whole colour samples."""
        return self.crop is None or not (self.crop.left % columns or self.crop.top % lines)


def open_source(
    path: str | Path,
    *,
    still_fps: float = 25.0,
    start: float = 0.0,
    end: float | None = None,
    resize_factor: int = 1,
    rotate: bool = False,
    crop: tuple[int, int, int, int] = (0, -1, 0, -1),
    static: bool = False,
    vfr: str = VFR[0],
) -> FaceSource:
    """The pictures at `path`; MediaError or ValueError where they, or what is asked of them, fail.

    still_fps: the rate of what has none of its own, a still or a folder. crop: top, bottom, left,
    right, where -1 means the edge. vfr: one of VFR.
    """
    info = video.probe(path)
    if not info.has_picture:
        raise MediaError(f"{path} has no pictures, only sound; --face needs a video or an image")
    if resize_factor < 1:
        raise ValueError(f"resize_factor must be 1 or more, not {resize_factor}")
    if start < 0 or (end is not None and end <= start):
        raise ValueError(f"there is nothing between start {start} s and end {end} s")
    fps = info.fps or exact_fps(25.0 if info.kind == "video" else still_fps)
    times, clock = None, None
    if vfr == "keep" and info.kind == "video" and not static:
        found, clock = picture_times(info)
        times, fps = tuple(found), grid_rate(found, fps)
    start, end = _time_of_frame(start, fps), None if end is None else _time_of_frame(end, fps)
    static = static or info.kind == "image"
    source = FaceSource(info, fps, start, end, resize_factor, rotate, None, static, times, clock)
    if tuple(crop) == (0, -1, 0, -1):
        return source
    return replace(source, crop=_crop_box(crop, *source.size))


def _time_of_frame(seconds: float, fps: Fraction) -> float:
    """The time of the nearest frame: what is heard with the pictures must begin when they do."""
    return float(round(seconds * fps) / fps)


def _crop_box(crop: tuple[int, int, int, int], width: int, height: int) -> Box:
    top, bottom, left, right = crop
    box = Box(left, top, width if right == -1 else right, height if bottom == -1 else bottom)
    if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
        raise ValueError(
            f"crop {' '.join(map(str, crop))} (top bottom left right) does not lie inside the "
            f"picture of {width}x{height}"
        )
    return box
