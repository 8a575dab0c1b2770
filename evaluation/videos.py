"""The clips of an evaluation: generated videos, and what belongs to each by its name."""

from dataclasses import dataclass
from pathlib import Path

from corpus.names import first_free
from corpus.videos import VIDEO_SUFFIXES, video_files


@dataclass(frozen=True)
class GeneratedVideo:
    """One generated video, and the files of the same name in the other folders."""

    name: str  # its path below the folder, without suffix
    generated: Path
    truth: Path | None = None
    silent: Path | None = None  # generated with silent sound

    def fingerprint(self) -> list:
        """What changes when one of the files does."""
        files = [file for file in (self.generated, self.truth, self.silent) if file]
        stats = [(file, file.stat()) for file in files]
        return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in stats]


def find_videos(
    generated: Path, truth: Path | None = None, silent: Path | None = None
) -> list[GeneratedVideo]:
    """The videos of a folder and its subfolders, by name; of one name, each with its suffix.

    Raises FileNotFoundError for a folder that is not there, ValueError where there is no video,
    or where it is not clear which of several others belongs to one.
    """
    found = _videos(generated)
    if not found:
        raise ValueError(f"no videos ({', '.join(sorted(VIDEO_SUFFIXES))}) in {generated}")
    truths = _Partners(truth) if truth else None
    silents = _Partners(silent) if silent else None
    if truths and not any(truths.of(path) for path in found):
        raise ValueError(
            f"no video of {truth} has the name of one in {generated}, such as {_stem(found[0])}"
        )
    names = first_free([(_stem(path), path.as_posix()) for path in found])
    paired = (
        GeneratedVideo(
            name, generated / path, truths and truths.of(path), silents and silents.of(path)
        )
        for name, path in zip(names, found, strict=True)
    )
    return sorted(paired, key=lambda video: video.name)


class _Partners:
    """The videos of another folder, to be found by the name of a generated one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_stem: dict[str, list[Path]] = {}
        for path in _videos(folder):
            self._by_stem.setdefault(_stem(path), []).append(path)

    def of(self, path: Path) -> Path | None:
        """The video of this name: with its suffix where there are several, or the only one."""
        same = self._by_stem.get(_stem(path), [])
        if len(same) > 1 and path not in same:
            raise ValueError(
                f"{self.folder} has {' and '.join(map(str, same))}: which belongs to {path}? "
                "Give both the same suffix"
            )
        if not same:
            return None
        return self.folder / (path if path in same else same[0])


def _videos(folder: Path) -> list[Path]:
    """Relative to the folder, sorted."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    return sorted(file.relative_to(folder) for file in video_files(folder))


def _stem(path: Path) -> str:
    return path.with_suffix("").as_posix()
