"""Does the same person keep the same track? Switches in composed films, breaks in real ones.

    python -m benchmarks.track_switches VIDEO VIDEO [--films FILM ...]

The first face of each of two videos is cut out and moved over a painted ground: past each other,
each behind a bar for a while, close together. A switch is a person's face that goes on in another
track. Of --films, whose truth nobody knows, the number of tracks is told and how many end where
another begins: within half a second and a face's width.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

import video
from face_detection import Detector, Tracks, find_tracks, find_tracks_in_video, make_detector
from face_detection.search import work_height

FRAMES, WIDTH, HEIGHT = 100, 640, 360
FACE = 90  # pixels of a cut-out's side
AROUND = 0.35  # of a face's size, that is cut out with it
BAR = (280, 360)  # columns
SCENES = ("crossing", "behind a bar", "close together")


def cut_faces(path: Path, detector: Detector) -> list[np.ndarray]:
    """The face of each frame as a BGRA cut-out with soft edges."""
    media = video.probe(path)
    frames = list(video.read_frames(media, 25, height=work_height(media.width, media.height)))
    tracks = find_tracks(iter(frames), detector, fps=25)
    (boxes,) = tracks.paths("largest")
    cover = np.zeros((FACE, FACE), np.uint8)
    cv2.ellipse(cover, (FACE // 2,) * 2, (FACE // 2 - 8, FACE // 2 - 4), 0, 0, 360, 255, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 3)
    cuts = []
    for frame, box in zip(frames, boxes, strict=False):
        centre, half = (box[:2] + box[2:]) / 2, (0.5 + AROUND) * (box[3] - box[1])
        left, top = (centre - half).astype(int).clip(0)
        right, bottom = (centre + half).astype(int)
        face = cv2.resize(frame[top:bottom, left:right], (FACE, FACE), interpolation=cv2.INTER_AREA)
        cuts.append(np.dstack([face, cover]))
    return cuts


def places(scene: str, frame: int) -> list[tuple[int, int]]:
    """The left upper corners of both faces."""
    share = frame / (FRAMES - 1)
    if scene == "close together":
        swing = round(40 * np.sin(6 * share))
        return [(220 + swing, 130), (220 + FACE - 10 + swing, 138)]
    reach = WIDTH - FACE - 40
    return [(round(20 + reach * share), 130), (round(20 + reach * (1 - share)), 140)]


def in_plain_view(scene: str, frame: int) -> bool:
    """Whether neither hides the other, nor the bar one of them."""
    (one, _), (other, _) = places(scene, frame)
    if scene == "behind a bar":
        return all(left + FACE < BAR[0] or left > BAR[1] for left in (one, other))
    return abs(one - other) > 0.8 * FACE


def draw(scene: str, faces: list[list[np.ndarray]]) -> Iterator[np.ndarray]:
    ground = np.random.default_rng(0).uniform(60, 150, (9, 16, 3)).astype(np.float32)
    ground = cv2.resize(ground, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for frame in range(FRAMES):
        image = ground.copy()
        for cuts, (left, top) in zip(faces, places(scene, frame), strict=True):
            cut = cuts[frame % len(cuts)].astype(np.float32)
            part = image[top : top + FACE, left : left + FACE]
            part += (cut[..., :3] - part) * cut[..., 3:] / 255
        if scene == "behind a bar":
            image[:, BAR[0] : BAR[1]] = 90
        yield image.clip(0, 255).astype(np.uint8)


def count_switches(tracks: Tracks, scene: str) -> tuple[int, int]:
    """Switches, and looks that found nobody where a face is in plain view."""
    switches = missed = 0
    for person in (0, 1):
        last = None
        for frame in range(FRAMES):
            left, top = places(scene, frame)[person]
            if not in_plain_view(scene, frame):
                continue
            seen = _track_at(tracks, frame, np.array([left, top]) + FACE / 2)
            missed += seen is None
            switches += seen is not None and last is not None and seen != last
            last = last if seen is None else seen
    return switches, missed


def _track_at(tracks: Tracks, frame: int, centre: np.ndarray) -> int | None:
    """The track whose box is nearest, not farther than a third of a face."""
    best, found = FACE / 3, None
    for number, track in tracks.numbered.items():
        at = np.searchsorted(track.frames, frame)
        if at < len(track.frames) and track.frames[at] == frame:
            box = track.boxes[at]
            distance = float(np.abs((box[:2] + box[2:]) / 2 - centre).max())
            if distance < best:
                best, found = distance, number
    return found


def count_breaks(tracks: Tracks) -> int:
    """Tracks that begin within half a second of another's end, and near it."""
    breaks = 0
    for one in tracks.tracks:
        for other in tracks.tracks:
            gap = other.first - one.last
            if 0 < gap <= tracks.fps / 2 and not _cut_between(tracks, one.last, other.first):
                width = one.boxes[-1][2] - one.boxes[-1][0]
                breaks += bool(np.abs(one.boxes[-1] - other.boxes[0]).max() < width)
    return breaks


def _cut_between(tracks: Tracks, before: int, after: int) -> bool:
    return any(before < cut <= after for cut in tracks.cuts)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs=2, help="of one face each")
    parser.add_argument("--films", type=Path, nargs="*", default=[])
    parser.add_argument("--detector", default="auto")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    detector = make_detector(args.detector)
    faces = [cut_faces(path, detector) for path in args.videos]
    for scene in SCENES:
        tracks = find_tracks(draw(scene, faces), detector, fps=25, detect_every=1)
        switches, missed = count_switches(tracks, scene)
        print(f"{scene}: {len(tracks.tracks)} tracks, {switches} switches, {missed} looks in vain")
    for path in args.films:
        tracks = find_tracks_in_video(path, detector, use_cache=False)
        print(f"{path.name}: {len(tracks.tracks)} tracks, {count_breaks(tracks)} breaks")


if __name__ == "__main__":
    main()
