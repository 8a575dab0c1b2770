"""Does the similarity see sync? True videos against the same with sound moved by 3, 6, 12 frames.

python -m evaluation.offset_quality DIR [--syncnet_checkpoint_path FILE] [--clips 50]
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from audio import load_wav
from evaluation import Expert, read_expert, similarity_of_faces
from evaluation.describe import mean_with_interval
from evaluation.metrics.faces import face_boxes, read_faces
from evaluation.videos import find_videos
from face_detection import DETECTOR_NAMES, Detector, make_detector
from models.pretrained import EXPERT
from video import MediaError

MOVED = (0, 3, 6, 12)  # frames that the sound is made to come early


def measure(path: Path, expert: Expert, detector: Detector) -> tuple[list[float], list[int]] | None:
    """The mean similarity and the offset found for each of MOVED; None where nothing is scored."""
    fps, rate = expert.hp.fps, expert.hp.sample_rate
    wav = load_wav(path, rate)
    boxes = face_boxes(path, detector, fps)
    results = []
    for early in MOVED:
        samples = round(early / fps * rate)
        moved = np.concatenate([wav[samples:], np.zeros(samples, np.float32)])
        results.append(similarity_of_faces(read_faces(path, boxes, fps), moved, expert))
    if not all(result.nobs for result in results):
        return None
    return [result.describe().mean for result in results], [r.best_offset for r in results]


def report(means: np.ndarray, offsets: np.ndarray) -> str:
    """means, offsets: (clips, len(MOVED))"""
    lines = ["sound early by   similarity (95 % interval)   offset within a frame"]
    near = np.abs(offsets - np.array(MOVED)) <= 1
    for early, column, found in zip(MOVED, means.T, near.T, strict=True):
        _, mean, low, high = mean_with_interval(column)
        interval = "" if low is None else f"({low:.3f} to {high:.3f})"
        lines.append(f"{early:>2} frames        {mean:.3f} {interval:<20}     {found.mean():>6.0%}")
    best = (means[:, :1] > means[:, 1:]).all(axis=1).mean()
    falling = (np.diff(means, axis=1) < 0).all(axis=1).mean()
    lines.append(f"the true sound scores best in {best:.0%} of {len(means)} clips")
    lines.append(f"the score falls from shift to shift in {falling:.0%} of them")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="videos whose sound is in sync")
    parser.add_argument("--syncnet_checkpoint_path", type=Path, default=EXPERT)
    parser.add_argument("--clips", type=int, default=50, help="how many to take")
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="auto")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    expert = read_expert(args.syncnet_checkpoint_path, args.device)
    detector = make_detector(args.detector, device=args.device)
    rows = []
    for clip in tqdm(find_videos(args.folder)[: args.clips], unit="clip"):
        try:
            row = measure(clip.generated, expert, detector)
        except MediaError as error:
            print(error, file=sys.stderr)
            continue
        rows += [row] if row else []
    if not rows:
        print(f"error: nothing in {args.folder} could be scored", file=sys.stderr)
        return 1
    means, offsets = (np.array(column) for column in zip(*rows, strict=True))
    print(report(means, offsets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
