"""What a clip's folder holds, by name."""

import re
from pathlib import Path

DONE = "clip.json"  # the last file of a clip to be written: with it the clip is whole
SOUND = "audio.wav"
MEL = "mel.npy"
MEL_NUMBERS = "mel.json"  # of a mel that training made; preprocessing tells them in clip.json
MOST_DIGITS = 9  # of a face's number


def is_made_again(name: str) -> bool:
    """Whether preprocessing makes a file of this name, so that one of the original's may go."""
    return re.fullmatch(r"\d+\.jpg|audio\.wav|mel\.npy|mel\.json", name) is not None


def face_files(folder: Path) -> dict[int, Path]:
    """The N.jpg of a clip by N, rising. Numbers have no leading zeros."""
    numbers = sorted(int(path.stem) for path in folder.glob("*.jpg") if _is_number(path.stem))
    return {number: folder / f"{number}.jpg" for number in numbers}


def _is_number(stem: str) -> bool:
    return re.fullmatch(rf"0|[1-9]\d{{0,{MOST_DIGITS - 1}}}", stem, re.ASCII) is not None
