"""Preprocessing against detection alone and against the plain way, turn and turn about.

    python -m benchmarks.preprocess_speed FOLDER [--clips 20] [--turns 3] [--detector haar]

The plain way: clip by clip and frame by frame, every full-size frame is given to the detector, the
crops are written, and ffmpeg makes the sound in a second pass. One process each, and seconds are of
CPU time, ffmpeg's included, so that the ratios are those of the work and not of the machine.
"""

import argparse
import logging
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import torch

import video
from audio import load_wav, melspectrogram
from face_detection import DETECTOR_NAMES, Detector, Pads, crop_box, find_tracks_in_video
from hparams import ClipHParams
from preprocessing.clip import preprocess_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo, find_sources
from preprocessing.wild.options import WildOptions
from preprocessing.wild.preprocess_film import preprocess_film
from preprocessing.workers import build_detector, build_judges


def detect_alone(
    clips: list[SourceVideo], settings: PreprocessSettings, detector: Detector
) -> None:
    """Decode and find the face tracks; write nothing."""
    for clip in clips:
        find_tracks_in_video(clip.source, detector, fps=settings.hp.fps, use_cache=False)


def preprocess(clips: list[SourceVideo], settings: PreprocessSettings, detector: Detector) -> None:
    """What preprocess.py does."""
    for clip in clips:
        preprocess_clip(clip, settings, detector)


def preprocess_films(
    clips: list[SourceVideo], settings: PreprocessSettings, detector: Detector
) -> None:
    """What preprocess.py --wild does."""
    wild = replace(settings, wild=WildOptions())
    for clip in clips:
        preprocess_film(clip, wild, detector)


def preprocess_plainly(
    clips: list[SourceVideo], settings: PreprocessSettings, detector: Detector
) -> None:
    """Every frame, full size, one at a time; the best face of each, unsmoothed."""
    for clip in clips:
        folder = settings.root / clip.name
        folder.mkdir(parents=True)
        for number, image in enumerate(video.read_frames(clip.source, settings.hp.fps)):
            (faces,) = detector.detect([image])
            if len(faces):
                box = crop_box(faces[0, :4], Pads(), image.shape[1], image.shape[0])
                crop = image[box.top : box.bottom, box.left : box.right]
                cv2.imwrite(str(folder / f"{number}.jpg"), crop)
        melspectrogram(load_wav(clip.source, settings.hp.sample_rate), settings.hp)


WAYS: dict[str, Callable] = {
    "detection alone": detect_alone,
    "preprocess.py": preprocess,
    "preprocess.py --wild": preprocess_films,
    "the plain way": preprocess_plainly,
}


def cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="of clips, in any layout")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="haar")
    parser.add_argument("--s3fd_path", type=Path)
    return parser


def main(argv: list[str] | None = None) -> None:
    logging.basicConfig(level=logging.WARNING)
    args = build_parser().parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = find_sources(args.folder)[: args.clips]
    build_judges(WildOptions(), "cpu")  # kept from one film to the next, as the detector is
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(args.turns):
        for name, way in WAYS.items():
            with tempfile.TemporaryDirectory() as root:
                settings = PreprocessSettings(
                    Path(root), ClipHParams(), args.detector, args.s3fd_path
                )
                detector = build_detector(settings, "cpu")
                begun = cpu_seconds()
                way(clips, settings, detector)
                seconds[name].append(cpu_seconds() - begun)
    middles = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, middle in middles.items():
        ratios = [middle / middles[other] for other in ("detection alone", "preprocess.py")]
        print(f"{name}: {middle / len(clips):.3f} s a clip, {ratios[0]:.2f} x detection alone, "
              f"{ratios[1]:.2f} x preprocess.py")  # fmt: skip


if __name__ == "__main__":
    main()
