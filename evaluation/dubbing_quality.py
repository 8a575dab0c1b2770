"""How good is dubbing? Videos with other people's speech: sync, sharpness of the mouth, seams.

python -m evaluation.dubbing_quality VIDEO [VIDEO ...] --audio SPEECH --results_dir made
    [--checkpoint_path FILE] [--syncnet_checkpoint_path FILE]

Sharpness: variance of the Laplacian in the lower middle of the face, the result's over the given
video's. Seam: gradient where the mask rises from 0 to 1, the result's over the given video's.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

import video
from audio import load_wav
from evaluation import Expert, read_expert, similarity_of_faces
from evaluation.describe import mean_with_interval
from evaluation.metrics.faces import face_boxes, read_faces
from evaluation.metrics.picture_quality import sharpness
from face_detection import DETECTOR_NAMES
from lipsync import LipSync, Settings
from lipsync.contact_sheet import write_contact_sheet
from lipsync.plan import Plan
from models.lower_face import face_mask
from models.pretrained import EXPERT, LIP_WARP

MOUTH = (0.55, 0.95, 0.25, 0.75)  # top, bottom, left, right in parts of the crop
SEAM = (0.02, 0.98)  # of the mask


def measure(path: Path, speech: Path, maker: LipSync, expert: Expert, folder: Path) -> dict:
    """Dub one video with a speech; its numbers by name. Raises ValueError."""
    settings = Settings(length="shortest")
    plan = maker.plan(path, speech, settings)
    result = maker.make(plan, video.prepare_output(folder / f"{path.stem}.mp4")).path
    write_contact_sheet(plan, result, result.with_suffix(".png"), maker.backend)
    wav = load_wav(speech, expert.hp.sample_rate)
    own = load_wav(path, expert.hp.sample_rate)
    boxes = face_boxes(path, maker.detector(), expert.hp.fps)

    def similarity(pictures: Path, sound: np.ndarray) -> float:
        faces = read_faces(pictures, boxes, expert.hp.fps)
        return similarity_of_faces(faces, sound, expert).describe().mean

    return {
        "given, its own sound": similarity(path, own),
        "given, the new sound": similarity(path, wav),
        "result, the new sound": similarity(result, wav),
        "result, its old sound": similarity(result, own),
        **_looks(plan, result),
    }


def _looks(plan: Plan, result: Path) -> dict[str, float]:
    rows = []
    given = islice(plan.source.played(plan.settings.loop), plan.frame_count)
    for (shown, before), after in zip(given, video.read_frames(result), strict=False):
        for box in plan.faces.at(shown)[:1]:
            crops = [frame[box.top : box.bottom, box.left : box.right] for frame in (before, after)]
            rows.append([_mouth_sharpness(crop) for crop in crops] + [_seam(c) for c in crops])
    sharp_before, sharp_after, seam_before, seam_after = np.mean(rows, axis=0)
    return {"sharpness": sharp_after / sharp_before, "seam": seam_after / seam_before}


def _mouth_sharpness(crop: np.ndarray) -> float:
    height, width = crop.shape[:2]
    top, bottom, left, right = np.multiply(MOUTH, (height, height, width, width)).astype(int)
    return sharpness(crop[top:bottom, left:right])


def _seam(crop: np.ndarray) -> float:
    """Mean gradient along the mask's own, where the mask is neither 0 nor 1."""
    mask = face_mask(crop.shape[1], crop.shape[0], "feather")
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    across = [_gradients(image) for image in (mask, grey)]
    length = np.hypot(*across[0])
    at = (mask > SEAM[0]) & (mask < SEAM[1]) & (length > 0)
    along = sum(m[at] * g[at] for m, g in zip(*across, strict=True)) / length[at]
    return float(np.abs(along).mean())


def _gradients(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path, nargs="+")
    parser.add_argument("--audio", type=Path, required=True, help="what all of them shall say")
    parser.add_argument("--results_dir", type=Path, required=True, help="for videos and sheets")
    parser.add_argument("--checkpoint_path", type=Path, default=LIP_WARP)
    parser.add_argument("--syncnet_checkpoint_path", type=Path, default=EXPERT)
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="auto")
    args = parser.parse_args(argv)
    maker = LipSync(args.checkpoint_path, device="cpu", detector=args.detector)
    expert = read_expert(args.syncnet_checkpoint_path)
    rows = []
    for path in args.video:
        try:
            rows.append(measure(path, args.audio, maker, expert, args.results_dir))
        except ValueError as error:
            print(f"{path}: {error}", file=sys.stderr)
            continue
        print(path.name, " ".join(f"{name}: {value:.3f};" for name, value in rows[-1].items()))
    for name in rows[0] if rows else ():
        _, mean, low, high = mean_with_interval(np.array([row[name] for row in rows]))
        interval = "" if low is None else f" ({low:.3f} to {high:.3f})"
        print(f"{name:<22} {mean:.3f}{interval}")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
