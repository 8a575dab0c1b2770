"""The clips of a corpus: which files they are, how they are called, which lists they go to."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from atomic import write_whole
from corpus.errors import CorpusError
from corpus.layout import DONE
from corpus.names import first_free, plain_name, short_hash
from corpus.videos import VIDEO_SUFFIXES, video_files
from corpus.walk import walk

LISTS = ("train", "val", "test")
NAME_BYTES = 235  # of one part of a name, so that suffix and hash find room


@dataclass(frozen=True, order=True)
class Clip:
    """One video, and the name under which it is preprocessed: <folder>/<clip>."""

    name: str
    source: Path


def find_clips(data_root: Path) -> list[Clip]:
    """Every video below a folder that is not hidden, sorted by name.

    A video that lies in data_root itself takes the name of data_root for its folder; one whose
    name another has, or is a folder of another, keeps its suffix, and gets a hash of its path
    where that does not tell them apart. Raises CorpusError where there is none.
    """
    if not data_root.is_dir():
        raise CorpusError(f"no such folder: {data_root}; --data_root is the folder of the clips")
    sources = sorted(video_files(data_root))
    if not sources:
        raise CorpusError(f"{data_root} has no videos ({', '.join(sorted(VIDEO_SUFFIXES))})")
    names = first_free([_possible_names(path, data_root) for path in sources], as_folders=True)
    return sorted(Clip(name, path) for name, path in zip(names, sources, strict=True))


def _possible_names(source: Path, data_root: Path) -> tuple[str, ...]:
    """<folder>/<clip> of a video, ever longer, so that the first that is free can be taken."""
    relative = source.relative_to(data_root)
    folder = relative.parent if relative.parent.parts else Path(data_root.resolve().name)
    plain = plain_name(folder / relative.stem, NAME_BYTES)
    key = short_hash(relative.as_posix())
    return plain, f"{plain}{source.suffix}", f"{plain}{source.suffix}-{key}"


def take_shard(clips: list[Clip], count: int, index: int) -> list[Clip]:
    """Every count-th clip from the index-th on: disjoint for each index, all of them together."""
    if not 0 <= index < count:
        raise CorpusError(f"shard_index {index} must be at least 0 and below num_shards {count}")
    return clips[index::count]


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
