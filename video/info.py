"""What a media file holds, as a record, and as parsed from what `ffmpeg -i` prints about it."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from video.colour import MATRICES, SITINGS, ColourCoding

HIGHEST_FPS = 240  # above it, a container's figure is its clock and no frame rate


@lru_cache(maxsize=64, typed=True)  # training asks for the same one at every window
def exact_fps(fps: Fraction | float) -> Fraction:
    """The fraction that a rounded rate stands for: 23.976 is 24000/1001, 29.97 is 30000/1001."""
    if not fps > 0:
        raise ValueError(f"a frame rate must be over 0, not {fps}")
    given = Fraction(fps).limit_denominator(100_000)
    if isinstance(fps, Fraction):
        return given
    broadcast = Fraction(round(given) * 1000, 1001)
    simple = (given.limit_denominator(most) for most in range(1, 8))
    nearest = min((broadcast, *simple), key=lambda rate: abs(rate - given))
    return nearest if abs(nearest - given) <= Fraction(1, 200) else given


class MediaError(ValueError):
    """A media file cannot be read or written; the message says which, why and what helps."""


@dataclass(frozen=True)
class SoundTrack:
    """One sound track of a file."""

    codec: str
    sample_rate: int  # Hz
    stream: int = 0  # its number among all streams of the file


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds; sizes as shown: turned by its rotation, with square pixels."""

    path: Path
    kind: str  # "video", "image", "folder" (of frames) or "sound"
    width: int = 0
    height: int = 0
    fps: Fraction | None = None  # None where there is no rate of its own: image, folder, sound
    duration: float | None = None  # seconds
    sounds: tuple[SoundTrack, ...] = ()
    pix_fmt: str = ""
    rotation: float = 0.0  # degrees, counter-clockwise, already counted in width and height
    colour: str = ""  # as tagged: "bt709", or "matrix/primaries/transfer"; "" where untagged
    full_range: bool = False  # whether black is 0, and not 16 of 255
    siting: str = ""  # of colour samples among the pixels that share one; "" where untagged
    is_interlaced: bool = False
    decoder: str = ""  # ffmpeg's, where its usual one leaves something out
    on_gpu: bool = False  # to be decoded there, by NVDEC
    stream: int = 0  # number of the video stream in the file
    container: str = ""  # ffmpeg's name of it
    comment: str = ""  # the container's own

    @property
    def streams(self) -> tuple[int, ...]:
        """The numbers of the streams that can be decoded."""
        pictures = (self.stream,) if self.kind == "video" else ()
        return pictures + tuple(sound.stream for sound in self.sounds)

    @property
    def has_picture(self) -> bool:
        return self.kind != "sound"

    @property
    def has_alpha(self) -> bool:
        return self.pix_fmt.startswith(("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya"))

    @property
    def coding(self) -> ColourCoding | None:
        """What the samples mean; None where the matrix is none that we know."""
        matrix = MATRICES.get((self.colour or "unknown").split("/")[0])
        return matrix and ColourCoding(matrix, self.full_range, self.siting)

    @property
    def is_hdr(self) -> bool:
        """Whether its brightness is coded for HDR screens (PQ or HLG)."""
        return self.colour.endswith(("/smpte2084", "/arib-std-b67"))

    def shrunk(self, height: int | None) -> tuple[int, int]:
        """Width and height when shrunk to `height` lines; never enlarged."""
        if height is None or height >= self.height:
            return self.width, self.height
        return max(1, round(self.width * height / self.height)), height


def parse_media_info(path: Path, text: str) -> MediaInfo:
    """The record out of ffmpeg's words; MediaError when they describe nothing decodable."""
    opened = re.search(r"^Input #0, (\S+),", text, re.M)
    if not opened:
        raise MediaError(f"{path} cannot be read as video or sound: {_refusal(text)}")
    blocks = re.split(r"^  Stream #0:", text, flags=re.M)[1:]
    sounds = tuple(filter(None, map(_parse_sound, blocks)))
    picture = next(filter(None, map(_parse_picture, blocks)), None)
    if picture is None and not sounds:
        raise MediaError(f"{path} has neither pictures nor sound that can be decoded")
    facts = {"duration": _parse_duration(text), "sounds": sounds, "container": opened[1]}
    facts["comment"] = _parse_comment(text)
    if picture is None:
        return MediaInfo(path, "sound", **facts)
    return MediaInfo(path, "video", **facts, **picture)


def _parse_comment(text: str) -> str:
    """The file's own, not a stream's, which ffmpeg prints further to the right."""
    found = re.search(r"^    comment +: (.*)$", text, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def _refusal(text: str) -> str:
    if "Format not on whitelist" in text:
        return "it is a playlist, or a rare format; give the file with the pictures or the sound"
    return (telling_lines(text) or ["ffmpeg gives no reason"])[-1]


def telling_lines(text: str) -> list[str]:
    """ffmpeg's words without the names of its parts and without mere consequences."""
    lines = [re.sub(r"^(\[[^\]]*\] ?)+", "", line).strip() for line in text.splitlines()]
    empty = re.compile(r"$|Error (opening|selecting)|At least one|Conversion failed|Task finished")
    return [line for line in lines if not empty.match(line)]


def _parse_duration(text: str) -> float | None:
    found = re.search(r"^  Duration: (\d+):(\d+):([\d.]+)", text, re.M)
    if not found:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _parse_sound(block: str) -> SoundTrack | None:
    found = re.match(r"(\d+)\S*: Audio: (\w+).*?, (\d+) Hz", block)
    if not found or found[2] == "none":
        return None
    return SoundTrack(found[2], int(found[3]), int(found[1]))


def _parse_picture(block: str) -> dict | None:
    """The fields of MediaInfo that a video stream fills; None for sound, covers, empty tracks."""
    line = block.splitlines()[0]
    found = re.match(
        r"(?P<stream>\d+)\S*: Video: .*?, (?P<pix_fmt>\w+)(?:\((?P<colour>.*?)\))?, "
        r"(?P<width>\d+)x(?P<height>\d+)\b",
        line,
    )
    if not found or found["pix_fmt"] == "none" or "(attached pic)" in line:
        return None
    width, height, rotation = _parse_shown_size(block, int(found["width"]), int(found["height"]))
    coding = _parse_coding(found["pix_fmt"], found["colour"] or "")
    if transparent := _parse_transparent(block):
        found = {**found.groupdict(), "pix_fmt": "yuva420p"}
    return {
        "decoder": transparent,
        "width": width,
        "height": height,
        "rotation": rotation,
        "fps": _parse_fps(line),
        "pix_fmt": found["pix_fmt"],
        **coding,
        "stream": int(found["stream"]),
    }


def _parse_shown_size(block: str, width: int, height: int) -> tuple[int, int, float]:
    """Width and height with square pixels and turned upright, and the rotation in degrees."""
    aspect = re.search(r"\bSAR (\d+):(\d+)", block.splitlines()[0])
    if aspect and int(aspect[1]) and int(aspect[2]):
        width = max(1, round(width * int(aspect[1]) / int(aspect[2])))
    turned = re.search(r"rotation of (-?[\d.]+) degrees", block)
    rotation = float(turned[1]) if turned else 0.0
    sideways = abs(abs(rotation) % 180 - 90) < 1  # else ffmpeg turns the picture in its own frame
    return (height, width, rotation) if sideways else (width, height, rotation)


def _parse_fps(line: str) -> Fraction | None:
    """The stream's nominal rate, undoing the two decimals that it is printed with."""
    figures = {name: value for value, name in re.findall(r"([\d.]+k?) (fps|tbr)\b", line)}
    mean, nominal = (_exact_rate(figures.get(name)) for name in ("fps", "tbr"))
    if mean and nominal and abs(nominal / mean - 1) < 0.05:
        return nominal  # a few late frames make the mean of a short clip differ
    return mean or nominal


def _exact_rate(text: str | None) -> Fraction | None:
    if text is None or text.endswith("k") or not 0 < float(text) <= HIGHEST_FPS:
        return None
    return exact_fps(float(text))


def _parse_transparent(block: str) -> str:
    """The decoder of a WebM's transparency, which ffmpeg's own decoders leave out; or nothing."""
    codec = re.search(r"Video: (vp[89])\b", block)
    tagged = re.search(r"^ +alpha_mode +: 1$", block, re.MULTILINE | re.IGNORECASE)
    return {"vp8": "libvpx", "vp9": "libvpx-vp9"}[codec[1]] if codec and tagged else ""


def _parse_coding(pix_fmt: str, tags: str) -> dict:
    """What "tv, bt709, progressive, left" says: the words are told apart by what they are."""
    words = [word.removesuffix(")").split(" (")[0] for word in tags.split(", ")]
    fields = ("top first", "bottom first", "top coded first", "bottom coded first")
    other = ("tv", "pc", "progressive", "top", "bottom", "topleft", "bottomleft", *SITINGS,
             *fields, "")  # fmt: skip
    return {
        "colour": next((word for word in words if word not in other), ""),
        "full_range": "pc" in words or pix_fmt.startswith("yuvj"),
        "siting": next((word for word in words if word and word in SITINGS), ""),
        "is_interlaced": any(word in fields for word in words),
    }
