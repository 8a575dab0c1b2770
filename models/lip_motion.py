"""Lip motion: what a mouth does, as fifteen numbers a frame at 25 frames a second, in one place.

Sound is heard as it, a frame is seen as it, and the lip warp turns it into pictures. The numbers
are weights of the head model's blendshapes (ICT-FaceKit, which has ARKit's names), left and right
as one: 0 is the shape at rest, 1 the whole shape. Speech rarely goes over 0.6.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FPS = 25
FORMAT = "talkface lip motion 1"

# Name -> its lowest and highest value.
RANGES: dict[str, tuple[float, float]] = {
    "jawOpen": (0.0, 1.0),  # the jaw is down; the lips part with it unless mouthClose holds them
    "mouthClose": (0.0, 1.0),  # the lips meet over an open jaw: 0.84 of jawOpen shuts them
    "mouthFunnel": (0.0, 1.0),  # o, sh: lips round and forward, open
    "mouthPucker": (0.0, 1.0),  # u, w: lips drawn together and forward
    "mouthLowerDown": (0.0, 1.0),  # the lower lip shows the lower teeth
    "mouthUpperUp": (0.0, 1.0),  # the upper lip shows the upper teeth
    "mouthPress": (0.0, 1.0),  # p, b, m: lips pressed on each other
    "mouthRollLower": (0.0, 1.0),  # f, v: the lower lip goes in under the upper teeth
    "mouthRollUpper": (0.0, 1.0),
    "mouthShrugLower": (0.0, 1.0),  # the chin pushes the lower lip up
    "mouthSmile": (-0.2, 1.0),
    "mouthFrown": (0.0, 1.0),
    "mouthStretch": (0.0, 1.0),  # i, s: the corners go apart
    "mouthDimple": (0.0, 1.0),
    "tongueUp": (0.0, 1.0),  # l, t, th: the tongue's tip at the upper teeth; no shape of ARKit's
}
NAMES = tuple(RANGES)
INDEX = {name: index for index, name in enumerate(NAMES)}
LOWEST, HIGHEST = (np.array(ends, np.float32) for ends in zip(*RANGES.values(), strict=True))
# What tells of a person's mood and not of the sound: a speaker keeps their own.
EXPRESSION = ("mouthSmile", "mouthFrown", "mouthDimple")
# Shapes that ARKit has twice, Left and Right; the head model ends the same in _L and _R.
TWO_SIDED = frozenset(
    "mouthLowerDown mouthUpperUp mouthPress mouthSmile mouthFrown mouthStretch mouthDimple".split()
)
CLOSE_PER_JAW = 0.84  # mouthClose of this share of jawOpen brings the lips together
SHUT_OPENING = 0.02  # an opening under this is called shut: 0.7 mm of the jaw's 33
TUCKED_ROLL = 0.4  # mouthRollLower from here on is called lip to teeth: of a whole f it is 0.55


class LipMotionError(ValueError):
    """A file is no lip motion; the message says what is wrong with it."""


@dataclass(frozen=True, eq=False)
class LipMotion:
    """What a mouth does over a clip; frame i is at (i + 0.5) / FPS. values: (frames, 15) float32"""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> np.ndarray:
        """One number over time. (frames,)"""
        return self.values[:, INDEX[name]]

    @property
    def opening(self) -> np.ndarray:
        """How far the lips are apart in the middle, in jawOpen's unit: 0 is shut. (frames,)"""
        return opening(self.values)

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """The numbers at these times, between two frames by a straight line. (len(seconds), 15)"""
        where = np.clip(np.asarray(seconds, float) * FPS - 0.5, 0, max(len(self) - 1, 0))
        frames = np.arange(len(self))
        return np.stack([np.interp(where, frames, column) for column in self.values.T], axis=1)


def opening(values: np.ndarray) -> np.ndarray:
    """How far the lips are apart in the middle, in jawOpen's unit. values: (..., 15) -> (...)"""
    jaw, close = values[..., INDEX["jawOpen"]], values[..., INDEX["mouthClose"]]
    apart = values[..., INDEX["mouthLowerDown"]] + values[..., INDEX["mouthUpperUp"]]
    return np.maximum(jaw - close / CLOSE_PER_JAW, 0) + 0.3 * apart


def from_blendshapes(weights: Mapping[str, np.ndarray], tongue: np.ndarray) -> np.ndarray:
    """Of weights by the head model's names ("jawOpen", "mouthSmile_L"). (frames, 15) float32"""
    columns = []
    for name in NAMES[:-1]:
        sides = [weights[key] for key in (name, f"{name}_L", f"{name}_R") if key in weights]
        columns.append(np.mean(sides, axis=0) if sides else np.zeros(len(tongue)))
    return np.stack([*columns, tongue], axis=1).astype(np.float32)


def to_blendshapes(values: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The head model's weights by name, both sides alike, and the tongue. values: (frames, 15)"""
    weights = {}
    for name, column in zip(NAMES[:-1], values.T[:-1], strict=True):
        sides = (f"{name}_L", f"{name}_R") if name in TWO_SIDED else (name,)
        weights |= {side: column.astype(np.float32) for side in sides}
    return weights, values[:, -1].astype(np.float32)


def write_lip_motion(path: Path, motion: LipMotion) -> None:
    """As .json or .csv, by the path's suffix, with ARKit's names (and tongueUp)."""
    from atomic import write_whole

    columns = _arkit_columns(motion.values)
    if path.suffix.lower() == ".csv":
        write_whole(path, _to_csv(columns))
    elif path.suffix.lower() == ".json":
        rows = np.round(np.stack(list(columns.values()), axis=1), 4).tolist()
        lines = ",\n".join(json.dumps(row) for row in rows)
        head = json.dumps({"format": FORMAT, "fps": FPS, "names": list(columns)}, indent=1)
        write_whole(path, f'{head[:-2]},\n "frames": [\n{lines}\n]}}\n')
    else:
        raise LipMotionError(f"{path}: lip motion is written as .json or .csv")


def read_lip_motion(path: Path) -> LipMotion:
    """From a .json or .csv as write_lip_motion makes it; a shape that is left out is at rest.

    Values out of range are brought into it. Raises LipMotionError or OSError.
    """
    text = path.read_text(encoding="utf-8-sig")
    try:
        columns = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise LipMotionError(f"{path} is no lip motion: {error}") from error
    known = {side for name in NAMES for side in _arkit_names(name)}
    if not columns or not known & set(columns):
        raise LipMotionError(f"{path} is no lip motion: it names no mouth shape such as jawOpen")
    frames = len(next(iter(columns.values())))
    values = np.zeros((frames, len(NAMES)), np.float32)
    for index, name in enumerate(NAMES):
        sides = [columns[side] for side in _arkit_names(name) if side in columns]
        if sides:
            values[:, index] = np.mean(sides, axis=0)
    if not np.isfinite(values).all():
        raise LipMotionError(f"{path}: a value is not a finite number")
    return LipMotion(np.clip(values, LOWEST, HIGHEST))


def _arkit_names(name: str) -> tuple[str, ...]:
    return (f"{name}Left", f"{name}Right") if name in TWO_SIDED else (name,)


def _arkit_columns(values: np.ndarray) -> dict[str, np.ndarray]:
    return {
        side: values[:, index] for index, name in enumerate(NAMES) for side in _arkit_names(name)
    }


def _to_csv(columns: dict[str, np.ndarray]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["frame", *columns])
    for frame, row in enumerate(np.stack(list(columns.values()), axis=1)):
        writer.writerow([frame, *(f"{value:.4f}" for value in row)])
    return text.getvalue()


def _from_csv(text: str) -> dict[str, np.ndarray]:
    rows = list(csv.reader(io.StringIO(text)))
    names, values = rows[0], np.array(rows[1:], np.float32)
    return _by_name(names, values)


def _from_json(text: str) -> dict[str, np.ndarray]:
    content = json.loads(text)
    if content.get("format") != FORMAT:
        raise ValueError(f'"format" is {content.get("format")!r}, not {FORMAT!r}')
    if content.get("fps", FPS) != FPS:
        raise ValueError(f'"fps" is {content["fps"]!r}; only {FPS} frames a second are read')
    return _by_name(content["names"], np.array(content["frames"], np.float32))


def _by_name(names: list[str], values: np.ndarray) -> dict[str, np.ndarray]:
    if values.ndim != 2 or values.shape[1] != len(names) or not len(values):
        raise ValueError(f"there are {len(names)} names, and rows of shape {values.shape}")
    return dict(zip(names, values.T, strict=True))
