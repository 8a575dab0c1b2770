"""A method's look at the faces of a video before its first frame is made."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TypeVar

import numpy as np

from lipsync.backends.torch_backend import TorchBackend
from lipsync.faces import FacePaths
from lipsync.source import FaceSource
from lipsync.stages import frames_that_fit, prefetch
from models.generator import Video, Watched, Watcher

# Stage, frames done, frames in all if known. It may raise to end the run: nothing is left then.
Progress = Callable[[str, int, int | None], None]

Item = TypeVar("Item")

UNSEEN = Watched(np.zeros((1, 0), np.float32))  # of a face that no frame of the result will show
BATCHES_ON_THE_WAY = 3  # looked at, decoded, and waiting between them


def counted(
    items: Iterable[Item], progress: Progress | None, stage: str, total: int | None
) -> Iterator[Item]:
    """The items, each told to `progress` as it passes."""
    for number, item in enumerate(items, 1):
        if progress:
            progress(stage, number, total)
        yield item


def watch_faces(
    source: FaceSource,
    faces: FacePaths,
    backend: TorchBackend,
    options: Mapping[str, object],
    frame_count: int,
    progress: Progress | None = None,
    *,
    lips_alone: bool = False,
) -> list[Watched] | None:
    """What the method keeps of each face path; None where it needs no look.

    frame_count: of the result; frames that it will not show are not looked at. lips_alone: of a
    video that drives another one.
    """
    most = 1 if source.static else frame_count
    video = Video(most, source.fps, source.size, faces.cuts, options)
    watch = backend.generator.watch_lips if lips_alone else backend.generator.watch
    watchers = [watch(video) for _ in faces.paths]
    if any(watcher is None for watcher in watchers):
        return None
    done, seen = 0, set()
    size = min(
        backend.batch_size, frames_that_fit(source.size, backend.device.type, BATCHES_ON_THE_WAY)
    )
    with closing(prefetch(_groups(source, most, size))) as groups:
        for group in groups:
            for path, watcher in enumerate(watchers):
                if _show(group, path, watcher, faces, backend):
                    seen.add(path)
            done += len(group)
            if progress:
                progress("looks", done, most)
    return [w.settle() if path in seen else UNSEEN for path, w in enumerate(watchers)]


def _groups(source: FaceSource, count: int, size: int) -> Iterator[list[tuple[int, np.ndarray]]]:
    frames = enumerate(source.frames(0, count, exact=False))
    while group := list(islice(frames, size)):
        yield group


def _show(
    group: list[tuple[int, np.ndarray]],
    path: int,
    watcher: Watcher,
    faces: FacePaths,
    backend: TorchBackend,
) -> bool:
    """Whether the face was in any of these frames."""
    seen = [
        (number, frame, box)
        for number, frame in group
        for index, box in faces.by_path(number)
        if index == path
    ]
    if seen:
        backend.watch(watcher, *map(list, zip(*seen, strict=True)))
    return bool(seen)
