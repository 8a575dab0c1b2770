"""Tracks kept from one run to the next, under a key made of the input's bytes and the settings."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from atomic import write_whole
from face_detection.track_files import FORMAT, read_tracks, to_json
from face_detection.tracks import Tracks

VERSION = 2  # raised whenever the same input and settings would give other tracks

log = logging.getLogger(__name__)


def cached_tracks(
    paths: Iterable[Path | str],
    settings: dict,
    find: Callable[[], Tracks],
    *,
    use_cache: bool = True,
) -> Tracks:
    """What find() gives, from the cache if it was asked before for the same bytes and settings.

    paths: the files that the frames come from, in order. A cache that can't be written is no
    error: the log says so.
    """
    folder = cache_folder() if use_cache else None
    if folder is None:
        return find()
    entry = folder / f"{_key(paths, settings)}.json"
    kept = _read(entry)
    if kept:
        return kept
    tracks = find()
    try:
        write_whole(entry, to_json(tracks))
    except OSError as error:
        log.warning("face tracks could not be cached: %s", error)
    return tracks


def _read(entry: Path) -> Tracks | None:
    try:
        return read_tracks(entry) if entry.is_file() else None
    except (ValueError, OSError) as error:
        log.warning("%s; faces are detected anew", error)
        return None


def cache_folder() -> Path | None:
    """Where tracks are kept: talkface/tracks in the user's cache folder; None without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(base or Path.home() / ".cache") / "talkface" / "tracks"
    except RuntimeError as error:  # a container's user whom its system does not know
        log.warning("face tracks are not cached, XDG_CACHE_HOME is not set: %s", error)
        return None


def content_hash(paths: Iterable[Path | str]) -> str:
    """One hash of all that is in these files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


def _key(paths: Iterable[Path | str], settings: dict) -> str:
    described = [FORMAT, VERSION, settings, content_hash(paths)]
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
