"""Tracks as JSON that a person can read, edit and hand back; whatever else is in it is refused."""

import json
from pathlib import Path

import numpy as np

from face_detection.tracks import Track, Tracks

FORMAT = "talkface tracks 1"
COLUMNS = ["frame", "left", "top", "right", "bottom", "score"]
LARGEST = 1e7  # frames (four days at 25 a second), pixels, frames per second: more is a mistake


def to_json(tracks: Tracks) -> str:
    """The tracks as text."""
    head = {
        "format": FORMAT,
        **({"made_for": tracks.made_for} if tracks.made_for else {}),
        "frame_count": tracks.frame_count,
        "width": tracks.width,
        "height": tracks.height,
        "fps": tracks.fps,
        "cuts": list(tracks.cuts),
        "columns": COLUMNS,
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    texts = ",\n".join(_track_text(number, track) for number, track in tracks.numbered.items())
    return "\n".join(["{", *lines, ' "tracks": [', texts, " ]", "}", ""])


def _track_text(number: int, track: Track) -> str:
    rows = [
        f"   [{frame}, {', '.join(f'{edge:.2f}' for edge in box)}, {score:.3f}]"
        for frame, box, score in zip(track.frames, track.boxes, track.scores, strict=True)
    ]
    gaps = json.dumps([list(gap) for gap in track.gaps])
    return f'  {{"track": {number}, "gaps": {gaps}, "boxes": [\n' + ",\n".join(rows) + "\n  ]}"


def read_tracks(path: Path | str) -> Tracks:
    """What to_json wrote, edited or not. Raises ValueError that names the file and the fault."""
    try:
        return _parse(json.loads(Path(path).read_text(encoding="utf-8")))
    except KeyError as error:
        raise ValueError(f"{path}: no face tracks: {error} is missing") from error
    except RecursionError as error:
        raise ValueError(f"{path}: no face tracks: lists in lists without end") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path}: no face tracks: {error}") from error


def _parse(values: dict) -> Tracks:
    if values.get("format") != FORMAT:
        raise ValueError(f"its format is {values.get('format')!r}, not {FORMAT!r}")
    made_for = values.get("made_for", {})
    if not isinstance(made_for, dict):
        raise ValueError("made_for must be an object, or not be there")
    count = int(_number("frame_count", values["frame_count"]))
    tracks = [_read_track(at, entry, count) for at, entry in enumerate(values["tracks"])]
    if len({track.number for track in tracks}) < len(tracks):
        raise ValueError("two tracks have one number")
    return Tracks(
        frame_count=count,
        width=int(_number("width", values["width"])),
        height=int(_number("height", values["height"])),
        fps=float(_number("fps", values["fps"])),
        cuts=tuple(int(_number("cuts", cut)) for cut in values["cuts"]),
        tracks=tracks,
        made_for=made_for,
    )


def _read_track(at: int, entry: dict, count: int) -> Track:
    number = int(_number("track", entry.get("track", at)))
    rows = np.array(entry["boxes"], float)
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS) or not (np.abs(rows) <= LARGEST).all():
        raise ValueError(f"track {number}: each of its boxes must have the numbers {COLUMNS}")
    if (np.diff(rows[:, 0]) <= 0).any() or rows[0, 0] < 0:
        raise ValueError(f"track {number}: its frame numbers must rise from 0")
    if rows[-1, 0] >= count:
        raise ValueError(f"track {number}: a frame number of {count} (frame_count) or more")
    if (rows[:, 1] >= rows[:, 3]).any() or (rows[:, 2] >= rows[:, 4]).any():
        raise ValueError(f"track {number}: a box has its left over its right, or top over bottom")
    gaps = tuple((int(begin), int(end)) for begin, end in entry.get("gaps", []))
    if any(not 0 <= begin <= end <= count for begin, end in gaps):
        raise ValueError(f"track {number}: a gap does not lie within the {count} frames")
    return Track(rows[:, 0].astype(int), rows[:, 1:5], rows[:, 5], gaps, number)


def _number(name: str, value) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LARGEST:
        raise ValueError(f"{name} must be a number from 0 to {LARGEST:g}")
    return value
