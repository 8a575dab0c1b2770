"""Encoders by name: which one is usual, how its quality is asked for, what it can hold."""

import re
import subprocess
from functools import lru_cache

import imageio_ffmpeg

from video.info import MediaError
from video.pixels import PixelFormat

CONTAINER_CODECS = {".webm": "libvpx-vp9"}  # where libx264 has no place
# The flag of each encoder that says the quality, by what its name begins or ends with, and what
# crf 0, 18 and 51 are in its own figures.
QUALITY = (
    (re.compile(r"libx26[45]|libx264rgb"), "crf", (0, 18, 51)),
    (re.compile(r"libvpx|libaom|libsvtav1"), "crf", (0, 22, 63)),
    (re.compile(r".*_nvenc"), "cq", (1, 19, 51)),
    (re.compile(r".*_(qsv|vaapi)"), "global_quality", (1, 19, 51)),
    (re.compile(r".*_videotoolbox"), "q:v", (100, 65, 1)),
)
# Without these a quality is only a wish beside the usual bit rate.
FREE_RATE = {"libvpx-vp9": {"b:v": 0}, "libvpx": {"b:v": "10M"}, "libaom-av1": {"b:v": 0}}
HARDWARE = {
    "nvenc": "an NVIDIA GPU and its driver",
    "qsv": "an Intel GPU and its driver",
    "vaapi": "a GPU at /dev/dri/renderD128 and its driver",
    "amf": "an AMD GPU and its driver",
    "videotoolbox": "a Mac",
}
VAAPI_DEVICE = "/dev/dri/renderD128"


def usual_codec(suffix: str, pixels: PixelFormat | None) -> str:
    """The encoder where none is named: what is played most widely and holds the frames.

    Players that show more than 8 bits a colour, as of HDR, look for them in HEVC.
    """
    deep = pixels is not None and pixels.bits > 8
    return CONTAINER_CODECS.get(suffix.lower(), "libx265" if deep else "libx264")


def quality_options(codec: str, crf: int, preset: str | None) -> dict:
    """ffmpeg's options for an encoder. crf: by libx264's scale."""
    options = {"c:v": codec}
    for pattern, name, figures in QUALITY:
        if pattern.fullmatch(codec) or (codec.startswith("lib") and pattern.match(codec)):
            options[name] = crf if figures[:2] == (0, 18) else _translated(crf, figures)
            break
    if codec.endswith("_nvenc"):
        options |= {"rc": "vbr", "b:v": 0}
    options |= FREE_RATE.get(codec, {})
    return options | ({"preset": preset} if preset else {})


def _translated(crf: int, figures: tuple[int, int, int]) -> int:
    """A crf of 0 to 51, with 18 in between, as another scale has it."""
    best, usual, worst = figures
    low, high, share = (best, usual, crf / 18) if crf <= 18 else (usual, worst, (crf - 18) / 33)
    return round(low + (high - low) * share)


@lru_cache(maxsize=16)
def formats_of(codec: str) -> tuple[str, ...]:
    """The pixel formats that an encoder takes, by its own word; none where it tells none.

    Raises MediaError where this ffmpeg has no such encoder.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-h", f"encoder={codec}"]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    words = told.stdout.decode(errors="replace") + told.stderr.decode(errors="replace")
    if "is not recognized" in words or "Unknown encoder" in words:
        raise MediaError(
            f"Unknown encoder {codec!r}: the ffmpeg in use has none of that name; `ffmpeg "
            "-encoders` lists them"
        )
    found = re.search(r"Supported pixel formats: (.*)", words)
    return tuple(found[1].split()) if found else ()


def keeps_alpha(codec: str, suffix: str) -> bool:
    """Whether transparency gets through an encoder and its container."""
    if suffix.lower() not in (".mov", ".mkv", ".webm"):
        return False
    return any(name.startswith("yuva") for name in formats_of(codec))


def hardware_needed(codec: str) -> str | None:
    """What an encoder runs on, if that is no CPU."""
    return HARDWARE.get(codec.rpartition("_")[2]) if "_" in codec else None


@lru_cache(maxsize=1)
def has_nvdec() -> bool:
    """Whether ffmpeg can decode on an NVIDIA GPU here: asked to, where it can't, it ends."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-init_hw_device", "cuda"]
    command += ["-f", "lavfi", "-i", "nullsrc", "-frames:v", "1", "-f", "null", "-"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0
