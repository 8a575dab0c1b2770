"""A frame to be painted on: in BGR where a method looks, and in its own samples everywhere else."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from lipsync.paste import paste
from lipsync.source import Frame
from models.generator import Edges, Patch
from video import NativeFrame


class Canvas:
    """The parts of one frame that methods work on.

    `picture` is BGR as large as the frame; of a native frame only the regions in it are filled.
    It is uint8, or float32 where the samples are deeper.
    """

    def __init__(self, frame: Frame, regions: Sequence[Edges]) -> None:
        """regions: what the methods may look at and change."""
        self.frame = frame
        self._given: list[tuple[Edges, np.ndarray]] = []
        self._painted: list[Edges] = []
        if not isinstance(frame, NativeFrame):
            self.picture = frame
            return
        for region in apart([frame.aligned(region) for region in regions]):
            self._given.append((region, frame.bgr(region)))
        layout = frame.layout
        dtype = self._given[0][1].dtype if self._given else np.uint8
        # Memory that nobody touches is never made: an empty picture costs what its regions do.
        self.picture = np.empty((layout.height, layout.width, 3), dtype)
        for (left, top, right, bottom), pixels in self._given:
            self.picture[top:bottom, left:right] = pixels

    @cached_property
    def levels(self) -> np.ndarray:
        """The picture in whole levels, as networks take it: uint8."""
        if self.picture.dtype == np.uint8:
            return self.picture
        levels = np.empty(self.picture.shape, np.uint8)
        for (left, top, right, bottom), pixels in self._given:
            levels[top:bottom, left:right] = np.rint(pixels)
        return levels

    def paint(self, patch: Patch) -> None:
        """Put new pixels into a region."""
        paste(self.picture, patch)
        height, width = patch.pixels.shape[:2]
        self._painted.append((patch.left, patch.top, patch.left + width, patch.top + height))

    def finish(self) -> Frame:
        """The frame with all that was painted; where that was nothing, its very samples."""
        if isinstance(self.frame, NativeFrame):
            for part in apart([self.frame.aligned(edges) for edges in self._painted]):
                self._give_back(part)
        self._given.clear()
        return self.frame

    def _give_back(self, part: Edges) -> None:
        left, top, right, bottom = part
        for (first, above, last, below), given in self._given:
            if first <= left and above <= top and right <= last and bottom <= below:
                before = given[top - above : bottom - above, left - first : right - first]
                self.frame.change(part, before, self.picture[top:bottom, left:right])


def apart(regions: Sequence[Edges]) -> list[Edges]:
    """The regions, those that overlap as one about both."""
    found: list[Edges] = []
    for region in regions:
        while near := [other for other in found if _overlap(region, other)]:
            found = [other for other in found if other not in near]
            lefts, tops, rights, bottoms = zip(region, *near, strict=True)
            region = min(lefts), min(tops), max(rights), max(bottoms)
        found.append(region)
    return found


def _overlap(one: Edges, other: Edges) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
