"""What an HDR10 film says of the screen it was graded on: read from it, said to our encoders."""

import re
import subprocess
from dataclasses import dataclass

import ffmpeg
import imageio_ffmpeg

from video.info import MediaInfo
from video.process import open_input

# Encoders that can be told, their option for further parameters, and what they call these two.
TOLD = {
    "libx265": ("x265-params", "master-display", "max-cll"),
    "libx264": ("x264-params", "mastering-display", "cll"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
}
CHROMATICITY, LUMINANCE = 50000, 10000  # steps of 1, and of 1 cd/m2, as HEVC and H.264 count them
NUMBER = r"([\d.]+)"


@dataclass(frozen=True)
class Mastering:
    """Of the screen: where its colours lie (CIE xy) and how dark and bright it gets (cd/m2)."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]
    luminance: tuple[float, float]  # least, most
    light: tuple[int, int] | None = None  # of the film: brightest pixel, brightest frame's mean

    def parameters(self, codec: str) -> list[str]:
        """For an encoder's option of TOLD; none for an encoder that cannot be told."""
        if codec not in TOLD:
            return []
        _, display, light = TOLD[codec]
        steps = (1, 1) if codec == "libsvtav1" else (CHROMATICITY, LUMINANCE)
        points = zip("GBR", (self.green, self.blue, self.red), strict=True)
        words = [f"{name}({_pair(place, steps[0])})" for name, place in points]
        words.append(f"WP({_pair(self.white, steps[0])})")
        words.append(f"L({_pair(self.luminance[::-1], steps[1])})")
        found = [f"{display}={''.join(words)}"]
        return found + ([f"{light}={self.light[0]},{self.light[1]}"] if self.light else [])


def read_mastering(info: MediaInfo) -> Mastering | None:
    """What the first picture of an HDR film says, None where it says nothing."""
    if not info.is_hdr:
        return None
    stream = ffmpeg.output(
        open_input(info.path)[str(info.stream)].filter("showinfo"),
        "pipe:", format="null", **{"frames:v": 1},
    )  # fmt: skip
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *stream.get_args()]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return parse_mastering(told.stderr.decode(errors="replace"))


def parse_mastering(text: str) -> Mastering | None:
    """Out of the words of ffmpeg's showinfo."""
    line = re.search(r"Mastering display metadata: has_primaries:1 has_luminance:1 (.*)", text)
    if not line:
        return None
    # Between two numbers stands a comma, a blank, or both.
    points = re.findall(rf"\b(r|g|b|wp)\({NUMBER}[, ]+{NUMBER}\)", line[1])
    places = {name: (float(x), float(y)) for name, x, y in points}
    least, most = (
        float(re.search(rf"{name}_luminance={NUMBER}", line[1])[1]) for name in ("min", "max")
    )
    light = re.search(r"Content light level metadata: MaxCLL=(\d+), MaxFALL=(\d+)", text)
    return Mastering(
        places["r"], places["g"], places["b"], places["wp"], (least, most),
        light and (int(light[1]), int(light[2])),
    )  # fmt: skip


def _pair(values: tuple[float, float], steps: int) -> str:
    return ",".join(f"{value * steps:.0f}" if steps > 1 else f"{value:g}" for value in values)
