"""How good is a face detector? Against YuNet on real media, against the truth on made scenes.

    python -m detector_training.face_detection_quality MEDIA ... --yunet yunet_640x384.onnx \\
        [--yunet_size 640 384] [--empty MEDIA ...] [--heads BANK] [--weights FILE] [--out sheet.png]

Pictures are shrunk as in a run. Of YuNet's faces that are sure (over 0.8) and 40 pixels high or
more, the share that the detector finds (overlap 0.5, score 0.5) is told, also by the lightness of
the skin (ITA, of the box's middle). A box that meets none of YuNet's boxes, sure or not, is false;
in media given by --empty every box is. YuNet is the yardstick only: any ONNX file of it that
cv2.FaceDetectorYN loads, of a fixed input size.
"""

import argparse
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import video
from detector_training.heads import read_bank
from detector_training.scenes import Composer
from detector_training.scores import DetectionScore
from face_detection import DETECTOR_NAMES, Detector, make_detector
from face_detection.boxes import areas, intersection_over_union
from face_detection.face_finder import FaceFinderDetector
from face_detection.search import work_height
from models.face_finder import FaceFinder

SURE, UNSURE = 0.8, 0.3  # YuNet's scores of faces to find, and of those that are no false alarms
FOUND_SCORE, FOUND_OVERLAP, FALSE_OVERLAP = 0.5, 0.5, 0.3
LEAST_HEIGHT = 40  # pixels
# Upper limits of the individual typology angle, degrees (Del Bino and Bernerd 2013).
TONES = ((-30, "dark"), (10, "brown"), (28, "tan"), (41, "intermediate"), (91, "light"))
NOISE_LEVELS, NOISY_COPIES = 4.0, 16
SCENE_SIZE, VALIDATION_SEED = 320, 12345
FRAME_SIZE = (640, 360)


class Yunet:
    """YuNet through OpenCV, at one input size; pictures are made to fit into it."""

    settings = {"detector": "yunet"}

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self._network = cv2.FaceDetectorYN.create(str(path), "", size, UNSURE, 0.3, 1000)
        self._size = size

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """See face_detection.Detector.detect."""
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> np.ndarray:
        width, height = self._size
        scale = min(1.0, width / image.shape[1], height / image.shape[0])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[: image.shape[0], : image.shape[1]] = image[:height, :width]
        found = self._network.detect(canvas)[1]
        if found is None:
            return np.zeros((0, 5))
        left_top, sides, score = found[:, :2], found[:, 2:4], found[:, 14:]
        boxes = np.concatenate([left_top, left_top + sides], axis=1) / scale
        return np.concatenate([boxes, score], axis=1).astype(float)


class Agreement:
    """Counts which of the yardstick's faces a detector finds, and what it finds beside them."""

    def __init__(self) -> None:
        self.frames = self.false = 0
        self.found: dict[str, list[bool]] = defaultdict(list)  # by tone of the skin

    def add(self, image: np.ndarray, faces: np.ndarray, yardstick: np.ndarray) -> None:
        self.frames += 1
        faces = faces[faces[:, 4] >= FOUND_SCORE]
        self.false += int((_best(faces, yardstick) < FALSE_OVERLAP).sum())
        tall = yardstick[:, 3] - yardstick[:, 1] >= LEAST_HEIGHT
        wanted = yardstick[tall & (yardstick[:, 4] > SURE)]
        for box, overlap in zip(wanted, _best(wanted, faces), strict=True):
            self.found[tone_of(image, box)].append(bool(overlap >= FOUND_OVERLAP))

    def report(self) -> str:
        hits = [hit for group in self.found.values() for hit in group]
        tones = ", ".join(
            f"{tone} {100 * np.mean(self.found[tone]):.1f} % of {len(self.found[tone])}"
            for _, tone in TONES
            if self.found[tone]
        )
        share = f"{100 * np.mean(hits):.1f} %" if hits else "none"
        return (
            f"found {share} of {len(hits)} faces ({tones}); "
            f"{self.false / max(self.frames, 1):.3f} false boxes a frame of {self.frames}"
        )


def _best(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The largest overlap of each box with any of the others."""
    return intersection_over_union(boxes[:, :4], others[:, :4]).max(axis=1, initial=0)


def tone_of(image: np.ndarray, box: np.ndarray) -> str:
    """The lightness of a face's skin as the picture shows it; in poor light all skin is dark."""
    left, top, right, bottom = box[:4]
    x = np.clip([left + 0.3 * (right - left), left + 0.7 * (right - left)], 0, image.shape[1])
    y = np.clip([top + 0.45 * (bottom - top), top + 0.7 * (bottom - top)], 0, image.shape[0])
    skin = image[int(y[0]) : int(y[1]) + 1, int(x[0]) : int(x[1]) + 1]
    if not skin.size:
        return TONES[0][1]
    lab = cv2.cvtColor(skin.astype(np.float32) / 255, cv2.COLOR_BGR2LAB).reshape(-1, 3)
    lightness, _, yellow = np.median(lab, axis=0)
    angle = np.degrees(np.arctan2(lightness - 50, max(float(yellow), 1e-3)))
    return next(tone for limit, tone in TONES if angle < limit)


def read_pictures(path: Path, most: int, every: int) -> Iterator[np.ndarray]:
    """Up to `most` frames of a file, or of all files in a folder, one in `every`; shrunk."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            yield from read_pictures(file, most, every)
        return
    try:
        media = video.probe(path)
        if not media.has_picture:
            return
        height = work_height(media.width, media.height)
        frames = video.read_frames(media, media.fps or 25, height=height)
        yield from islice(frames, 0, most * every, every)
    except (video.MediaError, ValueError) as error:
        print(f"{path.name}: left out: {error}")


def compare(detectors: dict[str, Detector], args: argparse.Namespace) -> list[np.ndarray]:
    """Print the agreement of each detector with YuNet; gives pictures of the differences."""
    yunet = Yunet(args.yunet, tuple(args.yunet_size))
    totals = {name: Agreement() for name in detectors}
    doubtful = []
    for path in args.media:
        parts = {name: Agreement() for name in detectors}
        for image in read_pictures(path, args.frames, args.every):
            (yardstick,) = yunet.detect([image])
            for name, detector in detectors.items():
                (faces,) = detector.detect([image])
                for agreement in (parts[name], totals[name]):
                    agreement.add(image, faces, yardstick)
                if name == next(iter(detectors)):
                    doubtful += _drawn_if_different(image, faces, yardstick)
        for name, agreement in parts.items():
            print(f"{path.name:32} {name:6} {agreement.report()}")
    for name, agreement in totals.items():
        print(f"{'ALL':32} {name:6} {agreement.report()}")
    return doubtful


def _drawn_if_different(
    image: np.ndarray, faces: np.ndarray, yardstick: np.ndarray
) -> list[np.ndarray]:
    """The picture with both detectors' boxes (YuNet's in red), if one missed the other's."""
    own, other = faces[faces[:, 4] >= FOUND_SCORE], yardstick[yardstick[:, 4] > SURE]
    if (_best(own, yardstick) >= FALSE_OVERLAP).all() and (_best(other, own) >= 0.5).all():
        return []
    drawn = image.copy()
    for boxes, colour in ((other, (0, 0, 255)), (own, (0, 255, 0))):
        for box in boxes[:, :4].round().astype(int).tolist():
            cv2.rectangle(drawn, tuple(box[:2]), tuple(box[2:]), colour, 2)
    return [drawn]


def count_false(detectors: dict[str, Detector], args: argparse.Namespace) -> None:
    """Boxes in pictures that show no face."""
    for name, detector in detectors.items():
        frames, boxes = 0, 0
        for path in args.empty:
            for image in read_pictures(path, args.frames, args.every):
                (faces,) = detector.detect([image])
                frames, boxes = frames + 1, boxes + int((faces[:, 4] >= FOUND_SCORE).sum())
        print(f"without faces: {name}: {boxes / max(frames, 1):.3f} boxes a frame of {frames}")


def score_scenes(detectors: dict[str, Detector], args: argparse.Namespace) -> None:
    """Against the truth of scenes of people whom training has not seen."""
    composer = Composer(read_bank(args.heads), SCENE_SIZE, VALIDATION_SEED, held_out=True)
    scores = {name: DetectionScore() for name in detectors}
    for number in range(args.scenes):
        image, truth = composer.compose(number)
        boxes = np.array(truth.boxes).reshape(-1, 4)
        marks = np.array(truth.landmarks).reshape(-1, 5, 2)
        for name, detector in detectors.items():
            faces, landmarks = _with_landmarks(detector, np.ascontiguousarray(image))
            scores[name].add(faces, landmarks, boxes, np.array(truth.asked, bool), marks)
    for name, score in scores.items():
        words = "  ".join(f"{key} {value:.4f}" for key, value in score.read().items())
        print(f"{args.scenes} made scenes: {name}: {words}")


def _with_landmarks(detector: Detector, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(detector, FaceFinderDetector):
        return detector.detect_landmarks([image])[0]
    (faces,) = detector.detect([image])
    return faces, np.full((len(faces), 5, 2), np.nan)


def measure_jitter(detectors: dict[str, Detector], args: argparse.Namespace) -> None:
    """How the box of a still head moves under noise: deviation of its edges, over its side."""
    rng = np.random.default_rng(0)
    stills = [next(read_pictures(path, 1, 1), None) for path in args.media if path.is_file()]
    for name, detector in detectors.items():
        moved = []
        for still in (still for still in stills if still is not None):
            noise = rng.normal(0, NOISE_LEVELS, (NOISY_COPIES, *still.shape))
            copies = list(np.clip(still + noise, 0, 255).astype(np.uint8))
            firsts = [faces[0] for faces in detector.detect(copies) if len(faces)]
            if len(firsts) == NOISY_COPIES:
                boxes = np.array(firsts)[:, :4]
                moved.append(boxes.std(axis=0).mean() / np.sqrt(areas(boxes).mean()))
        if moved:
            text = f"{100 * np.median(moved):.2f} % of the side in {len(moved)} stills"
            print(f"jitter under noise of {NOISE_LEVELS:g} levels: {name}: {text} (median)")


def measure_speed(detectors: dict[str, Detector], threads: int, times: int = 20) -> None:
    """Milliseconds of a 640x360 frame, all detectors in turns; and what the network computes."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    image = np.random.default_rng(0).integers(0, 255, (*FRAME_SIZE[::-1], 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for name, detector in detectors.items():
            begun = time.perf_counter()
            detector.detect([image])
            seconds[name].append(time.perf_counter() - begun)
    for name, taken in seconds.items():
        least, usual = 1000 * min(taken), 1000 * np.median(taken)
        print(f"{threads} threads: {name:10} {least:6.1f} ms at best, {usual:6.1f} median")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        FaceFinder().eval()(torch.zeros(1, 3, *FRAME_SIZE[::-1]))
    print(f"FaceFinder: {counter.get_total_flops() / 1e9:.2f} GFLOP a frame of 640x360")


def save_sheet(pictures: list[np.ndarray], path: Path, across: int = 4, most: int = 24) -> None:
    tiles = [cv2.resize(picture, (480, 270)) for picture in pictures[:most]]
    tiles += [np.zeros((270, 480, 3), np.uint8)] * (-len(tiles) % across)
    rows = [np.hstack(tiles[at : at + across]) for at in range(0, len(tiles), across)]
    cv2.imwrite(str(path), np.vstack(rows))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("media", type=Path, nargs="*", help="videos, pictures, folders of either")
    add("--detector", choices=DETECTOR_NAMES, nargs="+", default=["small", "haar"])
    add("--weights", type=Path, help="the small detector's, if not those in checkpoints/")
    add("--precision", default="auto", help="auto, fp32 or bf16")
    add("--yunet", type=Path, help="an ONNX file of YuNet; without it no comparison")
    add("--yunet_size", type=int, nargs=2, default=[640, 384], metavar=("WIDTH", "HEIGHT"))
    add("--empty", type=Path, nargs="+", default=[], help="media that show no face")
    add("--heads", type=Path, help="a bank of heads, to compose scenes of")
    add("--scenes", type=int, default=500)
    add("--frames", type=int, default=25, help="of each video, at most")
    add("--every", type=int, default=5, help="frames from one that is taken to the next")
    add("--threads", type=int, default=2, help="while the speed is measured")
    add("--out", type=Path, help="a sheet of the frames in which the first detector differs")
    return parser


def main(argv: list[str] | None = None) -> None:
    logging.basicConfig(level=logging.WARNING)
    args = build_parser().parse_args(argv)
    detectors: dict[str, Detector] = {}
    for name in args.detector:
        if name == "small" and args.weights:
            detectors[name] = FaceFinderDetector(args.weights, precision=args.precision)
        else:
            detectors[name] = make_detector(name, precision=args.precision)
    if args.yunet and args.media:
        different = compare(detectors, args)
        if args.out and different:
            save_sheet(different, args.out)
    if args.empty:
        count_false(detectors, args)
    if args.heads:
        score_scenes(detectors, args)
    measure_jitter(detectors, args)
    yardstick = {"yunet": Yunet(args.yunet, tuple(args.yunet_size))} if args.yunet else {}
    measure_speed(detectors | yardstick, args.threads)


if __name__ == "__main__":
    main()
