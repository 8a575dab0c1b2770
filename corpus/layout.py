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


def face_file(folder: Path, number: int) -> Path:
    """The face in frame `number`; a frame without one leaves a hole."""
    return folder / f"{number}.jpg"


def face_numbers(folder: Path) -> list[int]:
    """The N of a clip's N.jpg, rising. Numbers have no leading zeros."""
    return sorted(int(path.stem) for path in folder.glob("*.jpg") if _is_number(path.stem))


def _is_number(stem: str) -> bool:
    return re.fullmatch(rf"0|[1-9]\d{{0,{MOST_DIGITS - 1}}}", stem, re.ASCII) is not None
