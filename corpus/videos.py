"""Which files of a folder are videos."""

from collections.abc import Iterator
from pathlib import Path

from corpus.walk import walk

VIDEO_SUFFIXES = frozenset(
    ".3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogg .ogv .ts .vob .webm "
    ".wmv".split()
)


def video_files(root: Path) -> Iterator[Path]:
    """Every video below a folder, by its suffix; nothing hidden."""
    for folder, _, names in walk(root):
        for name in names:
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield folder / name
