"""Where the chosen face is in every frame of a source: given, from a file, or found."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from atomic import write_whole
from face_detection import (
    Box,
    Detector,
    NoFaceError,
    Pads,
    Tracks,
    cached_tracks,
    crop_box,
    find_tracks,
)
from face_detection.cache import content_hash
from face_detection.search import DETECT_EVERY, WORK_SIZE, search_key
from face_detection.track_files import read_tracks, to_json
from lipsync.settings import Settings
from lipsync.source import FaceSource
from lipsync.turns import Turn, weights_of

log = logging.getLogger(__name__)

NO_PADS = Pads(0, 0, 0, 0)


@dataclass(frozen=True)
class FacePaths:
    """The boxes of one face or several through all frames of a source."""

    paths: list[np.ndarray]  # each (frames, 4) float, NaN where that face is not
    pads: Pads
    size: tuple[int, int]  # width and height of the frames
    seen: list[np.ndarray] | None = None  # the same without interpolated boxes, if there are any
    cuts: tuple[int, ...] = ()  # frames at which a new shot begins, where they are known
    weights: list[np.ndarray] | None = None  # of each path in each frame: whether that face speaks

    def at(self, frame: int) -> list[Box]:
        """What to cut out of a frame; nothing where no face is, or none of it in the picture."""
        return [box for _, box in self.by_path(frame)]

    def by_path(self, frame: int) -> list[tuple[int, Box]]:
        """The same, each with the index of its path."""
        boxes = (path[min(frame, len(path) - 1)] for path in self.paths)
        crops = (crop_or_none(box, self.pads, *self.size) for box in boxes)
        return [(index, crop) for index, crop in enumerate(crops) if crop]

    def weight(self, path: int, frame: int) -> float:
        """The share of the new mouth that a face gets in a frame: 0 where it listens."""
        if self.weights is None:
            return 1.0
        return float(self.weights[path][min(frame, len(self.weights[path]) - 1)])

    def is_filled(self, frame: int) -> bool:
        """Whether a frame's only boxes are interpolated, from those before and after a gap."""
        if self.seen is None:
            return False
        return all(np.isnan(path[min(frame, len(path) - 1), 0]) for path in self.seen)


def locate_faces(
    source: FaceSource,
    settings: Settings,
    detector: Callable[[], Detector],
    watch: Callable[[Iterator], Iterator] = iter,
    tell_turns: Callable[[Tracks], list[Turn]] | None = None,
) -> FacePaths:
    """The face of every frame. `detector` makes one, and is called only if it is needed.

    watch: given the frames on their way to the detector, gives them on, so as to count them.
    tell_turns: says who speaks when; those faces are taken, in their turns.

    Raises NoFaceError where there is no face at all, ValueError for a box outside the picture.
    """
    if settings.box is not None:
        _check_inside(settings.box, *source.size)
        return FacePaths([np.array([settings.box], float)], NO_PADS, source.size)
    _check_pads(settings.pads, *source.size)
    tracks = tracks_of(source, settings, detector, watch)
    turns = tell_turns(tracks) if tell_turns and tracks.tracks else None
    if turns is not None and not turns:
        raise NoFaceError(f"{source.info.path}: nobody speaks; say who does: --speakers FILE.json")
    chosen = _chosen(settings, turns)
    try:
        seen = _paths(tracks, chosen, settings.smooth, fill_gaps=False)
        filled = _paths(tracks, chosen, settings.smooth, fill_gaps=True)
    except NoFaceError as error:
        raise NoFaceError(
            f"{source.info.path}: no face in any of {tracks.frame_count} frames looked at; give "
            "its place with --box TOP BOTTOM LEFT RIGHT, or try --rotate or --detector s3fd"
        ) from error
    if settings.no_face == "error":
        _refuse_gaps(source, seen)
    if settings.no_face == "keep":
        filled = seen
    _check_something_is_left(filled, settings.pads, source.size)
    weights = turns and [
        weights_of(turns, int(number), tracks.frame_count, tracks.fps) for number in chosen
    ]
    return FacePaths(filled, settings.pads, source.size, seen, tracks.cuts, weights)


def _chosen(settings: Settings, turns: list[Turn] | None) -> list[str]:
    """The faces that are made anew, each as Tracks.paths takes it."""
    if turns is not None:
        return [str(number) for number in sorted({turn.track for turn in turns})]
    chosen = settings.face_select
    return [chosen] if isinstance(chosen, str) else list(chosen)


def _paths(tracks: Tracks, chosen: list[str], smooth: bool, *, fill_gaps: bool) -> list[np.ndarray]:
    found = [tracks.paths(one, smooth=smooth, fill_gaps=fill_gaps) for one in chosen]
    return [path for paths in found for path in paths]


def describe_frames(frames: Iterable[int], fps: float) -> str:
    """Frame numbers as spans of seconds, for people: "2.0-2.4 s, 7.1-9.0 s"."""
    frames = np.fromiter(frames, int)
    breaks = np.flatnonzero(np.diff(frames) > 1) + 1
    spans = np.split(frames, breaks)
    named = [f"{float(span[0] / fps):.1f}-{float((span[-1] + 1) / fps):.1f}" for span in spans[:5]]
    return ", ".join(named) + " s" + (f" and {len(spans) - 5} more" if len(spans) > 5 else "")


def tracks_of(
    source: FaceSource,
    settings: Settings,
    detector: Callable[[], Detector],
    watch: Callable[[Iterator], Iterator] = iter,
) -> Tracks:
    """Tracks from the user's file if it is there; found ones are written to it if it is named."""
    if settings.boxes and settings.boxes.exists():
        return _checked(read_tracks(settings.boxes), settings.boxes, source)
    tracks = _find(source, settings, detector(), watch)
    if settings.boxes:
        write_whole(settings.boxes, to_json(replace(tracks, made_for=_made_for(source))))
        log.info("face tracks written to %s: edit them and run again to use them", settings.boxes)
    return tracks


def _find(
    source: FaceSource,
    settings: Settings,
    detector: Detector,
    watch: Callable[[Iterator], Iterator],
) -> Tracks:
    every = settings.detect_every or DETECT_EVERY

    def find() -> Tracks:
        frames = watch(source.frames(shorter_side=WORK_SIZE))
        size = source.size
        return find_tracks(frames, detector, fps=source.fps, full_size=size, detect_every=every)

    key = _search_key(source, every) | detector.settings
    return cached_tracks(source.files, key, find, use_cache=settings.use_cache)


def _search_key(source: FaceSource, every: int) -> dict:
    """Under which tracks are cached: evaluation's for whole frames, so that they share a search."""
    if source.is_unedited:
        return search_key(source.fps, source.start, source.end, every)
    described = replace(source, info=None)  # the file itself is known by its content
    return {"source": str(described), "detect_every": every}


def _checked(tracks: Tracks, path: Path, source: FaceSource) -> Tracks:
    if (tracks.width, tracks.height) != source.size:
        raise ValueError(
            f"{path} was made for frames of {tracks.width}x{tracks.height}, "
            f"{source.info.path} has {source.size[0]}x{source.size[1]}"
        )
    given = _made_for(source) if tracks.made_for else {}
    other = [name for name, value in given.items() if tracks.made_for.get(name, value) != value]
    if other:
        raise ValueError(
            f"{path} was not made for these pictures of {source.info.path} (other: "
            f"{', '.join(other)}); name another file, or take made_for out of it to use it so"
        )
    return tracks


def _made_for(source: FaceSource) -> dict:
    """What a file of boxes says of the pictures whose frames it counts."""
    return {
        "content": content_hash(source.files),
        "start": source.start,
        "end": source.end,
        "resize_factor": source.resize_factor,
        "rotate": source.rotate,
        "crop": list(source.crop) if source.crop else None,
        "static": source.static,
        "fps": str(source.fps),
    }


def _check_inside(box: Box, width: int, height: int) -> None:
    if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
        raise ValueError(
            f"the box {box.top} {box.bottom} {box.left} {box.right} (top bottom left right) does "
            f"not lie inside the picture of {width}x{height}"
        )


def _check_pads(pads: Pads, width: int, height: int) -> None:
    if max(map(abs, pads[:2])) >= height or max(map(abs, pads[2:])) >= width:
        raise ValueError(
            f"the pads {' '.join(map(str, pads))} (top bottom left right) are larger than the "
            f"picture of {width}x{height}"
        )


def _refuse_gaps(source: FaceSource, paths: list[np.ndarray]) -> None:
    missing = np.flatnonzero(np.all([np.isnan(path[:, 0]) for path in paths], axis=0))
    if len(missing):
        raise NoFaceError(
            f"{source.info.path}: no face in {len(missing)} of {len(paths[0])} frames "
            f"({describe_frames(missing, source.fps)}); --no_face interpolate goes on without"
        )


def _check_something_is_left(paths: list[np.ndarray], pads: Pads, size: tuple[int, int]) -> None:
    boxes = np.concatenate(paths)
    boxes = boxes[~np.isnan(boxes[:, 0])]
    if not any(crop_or_none(box, pads, *size) for box in boxes):
        crop_box(boxes[0], pads, *size)  # raises, and says why


def crop_or_none(box: np.ndarray, pads: Pads, width: int, height: int) -> Box | None:
    """What to cut out about a face; None where it is not, or not in the picture."""
    if np.isnan(box[0]):
        return None
    try:
        return crop_box(box, pads, width, height)
    except ValueError:  # the face has left the picture
        return None
