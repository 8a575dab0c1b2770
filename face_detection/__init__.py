"""Find faces, link them into tracks, fill gaps, smooth, cache.

    from face_detection import find_tracks_in_video, make_detector

    detector = make_detector("auto", device="cpu")
    tracks = find_tracks_in_video("talk.mp4", detector, fps=25)
    (boxes,) = tracks.paths("largest")      # (frames, 4) float; NaN where there is no face
    crop = crop_box(boxes[7], DEFAULT_PADS, tracks.width, tracks.height)

Frames that do not come from one file: find_tracks(frames, detector, fps=...), with
cached_tracks around it to keep the result. A user's own boxes: track_files.read_tracks(path).
"""

from face_detection.boxes import DEFAULT_PADS, Box, Pads, crop_box
from face_detection.cache import cached_tracks
from face_detection.detectors import DETECTOR_NAMES, Detector, make_detector
from face_detection.search import find_tracks, find_tracks_in_video
from face_detection.tracks import NoFaceError, Track, Tracks

__all__ = [
    "DEFAULT_PADS",
    "DETECTOR_NAMES",
    "Box",
    "Detector",
    "NoFaceError",
    "Pads",
    "Track",
    "Tracks",
    "cached_tracks",
    "crop_box",
    "find_tracks",
    "find_tracks_in_video",
    "make_detector",
]
