"""The videos of a corpus: which files they are, and under which name each becomes a clip."""

from dataclasses import dataclass
from pathlib import Path

from corpus.errors import CorpusError
from corpus.names import first_free, plain_name, short_hash, shorten, tell_apart
from corpus.videos import VIDEO_SUFFIXES, video_files

NAME_BYTES = 235  # of one part of a name, so that suffix and hash find room


@dataclass(frozen=True, order=True)
class SourceVideo:
    """One video, and the name under which it is preprocessed: <folder>/<clip>."""

    name: str
    source: Path


def find_sources(data_root: Path) -> list[SourceVideo]:
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
    return sorted(SourceVideo(name, path) for name, path in zip(names, sources, strict=True))


def _possible_names(source: Path, data_root: Path) -> tuple[str, ...]:
    """<folder>/<clip> of a video, ever longer, so that the first that is free can be taken."""
    relative = source.relative_to(data_root)
    folder = relative.parent if relative.parent.parts else Path(data_root.resolve().name)
    plain = plain_name(folder / relative.stem, NAME_BYTES)
    key = short_hash(relative.as_posix())
    return plain, f"{plain}{source.suffix}", f"{plain}{source.suffix}-{key}"


def as_films(videos: list[SourceVideo]) -> list[SourceVideo]:
    """The same with one folder each, as films have, for clips to lie in."""
    flat = tell_apart([v.name.replace("/", "--") for v in videos], [v.name for v in videos])
    named = zip(flat, videos, strict=True)
    return sorted(SourceVideo(shorten(name, NAME_BYTES), video.source) for name, video in named)


def take_shard(clips: list[SourceVideo], count: int, index: int) -> list[SourceVideo]:
    """Every count-th clip from the index-th on: disjoint for each index, all of them together."""
    if not 0 <= index < count:
        raise CorpusError(f"shard_index {index} must be at least 0 and below num_shards {count}")
    return clips[index::count]
