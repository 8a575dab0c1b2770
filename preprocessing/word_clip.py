"""Clips of single words, as LRW has them, to aligned faces and windows of MFCC for DAVS."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from corpus.description import write_description
from corpus.errors import CorpusError
from corpus.videos import video_files
from corpus.words import FPS, FRAMES, SPLITS, write_word_files
from face_detection import Detector
from models.checkpoint import load
from models.davs.alignment import ALIGNED, STEADY_SECONDS, carriers, cut_aligned
from models.generator import Video
from models.landmarks import LandmarkNet, find_landmarks
from models.pretrained import LANDMARKS
from models.steadying import fill_gaps, steadied
from preprocessing.clip import OpenClip, SkippedClip, skipping
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo

NUMBERED = re.compile(r".*?(\d+)")


def find_words(data_root: Path) -> tuple[list[SourceVideo], tuple[str, ...]]:
    """The videos <WORD>/<split>/<WORD>_<number>.mp4, named <split>/<class>/<number>, and the words.

    Classes are numbered from A to Z. Raises CorpusError where there are none, and where two videos
    have one number.
    """
    if not data_root.is_dir():
        raise CorpusError(f"no such folder: {data_root}; --data_root is LRW's lipread_mp4")
    videos = [path for path in video_files(data_root) if _is_in_place(path, data_root)]
    if not videos:
        raise CorpusError(
            f"{data_root} has no <WORD>/<{'|'.join(SPLITS)}>/<WORD>_00001.mp4; "
            "--layout lrw reads LRW's folders"
        )
    words = tuple(sorted({path.parts[-3] for path in videos}))
    named: dict[str, Path] = {}
    for path in sorted(videos):
        number = int(NUMBERED.fullmatch(path.stem)[1])
        name = f"{path.parts[-2]}/{words.index(path.parts[-3])}/{number}"
        if name in named:
            raise CorpusError(f"{path} and {named[name]} have one number; rename one of them")
        named[name] = path
    return [SourceVideo(name, path) for name, path in sorted(named.items())], words


def _is_in_place(path: Path, data_root: Path) -> bool:
    parts = path.relative_to(data_root).parts
    return len(parts) == 3 and parts[1] in SPLITS and bool(NUMBERED.fullmatch(path.stem))


def write_word(
    clip: SourceVideo, settings: PreprocessSettings, detector: Detector, folder: Path
) -> None:
    """align_face256/0.jpg to 28.jpg, mfcc20/2.bin to 26.bin, clip.json of the video's middle."""
    opened = OpenClip.of(clip.source, settings, detector)
    with skipping("undecodable"):
        images = list(opened.frames.again())
    first = _first_frame(len(images))
    boxes = opened.main_face(settings)[first : first + FRAMES]
    points = _follow(images[first : first + FRAMES], boxes, settings)
    side = min(settings.crop_size or ALIGNED, ALIGNED)
    faces = _cut(images[first:], points, side)
    begin = round(first / FPS * settings.hp.sample_rate)
    write_word_files(folder, faces, opened.sound[begin:].astype(np.float32) / 32768)
    write_description(
        folder,
        [None if np.isnan(box[0]) else tuple(np.round(box).astype(int).tolist()) for box in boxes],
        fps=FPS,
        settings=settings.of_a_clip() | detector.settings | {"layout": "lrw"},
        **opened.described(),
    )


def _first_frame(frames: int) -> int:
    """Where the middle FRAMES begin."""
    if frames < FRAMES:
        raise SkippedClip("too short", f"{frames} frames at {FPS} a second; a word has {FRAMES}")
    return (frames - FRAMES) // 2


def _follow(
    images: list[np.ndarray], boxes: np.ndarray, settings: PreprocessSettings
) -> np.ndarray:
    """Eyes and mouth in every frame, as inference has them: filled, steadied. (frames, 3, 2)"""
    seen = [number for number, box in enumerate(boxes) if not np.isnan(box[0])]
    if len(images) - len(seen) > settings.max_missing * len(images) or not seen:
        raise SkippedClip(
            "too many frames without a face",
            f"{len(images) - len(seen)} of {len(images)}; see --max_missing",
        )
    network = _landmarks()
    found, _ = find_landmarks(network, [images[n] for n in seen], [boxes[n] for n in seen])
    rows = dict(zip(seen, (carriers(face).ravel() for face in found), strict=True))
    filled = fill_gaps(rows)
    filled = np.concatenate([filled, np.repeat(filled[-1:], len(images) - len(filled), axis=0)])
    height, width = images[0].shape[:2]
    video = Video(len(images), Fraction(FPS), (width, height))
    return steadied(filled, video, STEADY_SECONDS).reshape(-1, 3, 2)


def _cut(images: list[np.ndarray], points: np.ndarray, side: int) -> Iterator[np.ndarray]:
    for image, point in zip(images, points, strict=False):
        yield cut_aligned(image, point, side=side)


@cache
def _landmarks() -> LandmarkNet:
    return load(LANDMARKS, "landmarks")
