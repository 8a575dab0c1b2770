"""How often must a face be looked at? Looks, error, jitter and time against a look at every frame.

    python -m benchmarks.face_detection CLIP [CLIP ...] [--detector haar] [--every 1 2 5 8]

Every clip is shrunk as in a run, each frame is given to the detector once, and the searches are
replayed from that. The error is the distance of the smoothed boxes from those of a look at every
frame, the jitter their second difference; both root mean square, in percent of the face.
"""

import argparse
import logging
import time
from pathlib import Path

import numpy as np

import video
from face_detection import DETECTOR_NAMES, Detector, Tracks, find_tracks, make_detector
from face_detection.boxes import areas
from face_detection.search import work_height


class Recorded:
    """A detector that answers from a recording, and counts how often it is asked."""

    def __init__(self, images: list[np.ndarray], detector: Detector) -> None:
        self.settings = detector.settings
        begun = time.perf_counter()
        self._faces = {id(image): detector.detect([image])[0] for image in images}
        self.seconds_a_look = (time.perf_counter() - begun) / len(images)
        self.looks = 0

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        self.looks += len(images)
        return [self._faces[id(image)] for image in images]


def measure(images: list[np.ndarray], recorded: Recorded, every: int) -> tuple[float, Tracks]:
    """Looks per frame, and the tracks that came of them."""
    recorded.looks = 0
    tracks = find_tracks(images, recorded, fps=25, detect_every=every)
    return recorded.looks / len(images), tracks


def compare(tracks: Tracks, reference: Tracks) -> tuple[float, float, float]:
    """Error and jitter in percent of the face, and the share of frames that have a box."""
    path, exact = tracks.paths()[0], reference.paths()[0]
    both = ~np.isnan(path[:, 0]) & ~np.isnan(exact[:, 0])
    size = np.sqrt(areas(exact[both]).mean())
    error = np.sqrt(np.square(path - exact)[both].mean()) / size
    jitter = np.sqrt(np.nanmean(np.square(np.diff(path, 2, axis=0)))) / size
    return 100 * error, 100 * jitter, float((~np.isnan(path[:, 0])).mean())


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="haar")
    parser.add_argument("--s3fd_path", type=Path)
    parser.add_argument("--every", type=int, nargs="+", default=[1, 2, 3, 5, 8, 12])
    return parser


def main(argv: list[str] | None = None) -> None:
    logging.basicConfig(level=logging.WARNING)
    args = build_parser().parse_args(argv)
    detector = make_detector(args.detector, s3fd_path=args.s3fd_path)
    rows: dict[int, list[tuple]] = {every: [] for every in args.every}
    seconds = []
    for clip in args.clips:
        media = video.probe(clip)
        height = work_height(media.width, media.height)
        images = list(video.read_frames(media, 25, height=height))
        recorded = Recorded(images, detector)
        seconds.append(recorded.seconds_a_look)
        _, reference = measure(images, recorded, 1)
        for every in args.every if reference.tracks else ():
            looks, tracks = measure(images, recorded, every)
            rows[every].append((looks, *compare(tracks, reference)))
    print(f"{len(args.clips)} clips, {1000 * np.mean(seconds):.1f} ms a look")
    for every, measured in rows.items():
        looks, error, jitter, found = np.mean(measured, axis=0)
        print(
            f"every {every:2d}: {looks:.3f} looks a frame, error {error:.2f} %, "
            f"jitter {jitter:.3f} %, a box in {100 * found:.1f} % of the frames"
        )


if __name__ == "__main__":
    main()
