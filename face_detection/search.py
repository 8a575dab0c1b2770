"""From frames to tracks: shrink, look at every few frames, closer where faces move, and link."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np

import video
from face_detection.boxes import intersection_over_union
from face_detection.cache import cached_tracks
from face_detection.cuts import CutFinder
from face_detection.detectors import Detector
from face_detection.linking import START_SCORE, link_faces
from face_detection.looks import describe_faces
from face_detection.tracks import Tracks
from video import files_in_order

WORK_SIZE = 360  # pixels of the shorter side of the frames in which faces are detected
DETECT_EVERY = 5  # frames from one look to the next while nothing moves
STEADY_OVERLAP = 0.85  # of two looks at a face, above which the frames between need none
CHUNK = 64  # frames held at a time


def find_tracks_in_video(
    path: Path | str,
    detector: Detector,
    *,
    fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    detect_every: int = DETECT_EVERY,
    use_cache: bool = True,
    watch: Callable[[Iterator], Iterator] = iter,
) -> Tracks:
    """The faces of a video, in pixels of its full-size frames, from the cache where known.

    fps: at which it is read, its own if None; start, end: seconds. watch: given the frames on
    their way to the detector, gives them on, so as to count them. Raises video.MediaError.
    """
    media = video.probe(path)
    if not media.has_picture:
        raise video.MediaError(f"{path} has no pictures, only sound")
    rate = fps or media.fps or 25
    height = work_height(media.width, media.height)

    def find() -> Tracks:
        frames = video.read_frames(media, rate, start=start, end=end, height=height)
        return find_tracks(
            watch(frames),
            detector,
            fps=rate,
            full_size=(media.width, media.height),
            detect_every=detect_every,
        )

    files = files_in_order(media.path) if media.kind == "folder" else [media.path]
    key = search_key(rate, start, end, detect_every) | detector.settings
    return cached_tracks(files, key, find, use_cache=use_cache)


def search_key(fps: float, start: float, end: float | None, detect_every: int) -> dict:
    """What the search of a video's whole frames depends on, besides its bytes and the detector."""
    return {"fps": str(fps), "start": start, "end": end, "detect_every": detect_every}


def find_tracks(
    frames: Iterable[np.ndarray],
    detector: Detector,
    *,
    fps: float,
    full_size: tuple[int, int] | None = None,
    detect_every: int = DETECT_EVERY,
) -> Tracks:
    """The faces of a stream of BGR uint8 frames, of which a few dozen are held at a time.

    full_size: (width, height) of the pixels that boxes are given in, where the frames are
    shrunk already; the frames' own if None.
    """
    if detect_every < 1:
        raise ValueError(f"detect_every must be at least 1, not {detect_every}")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return Tracks(0, *(full_size or (0, 0)), float(fps))
    width, height = full_size or (first.shape[1], first.shape[0])
    small = map(shrink, chain([first], frames))
    searcher = Searcher(detector, detect_every)
    faces: dict[int, np.ndarray] = {}  # frame number -> (n, 5), of the frames looked at
    cuts: list[int] = []
    while chunk := list(islice(small, CHUNK)):
        new_faces, new_cuts = searcher.look(chunk)
        faces |= new_faces
        cuts += new_cuts
    scale = width / shrink(first).shape[1]
    found = link_faces(faces, cuts, fps, searcher.count)
    tracks = [track.scaled(scale).rounded() for track in found]
    return Tracks(searcher.count, width, height, float(fps), tuple(cuts), tracks)


class Searcher:
    """Looks at a stream of frames chunk by chunk: where the faces are, and where shots begin."""

    def __init__(self, detector: Detector, detect_every: int = DETECT_EVERY) -> None:
        self.count = 0  # frames so far
        self._detector, self._detect_every = detector, detect_every
        self._cut_finder = CutFinder()
        self._last: dict[int, np.ndarray] = {}  # the chunk's before; its last frame was looked at

    def look(self, chunk: list[np.ndarray]) -> tuple[dict[int, np.ndarray], list[int]]:
        """The faces of the frames that were looked at, the last among them; and the cuts.

        A face is a box, a score and its look.

        chunk: shrunk frames, see shrink. Frames are numbered from the stream's beginning.
        """
        first = self.count
        cuts = [first + at for at, image in enumerate(chunk) if self._cut_finder.is_cut(image)]
        faces = dict(self._last)
        _look(chunk, first, cuts, self._detect_every, self._detector, faces)
        self.count += len(chunk)
        new = {frame: found for frame, found in faces.items() if frame >= first}
        self._last = {self.count - 1: faces[self.count - 1]}
        return new, cuts


def work_height(width: int, height: int) -> int:
    """Lines of a width x height picture once its shorter side is at most WORK_SIZE."""
    return round(height * min(1.0, WORK_SIZE / min(width, height)))


def shrink(image: np.ndarray) -> np.ndarray:
    """The frame as small as faces are detected in."""
    height, width = image.shape[:2]
    lines = work_height(width, height)
    if lines == height:
        return image
    return cv2.resize(image, (round(width * lines / height), lines), interpolation=cv2.INTER_AREA)


def _look(
    chunk: list[np.ndarray],
    start: int,
    cuts: list[int],
    detect_every: int,
    detector: Detector,
    faces: dict[int, np.ndarray],
) -> None:
    """Detect faces in some frames of a chunk until those between need no look of their own."""
    end = start + len(chunk)
    due = {frame for frame in range(start, end) if frame % detect_every == 0} | {end - 1}
    due |= {frame for cut in cuts for frame in (cut - 1, cut) if frame >= start}
    looked = [start - 1] if start - 1 in faces else []
    while due:
        wanted = sorted(due)
        images = [chunk[frame - start] for frame in wanted]
        found = map(describe_faces, images, detector.detect(images))
        faces.update(zip(wanted, found, strict=True))
        looked = sorted(looked + wanted)
        due = {
            (before + after) // 2
            for before, after in zip(looked, looked[1:], strict=False)
            if after - before > 1 and not _is_steady(faces[before], faces[after])
        }


def _is_steady(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two looks saw the same sure faces in about the same places."""
    sure_before, sure_after = (found[found[:, 4] >= START_SCORE] for found in (before, after))
    if not len(sure_before) and not len(sure_after):
        return True
    if not len(before) or not len(after):
        return False
    overlap = intersection_over_union(before, after) >= STEADY_OVERLAP
    return bool(
        overlap[before[:, 4] >= START_SCORE].any(axis=1).all()
        and overlap[:, after[:, 4] >= START_SCORE].any(axis=0).all()
    )
