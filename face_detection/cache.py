"""Tracks kept from one run to the next, under a key made of the input's bytes and the settings."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from atomic import write_whole
from face_detection.tracks import FORMAT, Tracks

VERSION = 1  # raised whenever the same input and settings would give other tracks

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
    if not use_cache:
        return find()
    entry = cache_folder() / f"{_key(paths, settings)}.json"
    if entry.is_file():
        try:
            return Tracks.from_json(entry)
        except ValueError as error:
            log.warning("%s; faces are sought anew", error)
    tracks = find()
    try:
        write_whole(entry, tracks.to_json())
    except OSError as error:
        log.warning("face tracks could not be cached: %s", error)
    return tracks


def cache_folder() -> Path:
    """Where tracks are kept: talkface/tracks in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "talkface" / "tracks"


def _key(paths: Iterable[Path | str], settings: dict) -> str:
    digest = hashlib.sha256()
    digest.update(json.dumps([FORMAT, VERSION, settings], sort_keys=True, default=str).encode())
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]
