"""Frames of real videos for training, with the boxes that another detector is sure of."""

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import video
from corpus.videos import VIDEO_SUFFIXES, video_files
from face_detection import Detector, find_tracks_in_video
from face_detection.boxes import intersection_over_union
from face_detection.search import work_height

FRAMES_A_VIDEO = 6
FRAMES_PER_SECOND = 5  # that are looked at
SURE = 0.8  # the score that every look at the face must have
STEADY = 0.8  # overlap of one look with the next

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RealFrame:
    """A frame, no larger than faces are detected in, and the box of its one face."""

    image: np.ndarray  # BGR uint8
    box: np.ndarray  # (4,)


def read_real_frames(folder: Path, detector: Detector) -> list[RealFrame]:
    """A few frames of each video below a folder that shows one face, surely and steadily.

    Raises FileNotFoundError where there is no video at all.
    """
    paths = sorted(video_files(folder))
    if not paths:
        raise FileNotFoundError(f"{folder} has no videos ({', '.join(sorted(VIDEO_SUFFIXES))})")
    frames = [frame for path in paths for frame in _frames_of(path, detector)]
    log.info("%d real frames of %d videos in %s", len(frames), len(paths), folder)
    return frames


def _frames_of(path: Path, detector: Detector) -> list[RealFrame]:
    tracks = find_tracks_in_video(path, detector, fps=FRAMES_PER_SECOND, detect_every=1)
    if len(tracks.tracks) != 1 or tracks.cuts:
        return []
    (track,) = tracks.tracks
    if len(track.frames) < tracks.frame_count or track.scores.min() < SURE:
        return []
    overlaps = intersection_over_union(track.boxes[:-1], track.boxes[1:]).diagonal()
    if (overlaps < STEADY).any():
        return []
    wanted = set(np.linspace(0, tracks.frame_count - 1, FRAMES_A_VIDEO).astype(int).tolist())
    media = video.probe(path)
    height = work_height(media.width, media.height)
    scale = height / media.height
    images = enumerate(video.read_frames(media, FRAMES_PER_SECOND, height=height))
    return [
        RealFrame(image, (track.boxes[at] * scale).astype(np.float32))
        for at, image in images
        if at in wanted
    ]


def cut_frame(
    frame: RealFrame, background: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A frame laid on a square background, its face of any size; and the face's box there."""
    box, size = frame.box, background.shape[0]
    sides = box[2:] - box[:2]
    tall = float(sides[1])
    largest = min(size * 0.9, tall * 2.5)
    smallest = max(16.0, tall * size / max(frame.image.shape[:2]) * 0.8)
    scale = np.exp(rng.uniform(np.log(min(smallest, largest)), np.log(largest))) / tall
    half = sides * scale / 2
    place = size / 2 + rng.uniform(-1, 1, 2) * np.maximum(size / 2 - half, 0)
    matrix = np.diag([float(rng.choice([-1, 1])) * scale, scale])
    warp = np.column_stack([matrix, place - matrix @ ((box[:2] + box[2:]) / 2)])
    source = frame.image
    if scale < 0.6:  # warping alone would skip pixels
        source = cv2.resize(source, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        warp = np.column_stack([warp[:, :2] / scale, warp[:, 2]])
    image = cv2.warpAffine(
        source, warp, (size, size), dst=background.copy(), borderMode=cv2.BORDER_TRANSPARENT
    )
    return image, np.concatenate([place - half, place + half]).astype(np.float32)
