"""What a user may choose about one video, as the page and the API take it, checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from face_detection import Box, Pads
from lipsync import Settings
from lipsync.settings import LENGTHS, NO_FACE, SILENCES
from lipsync.source import LOOPS


@dataclass(frozen=True)
class Order:
    """One video to be made."""

    face: Path
    voice: Path
    settings: Settings = field(default_factory=Settings)
    sheet: bool = True
    score: bool = True

    @property
    def files(self) -> tuple[Path | None, ...]:
        return (self.face, self.voice, self.settings.lip_motion, self.settings.driving_video)


class Kind(NamedTuple):
    """How a choice is read, and what is said of one that cannot be."""

    read: Callable[[object], object]  # raises ValueError, TypeError or OverflowError
    rule: str


def _refuse_unless(right: bool) -> None:
    if not right:
        raise ValueError


def _number(low: float, high: float) -> Kind:
    def read(value: object) -> float:
        _refuse_unless(not isinstance(value, bool) and low <= float(value) <= high)
        return float(value)

    return Kind(read, f"must be a number from {low:g} to {high:g}")


def _whole(low: int, high: int) -> Kind:
    def read(value: object) -> int:
        _refuse_unless(not isinstance(value, bool) and int(value) == float(value))
        _refuse_unless(low <= int(value) <= high)
        return int(value)

    return Kind(read, f"must be a whole number from {low} to {high}")


def _one_of(*choices: str) -> Kind:
    def read(value: object) -> str:
        _refuse_unless(isinstance(value, str) and value in choices)
        return value

    return Kind(read, f"must be one of {', '.join(choices)}")


def _four(make: Callable) -> Kind:
    edge = _whole(-100_000, 100_000)

    def read(value: object) -> object:
        values = value.replace(",", " ").split() if isinstance(value, str) else list(value)
        _refuse_unless(len(values) == 4)
        return make(*map(edge.read, values))

    return Kind(read, "must be four whole numbers: top, bottom, left, right")


def _read_switch(value: object) -> bool:
    words = {"true": True, "false": False}
    return value if isinstance(value, bool) else words[value]


def _read_text(value: object) -> str:
    _refuse_unless(isinstance(value, str) and 0 < len(value) <= 100)
    return value


SWITCH = Kind(_read_switch, "must be true or false")
# Names are those of inference.py's flags.
OF_SETTINGS = {
    "face_select": Kind(_read_text, "must be a short text"),
    "speakers": _one_of("auto"),
    "no_face": _one_of(*NO_FACE),
    "silence": _one_of(*SILENCES),
    "length": _one_of(*LENGTHS),
    "loop": _one_of(*LOOPS),
    "audio_offset_ms": _number(-5000, 5000),
    "start": _number(0, 1e6),
    "end": _number(0, 1e6),
    "pads": _four(Pads),
    "box": _four(Box.from_cli),
    "crop": _four(lambda *edges: edges),
    "rotate": SWITCH,
    "static": SWITCH,
    "resize_factor": _whole(1, 16),
    "crf": _whole(0, 51),
}
OF_METHOD = {"strength": _number(0, 1.5), "keep_expression": _number(0, 1)}
OF_ORDER = {"sheet": SWITCH, "score": SWITCH}
SHOWN = {"codec": "libx264", "pix_fmt": "yuv420p"}  # what every browser plays
ALONE = Settings.face_select  # the face that is taken where none is chosen
KNOWN = OF_SETTINGS | OF_METHOD | OF_ORDER


def make_order(
    face: Path,
    voice: Path,
    chosen: Mapping[str, object],
    lip_motion: Path | None = None,
    driving_video: Path | None = None,
) -> Order:
    """The order as chosen; None stands for the default. Raises ValueError that names the choice."""
    values = {name: _read(name, value) for name, value in chosen.items() if value is not None}
    if "speakers" in values and ("box" in values or values.get("face_select", ALONE) != ALONE):
        raise ValueError("whoever speaks is found by itself: choose no face as well")
    options, of_settings, of_order = (
        {name: values[name] for name in group if name in values}
        for group in (OF_METHOD, OF_SETTINGS, OF_ORDER)
    )
    settings = Settings(
        options=options,
        lip_motion=lip_motion,
        driving_video=driving_video,
        **SHOWN,
        **of_settings,
    )
    return Order(face, voice, settings, **of_order)


def _read(name: str, value: object) -> object:
    if name not in KNOWN:
        raise ValueError(f"unknown choice {name!r}; there are {', '.join(KNOWN)}")
    try:
        return KNOWN[name].read(value)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise ValueError(f"{name} {KNOWN[name].rule}, not {value!r}") from error
