"""Every session's files in a folder of its own, which goes when the session does."""

import contextlib
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path

RESULTS = "sessions"


class Sessions:
    """Folders by session, and the uploads that belong to each; all below one temporary root."""

    def __init__(self, keep_seconds: float) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="talkface-page-"))
        self._keep_seconds = keep_seconds
        self._folders: dict[str, Path] = {}
        self._uploads: dict[str, set[Path]] = {}  # the same upload may be of several sessions
        self._protected: set[Path] = set()
        self._lock = threading.Lock()

    def protect_what_is_there(self) -> None:
        """The samples, which the page itself shows: no session's end removes them."""
        self._protected = set(self.root.iterdir())

    def new_folder(self, session: str) -> Path:
        """For the files of one job; its name cannot be guessed."""
        with self._lock:
            home = self._folders.setdefault(
                session, self.root / RESULTS / secrets.token_urlsafe(16)
            )
        folder = home / secrets.token_urlsafe(6)
        folder.mkdir(parents=True)
        return folder

    def claim(self, session: str, path: str | Path) -> Path:
        """An upload as this session's own. Raises ValueError for a file that is none."""
        path = Path(path).resolve()
        if not path.is_relative_to(self.root.resolve()) or not path.is_file():
            raise ValueError(f"{path.name} is not here any more; upload it again")
        home = self.root / path.relative_to(self.root.resolve()).parts[0]
        if home not in self._protected and home.name != RESULTS:
            with self._lock:
                self._uploads.setdefault(session, set()).add(home)
        return path

    def end(self, session: str) -> list[Path]:
        """Remove whatever is this session's alone, and say what that was."""
        with self._lock:
            folder = self._folders.pop(session, None)
            uploads = self._uploads.pop(session, set())
            for others in self._uploads.values():
                uploads -= others
        own = [*uploads, *filter(None, [folder])]
        remove(*own)
        return own

    def sweep(self) -> None:
        """Remove what nobody claimed, or nobody ended, for too long."""
        oldest = time.time() - self._keep_seconds
        results = self.root / RESULTS
        for path in [*self.root.iterdir(), *(results.iterdir() if results.is_dir() else ())]:
            with contextlib.suppress(FileNotFoundError):  # its session has just ended
                if path not in self._protected and path != results:
                    if _last_touched(path) < oldest:
                        remove(path)

    def close(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def remove(*paths: Path) -> None:
    """Files and whole folders, if they are there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _last_touched(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def in_words(error: BaseException, *paths: Path | str | None) -> str:
    """An error as the CLI prints it, with the user's names in place of this server's paths."""
    if not isinstance(error, ValueError | OSError):
        return f"something broke here, not with you: {type(error).__name__} (the log has more)"
    return without_paths(str(error), *paths)


def without_paths(text: str, *paths: Path | str | None) -> str:
    for path in filter(None, paths):
        text = text.replace(str(path), Path(path).name)
    return text
