"""The clips of an evaluation: generated videos, and what belongs to each by its name."""

from dataclasses import dataclass
from pathlib import Path

VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"))


@dataclass(frozen=True)
class Clip:
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


def find_clips(
    generated: Path, truth: Path | None = None, silent: Path | None = None
) -> list[Clip]:
    """The videos of a folder and its subfolders, by name.

    Raises FileNotFoundError for a folder that is not there, ValueError where there is no video.
    """
    found = _videos(generated)
    if not found:
        raise ValueError(f"no videos ({', '.join(sorted(VIDEO_SUFFIXES))}) in {generated}")
    truths = _videos(truth) if truth else {}
    silents = _videos(silent) if silent else {}
    if truth and not truths.keys() & found.keys():
        raise ValueError(
            f"no video of {truth} has the name of one in {generated}, such as {next(iter(found))}"
        )
    return [
        Clip(name, path, truths.get(name), silents.get(name))
        for name, path in sorted(found.items())
    ]


def _videos(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"no such folder: {folder}")
    files = (file for file in folder.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES)
    shown = (file for file in files if not file.name.startswith("."))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in shown}
