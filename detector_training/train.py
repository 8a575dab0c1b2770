"""Train the small face detector on scenes composed of synthetic heads.

python -m detector_training.make_heads --head_model ICT-FaceKit/FaceXModel --out heads
python -m detector_training.train --heads heads --checkpoint_dir runs/face --max_steps 6000
"""

import argparse
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import torch

from detector_training.degrade import TILE
from detector_training.heads import read_bank
from detector_training.losses import count_positive, detection_losses
from detector_training.real_frames import RealFrame, read_real_frames
from detector_training.scene_batches import Scenes
from detector_training.scenes import Composer
from detector_training.scores import DetectionScore
from export.weights import export
from face_detection.detectors import DETECTOR_NAMES, FACE_FINDER_PATH, make_detector
from face_detection.face_finder import select_faces
from hparams import FaceFinderHParams
from models.face_finder import FaceFinder, decode
from training.engine import run
from training.engine.checkpoints import BEST, network_state
from training.engine.cli import add_run_arguments, run_script
from training.engine.learner import Learner
from training.engine.log import Means
from training.engine.loop import Batch, Values
from training.engine.runtime import Runtime
from training.engine.start import Start, read_start
from training.engine.stream import TrainStream, ValidationSet

WEIGHT_DECAY = 0.02
SCRIPT = "face_detection.train"  # as checkpoints are signed
VALIDATION_SEED = 12345
SAMPLES = 8  # validation scenes that are drawn with what is found in them
GREEN, RED = (0, 255, 0), (0, 0, 255)

log = logging.getLogger(__name__)


class DetectorTrainer:
    """The network on composed scenes; see training.engine.loop.Trainer."""

    def __init__(self, runtime: Runtime, hp: FaceFinderHParams, samples: Scenes):
        self.runtime, self.hp, self.samples = runtime, hp, samples
        self.step = 0
        network = runtime.synced(runtime.place(FaceFinder(hp.multiplier))).train()
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=hp.initial_learning_rate,
            weight_decay=WEIGHT_DECAY,
            fused=runtime.fused,
        )
        self.learner = Learner(network, optimizer, runtime, hp)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means, count = Means(), self.count_all(micro_batches)
        for batch in self.learner.micro_batches(micro_batches):
            # Scenes (B, 3, H, W) to score, box and landmarks of every cell: (B, 15, h, w) a level.
            with self.runtime.autocast():
                levels = self.learner.call(_pictures(batch))
            # Scores of all cells; boxes and landmarks of those that a face belongs to.
            values = detection_losses(levels, batch, count)
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    def count_all(self, micro_batches: list[Batch]) -> torch.Tensor | None:
        """What a micro-batch is divided by, where a step has several of them or processes."""
        shares = len(micro_batches) * self.runtime.world_size
        if shares == 1:
            return None
        total = sum(count_positive(batch) for batch in micro_batches)
        mean = self.runtime.mean_tensor(total / len(micro_batches))
        return mean.clamp(min=1 / shares)  # one cell in the whole batch

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Over this process's share of the scenes, and then the mean over the processes."""
        score, share = DetectionScore(), 0.0  # a process may have no scenes
        for batch in batches:
            share = 1.0
            found = self._find(batch)
            for at, (faces, landmarks) in enumerate(found):
                known = batch["known"][at].cpu().numpy()
                truth = (batch[name][at].cpu().numpy()[known] for name in TRUTH)
                score.add(faces, landmarks, *truth)
        own = {name: value if share else 0.0 for name, value in score.read().items()}
        values = self.runtime.mean(own, share)
        return {**values, "score": 2 - values["average_precision"] - values["median_iou"]}

    def _find(self, batch: Batch) -> list[tuple]:
        network = self.learner.eval_model.eval()
        with self.runtime.autocast():
            levels = network(_pictures(batch))
        self.learner.network.train()
        scores, boxes, landmarks = decode(levels)
        each = zip(scores.sigmoid(), boxes, landmarks, strict=True)
        return [select_faces(*(part.cpu().numpy() for part in one)) for one in each]

    @torch.inference_mode()
    def draw_samples(self, folder: Path) -> None:
        """A few validation scenes: what is found in green, what should be in red."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(SAMPLES):
            image, truth = self.samples.composer.compose(number)
            batch = {"image": torch.from_numpy(image)[None].to(self.runtime.device)}
            ((faces, landmarks),) = self._find(batch)
            asked = [box for box, wanted in zip(truth.boxes, truth.asked, strict=True) if wanted]
            for boxes, colour in ((asked, RED), (faces[:, :4], GREEN)):
                for left, top, right, bottom in (map(round, map(float, box)) for box in boxes):
                    cv2.rectangle(image, (left, top), (right, bottom), colour)
            for x, y in landmarks.reshape(-1, 2):
                cv2.circle(image, (round(x), round(y)), 1, GREEN, -1)
            cv2.imwrite(str(folder / f"{number}.png"), image)

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


TRUTH = ("boxes", "asked", "landmarks")  # of a batch, in the order of DetectionScore.add


def _pictures(batch: Batch) -> torch.Tensor:
    return batch["image"].permute(0, 3, 1, 2)  # (B, H, W, 3) -> channels last


def train(args: argparse.Namespace) -> Path:
    """Returns the path of the weights to use: the best of this run, in 16 bits."""
    start = read_start(args, "face_finder", SCRIPT, FaceFinderHParams)
    if args.batch_size:
        start.hp = start.hp.with_overrides(f"batch_size={args.batch_size}")
    with start.open_runtime(args) as runtime:
        last = train_detector(args, start, runtime)
        return export_best(args.checkpoint_dir, last) if runtime.is_first else last


def train_detector(args: argparse.Namespace, start: Start, runtime: Runtime) -> Path:
    """Returns the path of the last checkpoint."""
    hp = start.hp
    torch.manual_seed(start.seed)
    bank = read_bank(args.heads)
    log.info("%d heads, %d backgrounds in %s", len(bank.people), len(bank.backgrounds), args.heads)
    real = real_frames(args, str(runtime.device))
    scenes = Scenes(Composer(bank, args.scene_size, start.seed, real=real))
    held_out = Scenes(Composer(bank, args.scene_size, VALIDATION_SEED, held_out=True))
    trainer = DetectorTrainer(runtime, hp, held_out)
    start.load(trainer.learner)
    stream = TrainStream(scenes, hp.batch_size, hp.grad_accum_steps, args.workers, runtime)
    validation = ValidationSet(
        held_out, args.validation_scenes, hp.batch_size, args.workers, runtime
    )
    return run.train(trainer, stream, validation, start=start, runtime=runtime, args=args)


def real_frames(args: argparse.Namespace, device: str) -> list[RealFrame]:
    """Frames of --videos, with the boxes that --video_detector is sure of."""
    if args.videos is None:
        return []
    detector = make_detector(args.video_detector, device=device, s3fd_path=args.s3fd_path)
    return read_real_frames(args.videos, detector)


def export_best(run_dir: Path, last: Path) -> Path:
    """The best weights as a file for --detector small: 16-bit floats, nothing else."""
    best = run_dir / BEST
    if not best.is_file():
        log.warning("no validation was better than those before %s: take their best", run_dir)
        return last
    target = run_dir / FACE_FINDER_PATH.name
    export(best, target)
    return target


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detector_training.train",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--heads", type=Path, required=True, help="the bank that make_heads wrote")
    add("--videos", type=Path, help="real videos of one face each, to mix frames of in")
    add("--video_detector", choices=DETECTOR_NAMES, default="haar", help="finds those faces")
    add("--s3fd_path", type=Path, help="the published weights for --video_detector s3fd")
    add("--batch_size", type=int, help="scenes in a step; without it 16, or the checkpoint's")
    add("--scene_size", type=int, default=320, help="pixels of a scene's side")
    add("--validation_scenes", type=int, default=384, help="of people whom training does not see")
    add("--workers", type=int, default=1, help="processes that compose scenes; 0 = this one")
    add_run_arguments(parser, keep=2)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if not 64 <= args.scene_size <= TILE:
        parser.error(f"--scene_size must be 64 to {TILE}, not {args.scene_size}")
    if args.validation_scenes < 1 or args.workers < 0:
        parser.error("--validation_scenes must be 1 or more, --workers 0 or more")
    if args.batch_size is not None and args.batch_size < 1:
        parser.error(f"--batch_size must be 1 or more, not {args.batch_size}")
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
