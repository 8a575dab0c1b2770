"""How well the landmark network finds points: on synthetic faces, and how still they stand.

python -m detector_training.landmark_quality --heads faces [--videos FOLDER]
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

import video
from detector_training.faces import Faces
from detector_training.heads import HeadBank, is_held_out, read_bank
from detector_training.train_landmarks import OUTER_EYES, VALIDATION_SEED
from face_detection import make_detector
from face_detection.landmarks import LandmarkFinder
from models.checkpoint import load
from models.pretrained import LANDMARKS

GREY = 128
NOISE = 4.0  # levels
SHIFT = 0.1  # of the box's sides
GROUPS = {
    "jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48),
    "mouth": slice(48, 68), "all": slice(0, 68),
}  # fmt: skip


def score_degraded(weights: Path, banks: list[HeadBank], count: int) -> dict[str, float]:
    """On crops as in training, of people that it never saw: one look. Shares of the eyes' way."""
    network = load(weights, "landmarks")
    faces = Faces(banks, VALIDATION_SEED, held_out=True)
    errors = []
    for start in range(0, count, 64):
        crops = [faces.compose(number) for number in range(start, min(start + 64, count))]
        batch = torch.from_numpy(np.stack([image for image, _ in crops])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found = network(batch)[0].numpy()
        truth = np.stack([points for _, points in crops])
        errors.append(_errors(found, truth))
    return _by_group(np.concatenate(errors))


def clean_faces(banks: list[HeadBank]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Held-out heads on grey as they were drawn: picture, box, points."""
    for bank in banks:
        chosen = is_held_out(bank.people) & (bank.facing > 0.4)
        for head in np.flatnonzero(chosen):
            cutout = np.asarray(bank.cutouts[head]).astype(np.float32)
            cover = cutout[..., 3:] / 255
            picture = (cutout[..., :3] * cover + GREY * (1 - cover)).astype(np.uint8)
            outline = bank.outlines[head]
            box = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
            yield picture, box, outline[:68].astype(float)


def score_clean(finder: LandmarkFinder, banks: list[HeadBank], count: int) -> dict[str, float]:
    """Two looks at clean pictures with exact boxes."""
    faces = [face for face, _ in zip(clean_faces(banks), range(count), strict=False)]
    found, _ = finder.find_batch([face[0] for face in faces], [face[1] for face in faces])
    return _by_group(_errors(found, np.stack([face[2] for face in faces])))


def wander(finder: LandmarkFinder, banks: list[HeadBank], count: int) -> tuple[float, float]:
    """A still picture's points under noise, and in boxes that are off: shares of the eyes' way."""
    rng = np.random.default_rng(0)
    noise, boxes = [], []
    for picture, box, truth in (
        face for face, _ in zip(clean_faces(banks), range(count), strict=False)
    ):
        eyes = np.linalg.norm(truth[OUTER_EYES[0]] - truth[OUTER_EYES[1]])
        grain = [rng.normal(0, NOISE, picture.shape) for _ in range(6)]
        noisy = [np.clip(picture + one, 0, 255).astype(np.uint8) for one in grain]
        noise.append(_deviation(finder.find_batch(noisy, [box] * 6)[0]) / eyes)
        sides = np.tile(box[2:] - box[:2], 2)
        moved = [box + SHIFT * np.tile(rng.uniform(-1, 1, 2), 2) * sides for _ in range(6)]
        boxes.append(_deviation(finder.find_batch([picture] * 6, moved)[0]) / eyes)
    return float(np.mean(noise)), float(np.mean(boxes))


def still_in_videos(finder: LandmarkFinder, folder: Path) -> list[float]:
    """Of each video: how far the eyes' corners and the nose move from frame to frame, in shares of
    the eyes' way, after the motion of them together is taken off.
    """
    detector, steps = make_detector("small"), []
    for path in sorted(folder.iterdir()):
        frames = [frame for frame, _ in zip(video.read_frames(path), range(25), strict=False)]
        (faces,) = detector.detect(frames[:1])
        if len(faces):
            points = finder.find_batch(frames, [faces[0, :4]] * len(frames))[0]
            firm = points[:, [36, 39, 42, 45, 27, 31, 33, 35]]
            firm = firm - firm.mean(axis=1, keepdims=True)
            eyes = np.linalg.norm(points[:, 36] - points[:, 45], axis=1).mean()
            steps.append(float(np.linalg.norm(np.diff(firm, axis=0), axis=-1).mean() / eyes))
    return steps


def _errors(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(n, 68) distances over the distance of the outer corners of the eyes."""
    eyes = np.linalg.norm(truth[:, OUTER_EYES[0]] - truth[:, OUTER_EYES[1]], axis=1)
    return np.linalg.norm(found - truth, axis=-1) / eyes[:, None]


def _by_group(errors: np.ndarray) -> dict[str, float]:
    return {name: float(errors[:, span].mean()) for name, span in GROUPS.items()}


def _deviation(points: np.ndarray) -> float:
    return float(np.linalg.norm(points - points.mean(axis=0), axis=-1).mean())


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detector_training.landmark_quality", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--heads", type=Path, nargs="+", required=True, help="banks of make_heads --landmarks")
    add("--weights", type=Path, default=LANDMARKS)
    add("--videos", type=Path, help="real videos of one face each")
    add("--count", type=int, default=256, help="faces")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    banks = [read_bank(folder) for folder in args.heads]
    finder = LandmarkFinder(args.weights)
    rows = {
        "degraded crops": score_degraded(args.weights, banks, args.count),
        "clean": score_clean(finder, banks, args.count),
    }
    for name, errors in rows.items():
        print(f"{name:<14}", "  ".join(f"{group} {value:.2%}" for group, value in errors.items()))
    noise, boxes = wander(finder, banks, min(args.count, 32))
    print(f"noise of {NOISE:g} levels moves points by {noise:.2%}")
    print(f"boxes that are {SHIFT:.0%} off move them by {boxes:.2%}")
    if args.videos:
        steps = still_in_videos(finder, args.videos)
        print(f"from frame to frame of {len(steps)} videos: {np.mean(steps):.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
