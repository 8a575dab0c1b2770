"""The given pictures of a live session: a video that goes on without end, its faces known."""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from lipsync.faces import locate_faces
from lipsync.live.keeping import keep_watched
from lipsync.pipeline import LipSync
from lipsync.plan import open_chosen, places_of
from lipsync.settings import Settings
from lipsync.stages import prefetch
from lipsync.watching import Progress, watch_faces
from models.generator import Place

HELD_BYTES = 400_000_000  # of frames that are kept rather than decoded anew each time
WAITING_BYTES = 80_000_000  # of decoded frames that wait, where they are not kept


class Stage(Protocol):
    """Where the pictures come from."""

    fps: Fraction
    size: tuple[int, int]  # width and height

    def at(self, frame: int) -> tuple[np.ndarray, list[Place]]:
        """The picture of a frame, to be painted on, and its faces; the numbers only rise."""
        ...

    def close(self) -> None: ...


class GivenStage:
    """A video or a still that was looked at beforehand; played forwards, then backwards."""

    def __init__(
        self, face: str | Path, settings: Settings, maker: LipSync, progress: Progress | None = None
    ) -> None:
        """Raises ValueError (MediaError, NoFaceError) or OSError."""
        self._settings = settings
        self._source = source = open_chosen(face, settings)
        self.fps, self.size = source.fps, source.size
        self._options = options = maker.backend.generator.chosen(settings.options)
        self._faces = faces = locate_faces(source, settings, maker.detector)
        count = source.frame_count if settings.box else len(faces.paths[0])
        self._watched = keep_watched(
            lambda: watch_faces(source, faces, maker.backend, options, count, progress),
            source,
            faces,
            maker.backend.generator,
            options=options,
            use_cache=settings.use_cache,
        )
        self._count, self._held = count, None
        self._frames = self._play()
        self._passed = 0

    def hold(self) -> None:
        """Keep all frames from now on: the file is no longer needed. Call it before at()."""
        self._held = list(self._source.frames(0, self._count))

    def at(self, frame: int) -> tuple[np.ndarray, list[Place]]:
        """See Stage.at; frames that were left out are passed over."""
        while self._passed < frame:
            next(self._frames)
            self._passed += 1
        number, picture = next(self._frames)
        self._passed += 1
        places = places_of(self._faces, self._watched, self._settings, self._options, number)
        return picture.copy(), [place for place in places if place.strength > 0]

    def close(self) -> None:
        self._frames.close()

    def _play(self) -> Iterator[tuple[int, np.ndarray]]:
        frame_bytes = 3 * self.size[0] * self.size[1]
        if self._held is None and self._count * frame_bytes > HELD_BYTES:
            depth = max(2, WAITING_BYTES // frame_bytes)
            with closing(prefetch(self._source.played("pingpong"), depth)) as played:
                yield from played
        if self._held is None:
            self.hold()
        held = self._held
        forth_and_back = [*range(len(held)), *range(len(held) - 2, 0, -1)]
        while True:
            for number in forth_and_back:
                yield number, held[number]
