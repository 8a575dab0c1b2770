"""What can be chosen about one video, apart from the networks, with the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from face_detection import DEFAULT_PADS, Box, Pads
from lipsync.source import LOOPS, VFR
from models.generator import BLENDS
from models.pretrained import EXPERT

NO_FACE = ("interpolate", "keep", "error")
LENGTHS = ("audio", "video", "shortest")
SILENCES = ("model", "keep")
LARGEST_NUMBER = 1e9  # of seconds, of milliseconds, of frames per second; infinity is none


@dataclass(frozen=True)
class Settings:
    """One video's choices; every field is explained by the flag of inference.py of its name."""

    # Picture.
    still_fps: float = 25.0  # of a still or a folder; a video has its own
    start: float = 0.0  # seconds
    end: float | None = None  # seconds
    resize_factor: int = 1
    rotate: bool = False
    crop: tuple[int, int, int, int] = (0, -1, 0, -1)  # top, bottom, left, right; -1 = the edge
    static: bool = False
    vfr: str = VFR[0]  # "keep": pictures are shown when they were, and not at a constant rate
    loop: str = "repeat"
    length: str = "audio"

    # Face.
    box: Box | None = None
    boxes: Path | None = None
    pads: Pads = DEFAULT_PADS
    smooth: bool = True
    face_select: str | tuple[str, ...] = "largest"  # several: one for each of several sounds
    speakers: str | None = None  # "auto", or a file of turns: read if it is there, else written
    sync_expert: Path = EXPERT  # that tells who speaks
    no_face: str = "interpolate"
    detect_every: int | None = None  # None = as measured best
    use_cache: bool = True

    # Mouth.
    blend: str = "feather"
    silence: str = "model"
    audio_offset_ms: float = 0.0  # above 0 the mouth moves later
    legacy_timing: bool = False
    lip_motion: Path | None = None
    driving_video: Path | None = None
    crop_only: bool = False  # the painted face by itself, as the method makes it
    options: Mapping[str, object] = field(default_factory=dict)  # of the generator, by name

    # Coding of the result.
    codec: str | None = None  # None = libx264, or what the container and deep colours ask for
    crf: int = 18  # by libx264's scale
    preset: str | None = None  # None = the codec's own default
    pix_fmt: str | None = None  # None = the source's own, or the encoder's nearest to it
    smart_copy: bool = False  # what stays as it is, between key frames, is not coded again
    tag: bool = True  # the container says that the lips are made

    def __post_init__(self) -> None:
        for name in ("still_fps", "start", "end", "audio_offset_ms"):
            value = getattr(self, name)
            if value is not None and not abs(value) <= LARGEST_NUMBER:
                raise ValueError(f"{name} must be a number up to {LARGEST_NUMBER:g}, not {value}")
        for name, choices in (
            ("loop", LOOPS),
            ("vfr", VFR),
            ("length", LENGTHS),
            ("no_face", NO_FACE),
            ("silence", SILENCES),
            ("blend", BLENDS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
