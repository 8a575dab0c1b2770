"""Runs: each face through the frames in which it is seen without a break, cut out as they pass."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from corpus.write import at_most, write_face
from face_detection import Box, Pads, crop_box
from face_detection.linking import LEAST_CERTAINTY, Linker, OpenTrack
from face_detection.search import Searcher, shrink
from face_detection.smoothing import fill_between, smooth_boxes
from face_detection.tracks import SMOOTHING_SECONDS
from models.inputs import lower_half_rows
from preprocessing.wild.film import Piece
from preprocessing.wild.looks import LOOK_EVERY, SMALL, Examiner
from synchrony.evidence import Evidence
from synchrony.expert import Expert
from synchrony.film_sound import FilmSound
from synchrony.shifts import WINDOW_FRAMES

OVERLAP = 8  # frames that pieces share, more than boxes are smoothed over to either side


@dataclass
class Run:
    """One face in consecutive frames of one shot, and what was found out about it."""

    track: int
    shot: int
    folder: Path  # of its crops, by the film's frame numbers
    first: int  # frame
    boxes: list[Box | None] = field(default_factory=list)  # cut out of each frame; None: too small
    changes: list[float] = field(default_factory=list)  # levels, of the mouth's half to the next
    faults: dict[int, str | None] = field(default_factory=dict)  # of the frames looked at
    scores: list[float] = field(default_factory=list)  # the detector's
    starts: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    by_shift: np.ndarray = field(default_factory=lambda: np.empty((0, 31), np.float32))

    @property
    def end(self) -> int:
        return self.first + len(self.boxes)

    @property
    def is_face(self) -> bool:
        return bool(np.mean(self.scores or [0]) >= LEAST_CERTAINTY)


@dataclass(frozen=True)
class Cutting:
    """How faces are cut out, and what looks at them."""

    fps: float
    pads: Pads
    smooth: bool
    crop_size: int
    min_face: int
    expert: Expert
    examiner: Examiner
    sound: FilmSound


class _OpenRun:
    """A run that is being followed: cut out up to a little before the last look."""

    def __init__(self, run: Run, track: OpenTrack) -> None:
        self.run, self.track = run, track
        self._begun = self._near = len(track.frames) - 1  # sightings of the track
        self._evidence: Evidence | None = Evidence(run.first)
        self._spans: list[tuple[np.ndarray, np.ndarray]] = []
        self._before: np.ndarray | None = None

    def advance(self, piece: Piece, cutting: Cutting, *, ended: bool) -> None:
        """Cut out what is known of the face so far; with `ended`, all of it."""
        half = round(SMOOTHING_SECONDS * cutting.fps) // 2 if cutting.smooth else 0
        known = self.track.frames[-1] + 1
        settled = known if ended else max(self.run.end, known - half)
        if settled > self.run.end:
            while self._near + 1 < len(self.track.frames) and (
                self.track.frames[self._near + 1] <= self.run.end - half
            ):
                self._near += 1
            frames = np.array(self.track.frames[self._near :])
            boxes = fill_between(frames, np.stack(self.track.faces[self._near :])[:, :4])
            smooth = smooth_boxes(boxes, 2 * half + 1) if half else boxes
            self._cut(piece, smooth[self.run.end - frames[0] : settled - frames[0]], cutting)
        if ended:
            self.run.scores = [float(face[4]) for face in self.track.faces[self._begun :]]
            self._end_span()
            starts, scores = zip(*self._spans, strict=True)
            self.run.starts = np.concatenate(starts)
            self.run.by_shift = np.concatenate(scores)

    def _cut(self, piece: Piece, boxes: np.ndarray, cutting: Cutting) -> None:
        prepared: list[np.ndarray] = []
        looks: list[tuple[int, np.ndarray]] = []
        first = self.run.end
        for number, box in enumerate(boxes, first):
            crop = self._crop(piece.frame(number), box, number, cutting)
            if crop is None:
                self._give(prepared, piece, cutting)
                prepared = []
                self._end_span()
                continue
            if self._evidence is None:
                self._evidence = Evidence(number)
            face = cutting.expert.prepare(crop)
            self._note_change(face)
            prepared.append(face)
            if (number - self.run.first) % LOOK_EVERY == 0:
                looks.append((number, box))
        self._give(prepared, piece, cutting)
        frames = [piece.frame(number) for number, _ in looks]
        faults = cutting.examiner.faults(frames, [box for _, box in looks])
        self.run.faults |= dict(zip([number for number, _ in looks], faults, strict=True))

    def _crop(
        self, frame: np.ndarray, box: np.ndarray, number: int, cutting: Cutting
    ) -> np.ndarray | None:
        """The crop, written; None where the face is too small or has left the picture."""
        place = None
        if box[3] - box[1] >= cutting.min_face:
            try:
                place = crop_box(box, cutting.pads, frame.shape[1], frame.shape[0])
            except ValueError:  # it has left the picture
                place = None
        self.run.boxes.append(place)
        if place is None:
            self.run.faults[number] = SMALL
            self.run.changes.append(0.0)
            self._before = None
            return None
        crop = frame[place.top : place.bottom, place.left : place.right]
        write_face(self.run.folder, number, at_most(crop, cutting.crop_size))
        return crop

    def _note_change(self, face: np.ndarray) -> None:
        half = face[-lower_half_rows(len(face)) :]
        same = self._before is None
        self.run.changes.append(0.0 if same else float(cv2.absdiff(half, self._before).mean()))
        self._before = half

    def _give(self, faces: list[np.ndarray], piece: Piece, cutting: Cutting) -> None:
        if faces and self._evidence is not None:
            since = max(0, piece.first - 2 * WINDOW_FRAMES)
            self._evidence.add(faces, cutting.expert, cutting.sound, since)

    def _end_span(self) -> None:
        """A face that is away, or too small, is not the same five frames later."""
        if self._evidence is not None:
            self._spans.append(self._evidence.settle())
        self._evidence = None


class Follower:
    """Follows all faces of a film, piece by piece."""

    def __init__(self, searcher: Searcher, cutting: Cutting, scratch: Path) -> None:
        self.runs: list[Run] = []
        self.cuts: list[int] = []
        self._searcher, self._cutting, self._scratch = searcher, cutting, scratch
        self._linker = Linker(cutting.fps)
        self._numbers: dict[OpenTrack, int] = {}  # of those that may be seen again
        self._count = 0
        self._open: dict[OpenTrack, _OpenRun] = {}

    def take(self, piece: Piece) -> None:
        """The next piece of the film."""
        new = [shrink(frame) for frame in piece.frames[piece.first_new - piece.first :]]
        faces, cuts = self._searcher.look(new)
        scale = piece.frames[0].shape[1] / new[0].shape[1]
        for frame in sorted(faces):
            if frame in cuts:
                ended = self._linker.end_shot()
                self._close_all(piece)
                self._forget(ended)
                self.cuts.append(frame)
            found = faces[frame].copy()
            found[:, :4] *= scale
            ended = self._linker.look(frame, found)
            self._note_sightings(frame, piece)
            self._forget(ended)
        for open_run in self._open.values():
            open_run.advance(piece, self._cutting, ended=False)

    def finish(self, piece: Piece) -> list[Run]:
        """All runs, once the last piece was taken."""
        self._close_all(piece)
        return [run for run in self.runs if run.is_face and run.boxes]

    def _note_sightings(self, frame: int, piece: Piece) -> None:
        """Begin a run for each face that is seen anew; end those of faces that are not seen."""
        for track in list(self._open):
            if track.frames[-1] < frame:
                self._close(track, piece)
        for track in self._linker.live:
            if track.frames[-1] == frame and track not in self._open:
                self._begin(track, frame)

    def _begin(self, track: OpenTrack, frame: int) -> None:
        if track not in self._numbers:
            self._numbers[track] = self._count
            self._count += 1
        number = self._numbers[track]
        folder = self._scratch / f"{number}_{frame}"
        folder.mkdir()
        self._open[track] = _OpenRun(Run(number, len(self.cuts), folder, frame), track)

    def _forget(self, ended: list[OpenTrack]) -> None:
        for track in ended:
            self._numbers.pop(track, None)

    def _close(self, track: OpenTrack, piece: Piece) -> None:
        open_run = self._open.pop(track)
        open_run.advance(piece, self._cutting, ended=True)
        self.runs.append(open_run.run)

    def _close_all(self, piece: Piece) -> None:
        for track in list(self._open):
            self._close(track, piece)
