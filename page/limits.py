"""What one server takes: sizes, lengths, jobs; all of it can be said on the command line."""

from dataclasses import dataclass
from pathlib import Path

import video
from video import MediaError, MediaInfo

MEGABYTE = 1_000_000


class TooMuchError(ValueError):
    """A file or a wish is over a limit of this server."""


class QueueFullError(ValueError):
    """So many jobs wait that no more are taken."""


@dataclass(frozen=True)
class Limits:
    """The largest that is taken of everything."""

    upload_mb: int = 500  # of one file
    seconds: float = 600.0  # of a result, or of a video to score
    waiting: int = 20  # jobs of all sessions that have not ended
    of_one: int = 3  # jobs of one session, or of one address of the API
    keep_hours: float = 24.0  # files of a session that nobody ends


def check_face(path: Path, limits: Limits) -> MediaInfo:
    """What the file holds. Raises MediaError where it has no pictures, TooMuchError."""
    info = _checked(path, limits)
    if not info.has_picture:
        raise MediaError(f"{path} has no pictures, only sound; a face is a video or a picture")
    return info


def check_pictures(face: Path, driving: Path | None, limits: Limits) -> None:
    """What is shown, and the video whose lips move it, if there is one; as check_face."""
    check_face(face, limits)
    if driving is not None:
        seconds = check_face(driving, limits).duration or 0.0
        check_seconds(seconds, limits, str(driving))


def check_voice(path: Path, limits: Limits) -> MediaInfo:
    """What the file holds. Raises MediaError where it has no sound, TooMuchError."""
    info = _checked(path, limits)
    if not info.sounds:
        raise MediaError(f"{path} has no sound track")
    return info


def check_seconds(seconds: float, limits: Limits, what: str) -> None:
    """Raise TooMuchError for what would take longer than this server gives."""
    if seconds > limits.seconds:
        raise TooMuchError(
            f"{what} is {seconds:.0f} s long; this server takes up to {limits.seconds:g} s "
            "(--max_seconds)"
        )


def _checked(path: Path, limits: Limits) -> MediaInfo:
    size = path.stat().st_size / MEGABYTE
    if size > limits.upload_mb:
        raise TooMuchError(
            f"{path} has {size:.0f} MB; this server takes up to {limits.upload_mb} MB "
            "(--max_upload_mb)"
        )
    return video.probe(path)
