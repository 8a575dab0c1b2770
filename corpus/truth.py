"""The truth of a synthetic clip: the file that says of each frame what was drawn."""

import json
import os
import shutil
from pathlib import Path

TRUTH_FORMAT = "talkface made clip 1"
TRUTH_FILE = "truth.json"  # in a clip's folder; beside a video it is <video>.json


def read_truth(path: Path) -> dict | None:
    """What the file holds; None where it is absent or something else. Raises OSError."""
    if not os.path.isfile(path):  # also where the name is longer than a file's can be
        return None
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    return truth if isinstance(truth, dict) and truth.get("format") == TRUTH_FORMAT else None


def carry_truth(source: Path, fps: float, frames: int, folder: Path) -> None:
    """Take the truth of a synthetic video along, if there is one and it has the clip's frames."""
    beside = source.with_suffix(".json")
    truth = read_truth(beside)
    if truth and (truth.get("fps"), truth.get("frames")) == (fps, frames):
        shutil.copyfile(beside, folder / TRUTH_FILE)
