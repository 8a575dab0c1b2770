"""Linking: the faces of single frames, joined into tracks; what is no face, left out."""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from face_detection.boxes import intersection_over_union
from face_detection.tracks import Track

START_SCORE = 0.5  # of a face that may begin a track; weaker ones may only continue one
LEAST_OVERLAP = 0.25  # of a face with the same face, the last time it was seen
STAYED = 0.3  # weight of overlap with where it was, beside that with where it should be
MOTION_FRAMES = 8  # from which a face's motion is told
LONGEST_MOTION_FRAMES = 25  # that it is thought to go on
LONGEST_GAP_SECONDS = 1.0  # a face that comes back later begins a new track
SHORTEST_TRACK_SECONDS = 0.3  # a track shorter than this, in a longer shot, is a false alarm
LEAST_CERTAINTY = 0.45  # mean score of a track, where a look in vain counts as 0


@dataclass(eq=False)
class OpenTrack:
    """One face as far as it has been followed: the frames in which it was seen, and where."""

    frames: list[int] = field(default_factory=list)
    faces: list[np.ndarray] = field(default_factory=list)

    def add(self, frame: int, face: np.ndarray) -> None:
        self.frames.append(frame)
        self.faces.append(face)

    @property
    def box(self) -> np.ndarray:
        """(4,) where the face was last."""
        return self.faces[-1][:4]

    def predicted(self, frame: int) -> np.ndarray:
        """(4,) where it would be if it went on as it has moved of late."""
        last = self.frames[-1]
        near = [n for n in range(-MOTION_FRAMES, -1) if n >= -len(self.frames)]
        near = [n for n in near if last - self.frames[n] <= MOTION_FRAMES]
        if not near:
            return self.box
        speed = (_centre(self.box) - _centre(self.faces[near[0]])) / (last - self.frames[near[0]])
        moved = speed * min(frame - last, LONGEST_MOTION_FRAMES)
        return self.box + np.tile(moved, 2)


class Linker:
    """Links the faces of the frames that are looked at, as they come; `live` may go on."""

    def __init__(self, fps: float) -> None:
        self.live: list[OpenTrack] = []
        self._fps = fps

    def look(self, frame: int, found: np.ndarray) -> list[OpenTrack]:
        """Take the faces of a frame, later than all before; the tracks that have ended with it."""
        ended = [t for t in self.live if frame - t.frames[-1] > LONGEST_GAP_SECONDS * self._fps + 1]
        self.live = [track for track in self.live if track not in ended]
        taken = _match(self.live, found, frame)
        for at, face in enumerate(found):
            if at in taken:
                self.live[taken[at]].add(frame, face)
            elif face[4] >= START_SCORE:
                self.live.append(OpenTrack([frame], [face]))
        return ended

    def end_shot(self) -> list[OpenTrack]:
        """The tracks that end because the shot does."""
        ended, self.live = self.live, []
        return ended


def link_faces(
    faces: dict[int, np.ndarray], cuts: list[int], fps: float, frame_count: int
) -> list[Track]:
    """Tracks through the frames that were looked at, the largest-for-longest first.

    faces: frame number -> (n, 5) boxes and scores. No track goes on past a cut.
    """
    looked = np.array(sorted(faces))
    tracks: list[Track] = []
    for begin, end in zip([0, *cuts], [*cuts, frame_count], strict=True):
        shot = looked[(looked >= begin) & (looked < end)]
        for open_track in _link_shot(shot, faces, fps):
            track = _close(open_track, shot)
            if _is_face(track, shot, min(SHORTEST_TRACK_SECONDS * fps, end - begin)):
                tracks.append(track)
    return sorted(tracks, key=lambda track: (-track.weight, track.first))


def _link_shot(shot: np.ndarray, faces: dict[int, np.ndarray], fps: float) -> list[OpenTrack]:
    linker = Linker(fps)
    done: list[OpenTrack] = []
    for frame in shot.tolist():
        done += linker.look(frame, faces[frame])
    return done + linker.end_shot()


def _match(live: list[OpenTrack], found: np.ndarray, frame: int) -> dict[int, int]:
    """Which face continues which track: the pairs with most overlap in all.

    What overlaps where the track should be by now comes before what overlaps where it was: of two
    people who cross, each goes on.
    """
    if not live or not len(found):
        return {}
    moved = intersection_over_union(np.stack([t.predicted(frame) for t in live]), found)
    stayed = intersection_over_union(np.stack([track.box for track in live]), found)
    score = np.where(np.maximum(moved, stayed) >= LEAST_OVERLAP, moved + STAYED * stayed, 0)
    rows, columns = linear_sum_assignment(-score)
    return {
        int(column): int(row)
        for row, column in zip(rows, columns, strict=True)
        if score[row, column] > 0
    }


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:4]) / 2


def _close(track: OpenTrack, looked: np.ndarray) -> Track:
    """The track as it is kept: a gap is where a look between two sightings found nothing."""
    faces = np.stack(track.faces)
    gaps = tuple(
        (before + 1, after)
        for before, after in zip(track.frames, track.frames[1:], strict=False)
        if np.searchsorted(looked, after) - np.searchsorted(looked, before) > 1
    )
    return Track(
        np.array(track.frames), faces[:, :4].astype(float), faces[:, 4].astype(float), gaps
    )


def _is_face(track: Track, looked: np.ndarray, least_length: float) -> bool:
    looks = np.count_nonzero((looked >= track.first) & (looked <= track.last))
    long_enough = track.last - track.first + 1 >= least_length
    return bool(long_enough and track.scores.sum() >= LEAST_CERTAINTY * looks)
