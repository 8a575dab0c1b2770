"""Whoever is in a video, each with a picture, so that one can be chosen by looking."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from face_detection import Detector, Track
from lipsync.faces import tracks_of
from lipsync.settings import Settings
from lipsync.source import FaceSource

MOST = 12  # of a crowd, the largest
AROUND = 0.35  # of the face's size, shown at each side of it


@dataclass(frozen=True, eq=False)
class Person:
    """One face track: a face through one shot."""

    number: int  # by which Settings.face_select takes it
    picture: np.ndarray  # the face at its best, BGR uint8
    first_second: float
    last_second: float


def find_people(
    source: FaceSource,
    settings: Settings,
    detector: Callable[[], Detector],
    watch: Callable[[Iterator], Iterator] = iter,
) -> list[Person]:
    """The largest faces, the one that is large for longest first; none is no error."""
    tracks = tracks_of(source, settings, detector, watch)
    largest = sorted(tracks.numbered.items(), key=lambda named: -named[1].weight)[:MOST]
    return [_person(number, track, source) for number, track in largest]


def _person(number: int, track: Track, source: FaceSource) -> Person:
    areas = np.prod(track.boxes[:, 2:] - track.boxes[:, :2], axis=1)
    best = int(np.argmax(areas * track.scores))
    at = int(track.frames[best])
    frame = next(source.frames(at, at + 1))
    span = (track.first / source.fps, (track.last + 1) / source.fps)
    return Person(number, _cut(frame, track.boxes[best]), *map(float, span))


def _cut(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A square about the face, as far as the picture goes."""
    height, width = frame.shape[:2]
    centre = (box[:2] + box[2:]) / 2
    reach = max(box[2:] - box[:2]) * (0.5 + AROUND)
    left, top = np.clip(np.floor(centre - reach), 0, None).astype(int)
    right, bottom = np.clip(np.ceil(centre + reach), 1, (width, height)).astype(int)
    return frame[min(top, height - 1) : bottom, min(left, width - 1) : right]
