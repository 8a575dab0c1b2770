"""What a clip's folder holds, by name."""

import os
import re
from pathlib import Path

DONE = "clip.json"  # the last file of a clip to be written: with it the clip is whole
FILM = "film.json"  # of a film's folder of clips: with it all of them are there
SET_ASIDE = "left_out.json"  # what a duplicate's clip.json is called, so that it is no clip
SOUND = "audio.wav"
WORDS = "words.txt"  # what is said
MEL = "mel.npy"
MEL_NUMBERS = "mel.json"  # of a mel that training made; preprocessing tells them in clip.json
FACE = re.compile(r"(0|[1-9][0-9]{0,8})\.jpg")


def is_made_again(name: str) -> bool:
    """Whether preprocessing makes a file of this name, so that one of the original's may go."""
    return re.fullmatch(r"\d+\.jpg|audio\.wav|mel\.npy|mel\.json|words\.txt", name) is not None


def face_file(folder: Path, number: int) -> Path:
    """The face in frame `number`; a frame without one leaves a hole."""
    return folder / f"{number}.jpg"


def face_numbers(folder: Path) -> list[int]:
    """The N of a clip's N.jpg, rising. Numbers have no leading zeros."""
    return sorted(int(name[:-4]) for name in os.listdir(folder) if FACE.fullmatch(name))
