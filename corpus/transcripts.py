"""What is said in a clip: words.txt beside its faces, in LRS2's form, for what reads lips."""

import logging
import re
import shutil
import unicodedata
from pathlib import Path

from corpus.errors import ClipError
from corpus.layout import WORDS as WORDS_FILE
from corpus.truth import TRUTH_FILE, read_truth

log = logging.getLogger(__name__)

MARK = "text:"  # before the words in LRS2's first line


def plain_words(text: str) -> str:
    """Lower case, single spaces, no marks but apostrophes: what a lip reader is asked for."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return " ".join(re.sub(r"[^\w\s']|_", " ", text).split())


def read_transcript(path: Path) -> str:
    """The words of a file in LRS2's form, or of bare text: its first line. Raises ClipError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ClipError(f"{path.name} is no text in UTF-8 ({type(error).__name__})") from error
    line = lines[0].strip() if lines else ""
    if line[: len(MARK)].lower() == MARK:
        line = line[len(MARK) :]
    words = plain_words(line)
    if not words:
        raise ClipError(f"{path.name} has no words in its first line")
    return words


def read_words(folder: Path) -> str:
    """What is said in the clip in this folder; of a made one also from its truth.

    Raises ClipError where nobody knows.
    """
    if (folder / WORDS_FILE).is_file():
        return read_transcript(folder / WORDS_FILE)
    truth = read_truth(folder / TRUTH_FILE)
    words = plain_words(str(truth.get("text", ""))) if truth else ""
    if not words:
        raise ClipError(f"no {WORDS_FILE}, so that nobody knows what is said")
    return words


def carry_transcript(source: Path, folder: Path) -> None:
    """Take the text beside a video, <clip>.txt, along; one without words is named and left."""
    beside = source.with_suffix(".txt")
    if not beside.is_file():
        return
    try:
        read_transcript(beside)
    except ClipError as error:
        log.warning("%s: its words are left out: %s", source, error)
        return
    shutil.copyfile(beside, folder / WORDS_FILE)
