"""Lists of clips as people write them, and the reading of any list, line by line."""

import posixpath
import re
from pathlib import Path

from corpus.errors import CorpusError

FILELISTS = Path(__file__).resolve().parents[1] / "filelists"


def read_filelist(path: Path) -> list[str]:
    """The clips of a list, "<folder>/<clip>" a line, each once; what follows a space is not read.

    Raises CorpusError.
    """
    if not path.is_file():
        raise CorpusError(
            f"no filelist {path}: one line a clip, <folder>/<clip>; --filelists names their folder"
        )
    names = [posixpath.normpath(line.split()[0]) for line in read_lines(path) if line.strip()]
    if not names:
        raise CorpusError(f"{path} names no clip")
    return list(dict.fromkeys(names))


def read_lines(path: Path) -> list[str]:
    """The lines of a text in UTF-8, with or without a byte order mark.

    Raises OSError, and CorpusError with file and line for a text in another code.
    """
    coded = path.read_bytes()
    try:
        text = coded.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}, line {line} is not UTF-8; save the list as UTF-8") from error
    return re.split(r"\r\n|\n|\r", text)  # splitlines would end a line at U+2028, too
