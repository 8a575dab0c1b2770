"""The speaking face of a video, frame after frame at the rate of the network that judges it."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

import video
from face_detection import (
    DEFAULT_PADS,
    Detector,
    NoFaceError,
    crop_box,
    find_tracks,
    find_tracks_in_video,
)


def face_boxes(
    path: str | Path,
    detector: Detector,
    fps: Fraction | float,
    *,
    select: str = "largest",
    smooth: bool = True,
    use_cache: bool = True,
    watch: Callable[[Iterator], Iterator] = iter,
) -> np.ndarray:
    """Where the chosen face is at `fps` frames per second: (frames, 4), NaN where it is not.

    Faces are detected at the file's own rate, so that all uses of a file share one search. watch:
    see find_tracks_in_video.
    """
    info = video.probe(path)
    if info.kind == "video":
        tracks = find_tracks_in_video(path, detector, use_cache=use_cache, watch=watch)
    else:  # a picture, or a folder of them: frames without a rate of their own
        tracks = find_tracks(video.read_frames(info), detector, fps=25)
    try:
        own = tracks.paths(select, smooth=smooth)[0]
    except NoFaceError:
        own = np.full((tracks.frame_count, 4), np.nan)
    return at_rate(own, info.fps or fps, fps)


def at_rate(boxes: np.ndarray, fps: Fraction | float, wanted: Fraction | float) -> np.ndarray:
    """The boxes shown at another frame rate: of the frame that is nearest in time."""
    ratio = Fraction(fps) / Fraction(wanted)
    count = round(len(boxes) / ratio)
    nearest = [min(round(frame * ratio), len(boxes) - 1) for frame in range(count)]
    return boxes[nearest]


def read_faces(
    path: str | Path, boxes: np.ndarray, fps: Fraction | float
) -> Iterator[np.ndarray | None]:
    """The face in each frame, cropped as for training: BGR uint8, or None where there is none."""
    for number, frame in enumerate(video.read_frames(path, fps)):
        box = boxes[min(number, len(boxes) - 1)]
        yield None if np.isnan(box[0]) else crop(frame, box)


def crop(frame: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    """The part of a frame that training cuts out for that box; None where it is outside."""
    height, width = frame.shape[:2]
    try:
        left, top, right, bottom = crop_box(box, DEFAULT_PADS, width, height)
    except ValueError:
        return None
    return frame[top:bottom, left:right]
