"""What a method saw of a video, kept from one live session to the next."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from atomic import whole_or_absent
from face_detection.cache import cache_folder, content_hash
from lipsync.faces import FacePaths
from lipsync.source import FaceSource
from models.generator import Generator, Watched

VERSION = 1  # raised whenever the same pictures and networks would be seen differently

log = logging.getLogger(__name__)


def keep_watched(
    watch: Callable[[], list[Watched] | None],
    source: FaceSource,
    faces: FacePaths,
    generator: Generator,
    *,
    options: Mapping[str, object],
    use_cache: bool = True,
) -> list[Watched] | None:
    """What watch() gives, from the cache if these pictures were seen by these networks before.

    A cache that can't be read or written is no error: the log says so.
    """
    folder = cache_folder() if use_cache else None
    if folder is None:
        return watch()
    entry = folder.parent / "watched" / f"{_key(source, faces, generator, options)}.npz"
    kept = _read(entry, generator)
    if kept is not None:
        return kept
    watched = watch()
    if watched is not None and all(_can_be_kept(one, generator) for one in watched):
        try:
            with whole_or_absent(entry) as partial:
                np.savez(partial, **_to_arrays(watched))
        except OSError as error:
            log.warning("what was seen of the face could not be cached: %s", error)
    return watched


def _key(
    source: FaceSource, faces: FacePaths, generator: Generator, options: Mapping[str, object]
) -> str:
    digest = hashlib.sha256()
    told = [VERSION, type(generator).__name__, content_hash(source.files), dict(options)]
    told += [source.start, source.end, source.resize_factor, source.rotate, source.crop]
    told += [str(source.fps), source.static, faces.pads, faces.cuts]
    digest.update(json.dumps(told, default=str).encode())
    for path in faces.paths:
        digest.update(np.ascontiguousarray(path).tobytes())
    for network in generator.companions:
        for value in network.state_dict().values():
            digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:32]


def _can_be_kept(watched: Watched, generator: Generator) -> bool:
    shared = watched.shared
    if shared is None:
        return True
    arrays = is_dataclass(shared) and all(
        isinstance(getattr(shared, field.name), np.ndarray) for field in fields(shared)
    )
    return arrays and type(shared) is generator.shares


def _to_arrays(watched: list[Watched]) -> dict[str, np.ndarray]:
    arrays = {"count": np.array(len(watched))}
    for at, one in enumerate(watched):
        for name in ("notes", "trust", "lips"):
            if getattr(one, name) is not None:
                arrays[f"{at}.{name}"] = getattr(one, name)
        for field in fields(one.shared) if one.shared is not None else ():
            arrays[f"{at}.shared.{field.name}"] = getattr(one.shared, field.name)
    return arrays


def _read(entry: Path, generator: Generator) -> list[Watched] | None:
    try:
        if not entry.is_file():
            return None
        with np.load(entry, allow_pickle=False) as arrays:
            return [_one(arrays, at, generator) for at in range(int(arrays["count"]))]
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.warning("%s: %s; the face is looked at anew", entry, error)
        return None


def _one(arrays: Mapping[str, np.ndarray], at: int, generator: Generator) -> Watched:
    found = {
        name: arrays[f"{at}.{name}"] if f"{at}.{name}" in arrays else None
        for name in ("notes", "trust", "lips")
    }
    prefix = f"{at}.shared."
    parts = {name[len(prefix) :]: arrays[name] for name in arrays if name.startswith(prefix)}
    return Watched(**found, shared=generator.shares(**parts) if parts else None)
