"""A frame as it was decoded: its planes, of which regions are shown as BGR and changed.

What is not changed keeps its very samples. What is changed takes the *difference* of two BGR
pictures, turned by the stream's own matrix: a sample is rounded once, where it gets its new value.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from video.colour import (
    ColourCoding,
    from_bgr_matrix,
    gather_colour,
    spread_colour,
    to_bgr_matrix,
)
from video.info import MediaInfo
from video.pixels import PixelFormat, planar_format

COLOURS = (1, 2)  # which planes hold colour
Region = tuple[int, int, int, int]  # left, top, right, bottom, half-open, pixels


@dataclass(frozen=True)
class FrameLayout:
    """How all frames of a stream lie in memory, and what their samples mean."""

    pixels: PixelFormat
    width: int
    height: int
    coding: ColourCoding = ColourCoding()

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        return self.pixels.plane_shapes(self.width, self.height)

    @cached_property
    def bytes_a_frame(self) -> int:
        return sum(rows * columns for rows, columns in self.shapes) * self.pixels.dtype.itemsize

    @property
    def turned(self) -> "FrameLayout":
        """Of frames turned by a quarter."""
        return FrameLayout(self.pixels, self.height, self.width, self.coding)


def native_layout(info: MediaInfo) -> FrameLayout | None:
    """How a video's frames are decoded; None where they are no brightness and colour in planes."""
    pixels, coding = planar_format(info.pix_fmt), info.coding
    if info.kind != "video" or pixels is None or coding is None:
        return None
    return FrameLayout(pixels, info.width, info.height, coding)


class NativeFrame:
    """The planes of one frame: brightness, twice colour and perhaps transparency."""

    def __init__(self, layout: FrameLayout, samples: np.ndarray | None = None) -> None:
        """samples: all planes, one after another, (bytes_a_frame,) uint8; None: not yet filled."""
        self.layout = layout
        self.samples = np.empty(layout.bytes_a_frame, np.uint8) if samples is None else samples

    @cached_property
    def planes(self) -> list[np.ndarray]:
        """Views of the samples, to be written to."""
        flat, views, at = self.samples.view(self.layout.pixels.dtype), [], 0
        for rows, columns in self.layout.shapes:
            views.append(flat[at : at + rows * columns].reshape(rows, columns))
            at += rows * columns
        return views

    def copy(self) -> "NativeFrame":
        return NativeFrame(self.layout, self.samples.copy())

    def padded(self, below: int, right: int) -> "NativeFrame":
        """With lines below and columns to the right, which repeat the last."""
        pixels, coding = self.layout.pixels, self.layout.coding
        larger = NativeFrame(
            FrameLayout(pixels, self.layout.width + right, self.layout.height + below, coding)
        )
        for plane, target in zip(self.planes, larger.planes, strict=True):
            lacks = (full - part for full, part in zip(target.shape, plane.shape, strict=True))
            below, right = lacks
            cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE, dst=target)
        return larger

    def turned(self) -> "NativeFrame":
        """A quarter turn clockwise; the grain must be as high as it is wide."""
        turned = NativeFrame(self.layout.turned)
        for plane, target in zip(self.planes, turned.planes, strict=True):
            cv2.rotate(plane, cv2.ROTATE_90_CLOCKWISE, dst=target)
        return turned

    def cut(self, region: Region) -> "NativeFrame":
        """A part by itself, that begins with whole colour samples."""
        left, top, right, bottom = region
        layout = FrameLayout(self.layout.pixels, right - left, bottom - top, self.layout.coding)
        part = NativeFrame(layout)
        for target, plane in zip(part.planes, self._views(region), strict=True):
            target[:] = plane
        return part

    def aligned(self, region: Region) -> Region:
        """The region widened to whole colour samples, inside the frame."""
        left, top, right, bottom = region
        lines, columns = self.layout.pixels.grain
        left, top = left // columns * columns, top // lines * lines
        right, bottom = -(-right // columns) * columns, -(-bottom // lines) * lines
        return left, top, min(right, self.layout.width), min(bottom, self.layout.height)

    def bgr(self, region: Region | None = None) -> np.ndarray:
        """The pixels of a region, or all: (h, w, 3) uint8, of deeper samples float32 levels."""
        left, top, right, bottom = region or (0, 0, self.layout.width, self.layout.height)
        pixels, coding = self.layout.pixels, self.layout.coding
        luma, *colours = self.planes[:3]
        size = (right - left, bottom - top)
        spread = [
            spread_colour(plane, (left, top), size, pixels.grain, coding.siting)
            for plane in colours
        ]
        stored = cv2.merge([luma[top:bottom, left:right], *spread])
        matrix = to_bgr_matrix(coding, pixels.bits)
        if pixels.bits == 8:
            return cv2.transform(stored, matrix)
        return cv2.transform(stored.astype(np.float32), matrix).clip(0, 255)

    def change(self, region: Region, given: np.ndarray, new: np.ndarray) -> None:
        """Add what differs between two BGR pictures of an aligned region."""
        change = cv2.subtract(new, given, dtype=cv2.CV_32F)
        change = cv2.transform(change, from_bgr_matrix(self.layout.coding, self.layout.pixels.bits))
        luma, *colours = self._views(region)[:3]
        self._add(luma, change[..., 0])
        changes = self._gathered(change[..., 1:])
        for number, plane in enumerate(colours):
            self._add(plane, changes[..., number])

    def _gathered(self, changes: np.ndarray) -> np.ndarray:
        """What the colour samples change by; a lone last line or column counts as two."""
        pixels = self.layout.pixels
        below, right = (-size % grain for size, grain in
                        zip(changes.shape[:2], pixels.grain, strict=True))  # fmt: skip
        if below or right:
            changes = cv2.copyMakeBorder(changes, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return gather_colour(changes, pixels.grain, self.layout.coding.siting)

    def _add(self, plane: np.ndarray, change: np.ndarray) -> None:
        """Round once, within what the samples can hold."""
        depth = cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_16U
        changed = cv2.add(plane, np.ascontiguousarray(change), dtype=depth)
        if 8 < self.layout.pixels.bits < 16:
            np.minimum(changed, self.layout.pixels.peak, out=changed)
        plane[:] = changed

    def _views(self, region: Region) -> list[np.ndarray]:
        """The region's part of each plane."""
        left, top, right, bottom = region
        views = []
        for number, plane in enumerate(self.planes):
            lines, columns = self.layout.pixels.grain if number in COLOURS else (1, 1)
            views.append(
                plane[top // lines : -(-bottom // lines), left // columns : -(-right // columns)]
            )
        return views
