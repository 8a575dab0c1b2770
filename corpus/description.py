"""clip.json: where a clip's faces come from, and the settings that it was made with."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from corpus.errors import CorpusError
from corpus.layout import DONE

FORMAT = "talkface clip 1"
REPORTED = ("seconds", "frames", "faces", "median_face_height", "source_fps")


def write_description(
    folder: Path,
    boxes: Sequence[tuple[int, int, int, int] | None],
    *,
    fps: float,
    source: str,
    source_fps: Fraction | float | None,
    source_size: tuple[int, int],
    settings: dict,
    source_bytes: int | None = None,
    extra: dict | None = None,
) -> None:
    """The last of a clip's files, which makes it whole.

    boxes: of each frame left, top, right, bottom in the source's pixels; None where no face is.
    extra: whatever else is known of the clip.
    """
    heights = [box[3] - box[1] for box in boxes if box]
    values = {
        "format": FORMAT,
        "source": source,
        "source_fps": str(source_fps),
        "source_size": list(source_size),
        "seconds": round(len(boxes) / fps, 3),
        "frames": len(boxes),
        "faces": len(heights),
        "median_face_height": float(np.median(heights)),
        "settings": settings,
        "boxes": boxes,
    }
    values |= extra or {}
    if source_bytes is not None:
        values["source_bytes"] = source_bytes
    (folder / DONE).write_text(json.dumps(values) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict:
    """What write_description has written: at least REPORTED and the settings.

    Raises CorpusError for a broken description, which only a failing disk leaves.
    """
    path = folder / DONE
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(described["settings"], dict) and {*REPORTED} <= described.keys()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise CorpusError(f"{path} is broken; remove {folder} and run again")
    return described
