"""The faces of one video: which track is whose, which one is meant, and the box of each frame."""

import re
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from face_detection.boxes import areas
from face_detection.smoothing import fill_between, smooth_boxes

SMOOTHING_SECONDS = 0.36
LONGEST_FILLED_SECONDS = 1.0  # of a gap; after a longer absence nobody knows where a face was
FACE_CHOICES = ("largest", "leftmost", "rightmost", "all")


class NoFaceError(ValueError):
    """There is no face where one is needed."""


@dataclass(frozen=True)
class Track:
    """One face, through one shot. Between its first and its last frame the face has a box."""

    frames: np.ndarray  # (n,) rising frame numbers with a box; those between lie on a line
    boxes: np.ndarray  # (n, 4) left, top, right, bottom
    scores: np.ndarray  # (n,) the detector's, in [0, 1]
    gaps: tuple[tuple[int, int], ...] = ()  # half-open spans in which it was looked for in vain
    number: int | None = None  # by which a file names it; None: its place among the tracks

    @property
    def first(self) -> int:
        return int(self.frames[0])

    @property
    def last(self) -> int:
        return int(self.frames[-1])

    @cached_property
    def weight(self) -> float:
        """Square pixels, summed over time: the face that is large for long has most."""
        return float(areas(fill_between(self.frames, self.boxes)).sum())

    @cached_property
    def median_area(self) -> float:
        return float(np.median(areas(self.boxes)))

    @cached_property
    def centre(self) -> float:
        """The column around which the face is mostly found."""
        return float(np.median(self.boxes[:, 0] + self.boxes[:, 2]) / 2)

    def scaled(self, factor: float) -> "Track":
        """The same face in a picture that is factor times as large."""
        return replace(self, boxes=self.boxes * factor)

    def rounded(self) -> "Track":
        """With the digits that to_json writes, so that a kept result equals a fresh one."""
        return replace(self, boxes=self.boxes.round(2), scores=self.scores.round(3))


@dataclass(frozen=True)
class Tracks:
    """All faces of one video. Boxes are in pixels of its frames as video.read_frames gives them."""

    frame_count: int
    width: int
    height: int
    fps: float
    cuts: tuple[int, ...] = ()  # frames at which a new shot begins; never frame 0
    tracks: list[Track] = field(default_factory=list)
    made_for: dict = field(default_factory=dict)  # what a file says of the pictures it belongs to

    @property
    def numbered(self) -> dict[int, Track]:
        """The tracks by their numbers."""
        named = enumerate(self.tracks)
        return {at if track.number is None else track.number: track for at, track in named}

    def paths(
        self, select: str = "largest", *, smooth: bool = True, fill_gaps: bool = True
    ) -> list[np.ndarray]:
        """Where the chosen face is in each frame: (frame_count, 4) float, NaN where it is not.

        select: largest, leftmost or rightmost (one path: in each shot that face, and the next
        best while it is away), all (one path for each face that is there at a time), or the
        numbers of tracks ("2", "0,3": one path). fill_gaps=False leaves NaN also in short gaps.
        Raises NoFaceError where there is no track at all, ValueError for an unknown choice.
        """
        if not self.tracks:
            raise NoFaceError(f"no face in any of {self.frame_count} frames")
        lanes = _choose(self.numbered, self.cuts, select)
        width = round(SMOOTHING_SECONDS * self.fps) if smooth else 0
        return [self._path(lane, width, fill_gaps) for lane in lanes]

    def _path(self, lane: list[Track], width: int, fill_gaps: bool) -> np.ndarray:
        path = np.full((self.frame_count, 4), np.nan)
        for track in lane:
            path[track.first : track.last + 1] = smooth_boxes(
                fill_between(track.frames, track.boxes), width
            )
            for begin, end in track.gaps:
                if not fill_gaps or end - begin > LONGEST_FILLED_SECONDS * self.fps + 1:
                    path[begin:end] = np.nan
        return path


def faceless_spans(path: np.ndarray) -> list[tuple[int, int]]:
    """The half-open spans of frames in which a path has no box."""
    missing = np.concatenate([[False], np.isnan(path[:, 0]), [False]])
    edges = np.flatnonzero(missing[1:] != missing[:-1])
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _choose(numbered: dict[int, Track], cuts: tuple[int, ...], select: str) -> list[list[Track]]:
    """The chosen tracks, as lanes: lists of tracks of which no two are there at one time."""
    tracks = list(numbered.values())
    if select == "all":
        lanes, left = [], tracks
        while left:
            lane = _one_face(left, cuts, _largest_first, least_area=0.0)
            chosen = {id(track) for track in lane}
            left = [track for track in left if id(track) not in chosen]
            lanes.append(lane)
        return lanes
    if select in _ORDERS:
        return [_one_face(tracks, cuts, _ORDERS[select], least_area=0.25)]
    try:
        return [[_find(word, numbered) for word in select.split(",")]]
    except ValueError as error:
        raise ValueError(f"face {select!r}: {error}; give one of {FACE_CHOICES}") from error


def _find(word: str, numbered: dict[int, Track]) -> Track:
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*", word) or int(word) not in numbered:
        known = ", ".join(map(str, sorted(numbered)))
        raise ValueError(f"{word!r} is no number of a track; there are {known}")
    return numbered[int(word)]


def _largest_first(track: Track) -> float:
    return -track.weight


_ORDERS = {
    "largest": _largest_first,
    "leftmost": lambda track: track.centre,
    "rightmost": lambda track: -track.centre,
}


def _one_face(tracks: list[Track], cuts: tuple[int, ...], order, least_area: float) -> list[Track]:
    """In each shot the first track by that order, then those that are there when it is not.

    Faces of less than least_area times the area of the shot's main one are passers-by.
    """
    chosen = []
    edges = [0, *cuts, max(track.last for track in tracks) + 1]
    for begin, end in zip(edges, edges[1:], strict=False):
        shot = [track for track in tracks if begin <= track.first < end]
        if not shot:
            continue
        main = min(shot, key=_largest_first)
        kept: list[Track] = []
        for track in sorted(shot, key=order):
            apart = all(track.last < other.first or other.last < track.first for other in kept)
            if apart and track.median_area >= least_area * main.median_area:
                kept.append(track)
        chosen += kept
    return chosen
