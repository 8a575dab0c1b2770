"""Linking: the faces of single frames, joined into tracks; what is no face, left out."""

from dataclasses import dataclass, field

import numpy as np

from face_detection.boxes import intersection_over_union
from face_detection.looks import likeness
from face_detection.tracks import Track

START_SCORE = 0.5  # of a face that may begin a track; weaker ones may only continue one
LEAST_OVERLAP = 0.25  # of a face with the same face, the last time it was seen
STAYED = 0.3  # weight of overlap with where it was, beside that with where it should be
MOTION_FRAMES = 8  # from which a face's motion is told
LONGEST_MOTION_FRAMES = 25  # that it is thought to go on
ALIKE = 1.0  # weight of looking alike, beside these
LOOK_NEWS = 0.1  # share of a face's last look in what a track remembers
SAME_LOOK = 0.85  # likeness, under which a look is not remembered
LONGEST_ABSENCE = 2.5  # seconds after which a face that looks alike and is near is still the same
RETURN_LIKENESS, RETURN_WIDTHS = 0.8, 2.5  # how alike, and within how many widths of a face
LONGEST_GAP_SECONDS = 1.0  # a face that comes back later begins a new track
SHORTEST_TRACK_SECONDS = 0.3  # a track shorter than this, in a longer shot, is a false alarm
LEAST_CERTAINTY = 0.45  # mean score of a track, where a look in vain counts as 0


@dataclass(eq=False)
class OpenTrack:
    """One face as far as it has been followed: the frames in which it was seen, and where."""

    frames: list[int] = field(default_factory=list)
    faces: list[np.ndarray] = field(default_factory=list)
    look: np.ndarray | None = None  # what the face has looked like of late, if that is known

    def add(self, frame: int, face: np.ndarray) -> None:
        """Take the face of a later frame: box, score, and perhaps its look."""
        look = face[5:]
        if self.look is None or not len(look):
            self.look = look
        elif float(look @ self.look) >= SAME_LOOK:  # else something is half before it
            look = (1 - LOOK_NEWS) * self.look + LOOK_NEWS * look
            self.look = look / max(float(np.linalg.norm(look)), 1e-6)
        self.frames.append(frame)
        self.faces.append(face[:5].copy())  # a view would keep all looks of the film in memory

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
        longest = (LONGEST_GAP_SECONDS if found.shape[1] == 5 else LONGEST_ABSENCE) * self._fps + 1
        ended = [track for track in self.live if frame - track.frames[-1] > longest]
        self.live = [track for track in self.live if track not in ended]
        taken = _match(self.live, found, frame, self._fps)
        for at, face in enumerate(found):
            if at in taken:
                self.live[taken[at]].add(frame, face)
            elif face[4] >= START_SCORE:
                self.live.append(OpenTrack())
                self.live[-1].add(frame, face)
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


def _match(live: list[OpenTrack], found: np.ndarray, frame: int, fps: float) -> dict[int, int]:
    """Which face continues which track: the pairs that fit best in all.

    What overlaps where the track should be by now comes before what overlaps where it was, and a
    face that looks alike before another: of two people who cross, each goes on. One who was away
    for longer must look alike, and be near.
    """
    if not live or not len(found):
        return {}
    predicted = np.stack([track.predicted(frame) for track in live])
    moved = intersection_over_union(predicted, found)
    stayed = intersection_over_union(np.stack([track.box for track in live]), found)
    alike = likeness(np.stack([track.look for track in live]), found[:, 5:])
    away = np.array([frame - track.frames[-1] for track in live]) > LONGEST_GAP_SECONDS * fps + 1
    near = _distance(predicted, found) < RETURN_WIDTHS
    back = near & (alike >= RETURN_LIKENESS)
    fits = np.where(away[:, None], back, np.maximum(moved, stayed) >= LEAST_OVERLAP)
    score = np.where(fits, 1 + moved + STAYED * stayed + ALIKE * alike, 0)
    return {column: row for row, column in _assign(score) if score[row, column] > 0}


def _assign(score: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of a row and a column whose scores are the most in all; each row and column once."""
    if min(score.shape) == 1:  # one person: scipy, which takes 0.4 s to import, is not needed
        row, column = np.unravel_index(score.argmax(), score.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    return [
        (int(row), int(column)) for row, column in zip(*linear_sum_assignment(-score), strict=True)
    ]


def _distance(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Between the middles of boxes, in widths of the first. (n, m)"""
    apart = (boxes[:, None, :2] + boxes[:, None, 2:4] - others[:, :2] - others[:, 2:4]) / 2
    return np.linalg.norm(apart, axis=2) / np.maximum(boxes[:, None, 2] - boxes[:, None, 0], 1)


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
