"""LRS2's own lists: which clips of its release are one of its parts."""

import logging
from pathlib import Path

from corpus.errors import CorpusError
from corpus.filelists import read_filelist
from preprocessing.videos import SourceVideo

log = logging.getLogger(__name__)

# Part -> its list, and the folder of the release that its clips lie in.
SPLITS = {
    "pretrain": ("pretrain.txt", "pretrain"),
    "main": ("train.txt", "main"),
    "val": ("val.txt", "main"),
    "test": ("test.txt", "main"),
}


def take_split(
    clips: list[SourceVideo], data_root: Path, split: str, filelists: Path
) -> list[SourceVideo]:
    """The clips of one of LRS2's lists, below the release or below the split's own folder.

    Names of the list that have no video are warned of. Raises CorpusError where none has one.
    """
    file, folder = SPLITS[split]
    names = read_filelist(filelists / file)
    by_name = {clip.name: clip for clip in clips}
    found = [by_name.get(f"{folder}/{name}") or by_name.get(name) for name in names]
    missing = [name for name, clip in zip(names, found, strict=True) if clip is None]
    if len(missing) == len(names):
        raise CorpusError(
            f"{filelists / file} names {len(names)} clips and {data_root} has none of them, the "
            f"first would be {data_root / folder / names[0]}.mp4; --data_root is LRS2's folder"
        )
    if missing:
        log.warning(
            "%d of the %d clips of %s are not below %s, the first: %s",
            len(missing), len(names), filelists / file, data_root, missing[0],
        )  # fmt: skip
    return sorted(clip for clip in found if clip)
