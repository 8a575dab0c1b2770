"""Train the landmark network on crops composed of synthetic heads.

python -m detector_training.make_heads --head_model ICT-FaceKit/FaceXModel --out faces --landmarks
python -m detector_training.train_landmarks --heads faces --checkpoint_dir runs/landmarks
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import torch

from detector_training.faces import Faces
from detector_training.heads import read_bank
from export.weights import export
from hparams import LandmarkHParams
from models.landmarks import LandmarkNet
from models.pretrained import LANDMARKS
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
SCRIPT = "detector_training.train_landmarks"
VALIDATION_SEED = 12345
OUTER_EYES = (36, 45)  # points whose distance is the measure of the others' errors
SURENESS_WEIGHT = 1.0  # of the likelihood that the spreads give, against the errors in pixels
FINE = slice(48, 68)  # the mouth, which is what all this is for
FINE_WEIGHT = 1.5
SAMPLES = 8
GREEN, RED = (0, 255, 0), (0, 0, 255)


def landmark_losses(
    points: torch.Tensor, spreads: torch.Tensor, truth: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Errors in pixels, and how unlikely they are for their spreads. points, truth: (B, 68, 2)"""
    errors = torch.linalg.vector_norm(points - truth, dim=-1)
    unlikely = errors / spreads + 2 * spreads.log()
    weights = torch.ones_like(errors)
    weights[:, FINE] = FINE_WEIGHT
    weights = weights / weights.mean()
    each = errors + SURENESS_WEIGHT * unlikely
    return {"loss": (weights * each).mean(), "pixels": errors.mean(), "unlikely": unlikely.mean()}


def normalised_errors(points: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Each face's mean error over the distance of its outer corners of the eyes. (B,)"""
    errors = torch.linalg.vector_norm(points - truth, dim=-1).mean(dim=-1)
    eyes = torch.linalg.vector_norm(truth[:, OUTER_EYES[0]] - truth[:, OUTER_EYES[1]], dim=-1)
    return errors / eyes


class LandmarkTrainer:
    """The network on composed crops; see training.engine.loop.Trainer."""

    def __init__(self, runtime: Runtime, hp: LandmarkHParams, samples: Faces):
        self.runtime, self.hp, self.samples = runtime, hp, samples
        self.step = 0
        network = runtime.synced(runtime.place(LandmarkNet(hp.multiplier))).train()
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=hp.initial_learning_rate, weight_decay=WEIGHT_DECAY
        )
        self.learner = Learner(network, optimizer, runtime, hp)

    def train_step(self, micro_batches: list[Batch]) -> Values:
        means = Means()
        for batch in self.learner.micro_batches(micro_batches):
            # Crops (B, 3, 112, 112) to points (B, 68, 2) and spreads (B, 68), in pixels.
            with self.runtime.autocast():
                points, spreads = self.learner.call(_pictures(batch))
            values = landmark_losses(points, spreads, batch["points"])
            self.learner.backward(values["loss"], len(micro_batches))
            means.add(values)
        return means.tensors() | self.learner.apply(self.step)

    @torch.inference_mode()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Over this process's share of the crops, and then the mean over the processes."""
        sums = {"nme": 0.0, "mouth_pixels": 0.0, "pixels": 0.0, "spread": 0.0}
        count = 0
        for batch in batches:
            points, spreads = self._find(batch["image"])
            errors = torch.linalg.vector_norm(points - batch["points"], dim=-1)
            sums["nme"] += float(normalised_errors(points, batch["points"]).sum())
            sums["mouth_pixels"] += float(errors[:, FINE].mean(dim=1).sum())
            sums["pixels"] += float(errors.mean(dim=1).sum())
            sums["spread"] += float(spreads.mean(dim=1).sum())
            count += len(points)
        values = self.runtime.mean(sums, count)
        return {**values, "score": values["nme"]}

    def _find(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        network = self.learner.eval_model.eval()
        with self.runtime.autocast():
            found = network(images.permute(0, 3, 1, 2))
        self.learner.network.train()
        return found

    @torch.inference_mode()
    def draw_samples(self, folder: Path) -> None:
        """A few validation crops: what is found in green, what should be in red."""
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(SAMPLES):
            image, truth = self.samples.compose(number)
            found, _ = self._find(torch.from_numpy(image)[None].to(self.runtime.device))
            large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
            for points, colour in ((truth, RED), (found[0].cpu().numpy(), GREEN)):
                for x, y in points:
                    cv2.circle(large, (round(4 * float(x)), round(4 * float(y))), 2, colour, -1)
            cv2.imwrite(str(folder / f"{number}.png"), large)

    def files(self) -> dict[str, dict]:
        return {"": network_state(self.learner, self.hp)}


def _pictures(batch: Batch) -> torch.Tensor:
    return batch["image"].permute(0, 3, 1, 2)  # (B, H, W, 3) -> channels last


def train(args: argparse.Namespace) -> Path:
    """Returns the path of the weights to use: the best of this run, in 16 bits."""
    start = read_start(args, "landmarks", SCRIPT, LandmarkHParams)
    with start.open_runtime(args) as runtime:
        last = train_network(args, start, runtime)
        best = args.checkpoint_dir / BEST
        if not runtime.is_first or not best.is_file():
            return last
        export(best, args.checkpoint_dir / LANDMARKS.name)
        return args.checkpoint_dir / LANDMARKS.name


def train_network(args: argparse.Namespace, start: Start, runtime: Runtime) -> Path:
    """Returns the path of the last checkpoint."""
    hp = start.hp
    torch.manual_seed(start.seed)
    banks = [read_bank(folder) for folder in args.heads]
    faces = Faces(banks, start.seed)
    held_out = Faces(banks, VALIDATION_SEED, held_out=True)
    trainer = LandmarkTrainer(runtime, hp, held_out)
    start.load(trainer.learner)
    stream = TrainStream(faces, hp.batch_size, hp.grad_accum_steps, args.workers, runtime)
    validation = ValidationSet(
        held_out, args.validation_faces, hp.batch_size, args.workers, runtime
    )
    return run.train(trainer, stream, validation, start=start, runtime=runtime, args=args)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detector_training.train_landmarks",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--heads", type=Path, nargs="+", required=True, help="banks that make_heads wrote")
    add("--validation_faces", type=int, default=1024, help="of people whom training does not see")
    add("--workers", type=int, default=1, help="processes that compose crops; 0 = this one")
    add_run_arguments(parser, keep=2)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.validation_faces < 1 or args.workers < 0:
        parser.error("--validation_faces must be 1 or more, --workers 0 or more")
    return run_script(parser, argv, train)


if __name__ == "__main__":
    sys.exit(main())
