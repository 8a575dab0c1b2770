"""Lists of clips: read as people write them, and made of a corpus, split by speaker."""

import hashlib
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from atomic import write_whole
from corpus.errors import CorpusError
from corpus.layout import DONE
from corpus.walk import walk

LISTS = ("train", "val", "test")
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


def done_clips(root: Path) -> list[str]:
    """The names of the clips that lie whole in a preprocessed folder, sorted."""
    names = []
    for folder, below, files in walk(root):
        if DONE in files:
            names.append(folder.relative_to(root).as_posix())
            below.clear()
    return sorted(names)


def make_filelists(root: Path, shares: tuple[float, float, float], target: Path) -> dict[str, int]:
    """Write target/{train,val,test}.txt: all whole clips of root, split by folder (= speaker).

    The same folders always land in the same list. Returns clips per list. Raises CorpusError
    where there are fewer than three folders, or lists already there say something else.
    """
    names = done_clips(root)
    lists = dict.fromkeys(LISTS, "")
    for which, folders in split_folders({_folder(name) for name in names}, shares).items():
        lists[which] = "".join(f"{name}\n" for name in names if _folder(name) in folders)
    for which, text in lists.items():
        file = target / f"{which}.txt"
        if file.is_file() and file.read_text(encoding="utf-8", errors="replace") != text:
            raise CorpusError(f"{file} is there and differs; move it or give another --filelists")
    for which, text in lists.items():
        write_whole(target / f"{which}.txt", text)
    return {which: text.count("\n") for which, text in lists.items()}


def split_folders(
    folders: Iterable[str], shares: tuple[float, float, float]
) -> dict[str, frozenset[str]]:
    """Folders by list, in about those shares; val and test have at least one each."""
    shuffled = sorted(folders, key=lambda folder: hashlib.sha256(folder.encode()).digest())
    wanted = [max(1, round(share * len(shuffled))) if share else 0 for share in shares[1:]]
    if sum(wanted) + 1 > len(shuffled):
        raise CorpusError(
            f"{len(shuffled)} folders cannot be split into train, val and test: a folder is one "
            "speaker, and none may be in two lists; write the lists by hand"
        )
    val, rest = shuffled[: wanted[0]], shuffled[wanted[0] :]
    test, train = rest[: wanted[1]], rest[wanted[1] :]
    return {"train": frozenset(train), "val": frozenset(val), "test": frozenset(test)}


def _folder(name: str) -> str:
    return name.split("/")[0]
