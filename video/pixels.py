"""Pixel formats as planes: how brightness, colour and transparency of a frame lie in memory."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Lines and columns that share one colour sample, by the digits of a format's name.
GRAINS = {
    "444": (1, 1), "440": (2, 1), "422": (1, 2), "420": (2, 2), "411": (1, 4), "410": (4, 4),
}  # fmt: skip
# The same samples in another order, and the planar format that holds them without loss.
REORDERED = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "nv42": "yuv444p",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p", "uyyvyy411": "yuv411p",
    "nv20le": "yuv422p10le", "y210le": "yuv422p10le", "y212le": "yuv422p12le",
    "p010le": "yuv420p10le", "p012le": "yuv420p12le", "p016le": "yuv420p16le",
    "p210le": "yuv422p10le", "p212le": "yuv422p12le", "p216le": "yuv422p16le",
    "p410le": "yuv444p10le", "p412le": "yuv444p12le", "p416le": "yuv444p16le",
}  # fmt: skip
PLANAR = re.compile(r"yuv([aj]?)(\d{3})p(\d*)(?:le)?$")


@dataclass(frozen=True)
class PixelFormat:
    """A planar format: brightness, twice colour and perhaps transparency, one plane after another.

    grain: lines and columns of the frame that share one colour sample.
    """

    name: str  # ffmpeg's
    bits: int
    grain: tuple[int, int]
    has_alpha: bool = False

    @property
    def dtype(self) -> np.dtype:
        return np.dtype("<u2" if self.bits > 8 else "u1")

    def plane_shapes(self, width: int, height: int) -> list[tuple[int, int]]:
        """Lines and columns of each plane; a frame's last line or column may stand alone."""
        lines, columns = self.grain
        whole, colour = (height, width), (-(-height // lines), -(-width // columns))
        return [whole, colour, colour] + [whole] * self.has_alpha

    def with_whole_colour(self) -> "PixelFormat":
        """The same with a colour sample for every pixel."""
        return planar_format(re.sub(r"\d{3}p", "444p", self.name, count=1))

    @cached_property
    def peak(self) -> int:
        """The largest value of a sample."""
        return (1 << self.bits) - 1


def planar_format(pix_fmt: str) -> PixelFormat | None:
    """The planar format that holds frames of `pix_fmt` as they are; None for RGB, grey, palettes.

    Frames of sixteen bits with the higher byte first are asked for with the lower one first.
    """
    name = pix_fmt[:-2] + "le" if re.search(r"\d+be$", pix_fmt) else pix_fmt
    name = REORDERED.get(name, name)
    found = PLANAR.match(name)
    if not found or found[2] not in GRAINS:
        return None
    return PixelFormat(name, int(found[3] or 8), GRAINS[found[2]], found[1] == "a")
