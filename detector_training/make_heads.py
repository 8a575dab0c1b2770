"""Make a bank of heads for the face detector's training, or for the landmark network's.

python -m detector_training.make_heads --head_model ICT-FaceKit/FaceXModel --out heads
python -m detector_training.make_heads --head_model ICT-FaceKit/FaceXModel --out faces --landmarks
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from detector_training.heads import (
    BACKGROUND_SIZE,
    HEIGHT,
    WIDTH,
    Face,
    Shot,
    five_of,
    outline_of,
    write_bank,
)
from detector_training.mouths import draw_mouths
from synthesis.figure.head import Head, load_head
from synthesis.figure.speaker import Scene, Speaker
from synthesis.render.backgrounds import BackgroundLook, paint_background
from synthesis.render.window import Window
from synthesis.renderer import Renderer
from synthesis.speech.performance import Performance

LIGHTS_A_PERSON = 3  # cameras and lights
POSES = 6  # under each of them
FACE_FRACTION = 0.44  # of the cut-out's height: leaves room for hair and shoulders
MOST_TURNED = 0.9  # radians of the camera, of heads that teach landmarks
EXPRESSIONS = (
    "jawOpen", "mouthPucker", "mouthFunnel", "mouthSmile_L", "mouthSmile_R", "mouthFrown_L",
    "mouthFrown_R", "mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R",
    "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "eyeBlink_L", "eyeBlink_R",
    "eyeSquint_L", "eyeSquint_R", "cheekPuff_L", "cheekPuff_R", "noseSneer_L", "noseSneer_R",
)  # fmt: skip
MOUTHS = ("jaw", "mouth")


@dataclass(frozen=True)
class Task:
    """One person's heads."""

    head_model: Path
    seed: int
    person: int
    landmarks: bool = False  # mouths of all kinds on faces that are seen, not heads from all sides


def draw_person(task: Task) -> list[Shot]:
    """All heads of a person."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((task.seed, task.person))
    speaker = Speaker.draw(rng)
    head = _head(task.head_model)
    return [
        Shot(cutout, face, task.person)
        for _ in range(LIGHTS_A_PERSON)
        for cutout, face in shoot(head, speaker, rng, landmarks=task.landmarks)
    ]


@lru_cache(maxsize=1)
def _head(path: Path) -> Head:
    return load_head(path)


def shoot(
    head: Head, speaker: Speaker, rng: np.random.Generator, *, landmarks: bool = False
) -> Iterator[tuple[np.ndarray, Face]]:
    """A person from one camera in one light, in several poses."""
    drawn = Scene.draw(rng)
    camera = replace(
        drawn.camera,
        yaw=face_yaw(rng) if landmarks else camera_yaw(rng),
        pitch=float(np.clip(rng.normal(0, 0.22), -0.6, 0.6)),
        roll=0.0,  # scenes turn the cut-outs
        face_fraction=FACE_FRACTION,
        centre=(0.5, 0.5),
        shake=0.0,
    )
    unseen = replace(drawn.background, kind="plain")  # not drawn
    scene = replace(drawn, camera=camera, background=unseen, occluder=None)
    renderer = Renderer(head, speaker, scene, WIDTH, HEIGHT)
    acted = act_faces(rng, POSES) if landmarks else act(rng, POSES)
    for frame in range(POSES):
        pose = renderer.pose(acted, frame)
        cutout = renderer.draw_cutout(pose, Window(0, 0, WIDTH, HEIGHT, WIDTH, HEIGHT))
        truth = renderer.truth(acted, frame)
        facing = float(pose.head_rotation[2, 2])
        outline = outline_of(truth.landmarks, truth.box, facing)
        yield cutout, Face(outline, five_of(truth.landmarks), facing)


def camera_yaw(rng: np.random.Generator) -> float:
    """Mostly from the front, often from the side, now and then from behind; radians."""
    where = rng.random()
    if where < 0.62:
        return float(rng.normal(0, 0.35))
    if where < 0.9:
        return float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.45))
    return float(math.pi + rng.uniform(-0.9, 0.9))


def face_yaw(rng: np.random.Generator) -> float:
    """From the front to where the far eye is hidden; radians."""
    wide = rng.uniform(-MOST_TURNED, MOST_TURNED)
    return float(wide if rng.random() < 0.4 else np.clip(rng.normal(0, 0.25), -0.9, 0.9))


def act_faces(rng: np.random.Generator, frames: int) -> Performance:
    """The same upper faces and turns, but mouths as mouths are, each of another kind."""
    acted = act(rng, frames)
    upper = {name: row for name, row in acted.weights.items() if not name.startswith(MOUTHS)}
    # what a mouth raises with it, such as a smile's cheeks, adds to what they do anyway
    mouths = draw_mouths(frames, rng)
    weights = upper | {name: upper.get(name, 0) + row for name, row in mouths.items()}
    return replace(
        acted,
        weights={name: row.clip(-0.2, 1) for name, row in weights.items()},
        rotation=acted.rotation * np.float32(0.6),
        tongue=(rng.random(frames) * (rng.random(frames) < 0.3)).astype(np.float32),
    )


def act(rng: np.random.Generator, frames: int) -> Performance:
    """Poses and expressions that have nothing to do with each other."""
    some = rng.random((len(EXPRESSIONS), frames)) < 0.35
    weights = some * rng.beta(1.2, 2.0, some.shape)
    return Performance(
        {name: row.astype(np.float32) for name, row in zip(EXPRESSIONS, weights, strict=True)},
        (rng.normal(0, 1, (frames, 3)) * (0.2, 0.3, 0.12)).clip(-0.7, 0.7).astype(np.float32),
        np.zeros((frames, 3), np.float32),
        rng.normal(0, 0.15, (frames, 2)).astype(np.float32),
        np.zeros(frames, np.float32),
    )


def paint_without_people(rng: np.random.Generator) -> np.ndarray:
    """A background without people. BGR uint8"""
    painted = paint_background(BackgroundLook.draw(rng), rng, BACKGROUND_SIZE, BACKGROUND_SIZE)
    return (np.clip(painted, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def make_bank(folder: Path, tasks: list[Task], backgrounds: int, workers: int) -> None:
    """Draw everybody, in several processes if wanted; the same tasks give the same bank."""
    rng = np.random.default_rng((tasks[0].seed, len(tasks)))
    painted = np.stack([paint_without_people(rng) for _ in range(backgrounds)])
    with get_context("spawn").Pool(workers) as pool:
        people = tqdm(pool.imap(draw_person, tasks), total=len(tasks), unit="person")
        shots = (shot for person in people for shot in person)
        write_bank(folder, shots, len(tasks) * LIGHTS_A_PERSON * POSES, painted)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detector_training.make_heads",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--head_model", type=Path, required=True, help="ICT-FaceKit's folder or packed file")
    add("--out", type=Path, required=True, help="folder of the bank")
    add("--people", type=int, default=300, help="each is drawn 18 times (5 MB)")
    add("--backgrounds", "--grounds", type=int, default=400, help="painted backgrounds")
    add("--workers", type=int, default=1, help="processes that draw")
    add("--landmarks", action="store_true",
        help="for the landmark network: no heads from behind, mouths of all kinds")  # fmt: skip
    add("--seed", type=int, default=0)
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.people < 1 or args.backgrounds < 1 or args.workers < 1:
        parser.error("--people, --backgrounds and --workers must be 1 or more")
    tasks = [Task(args.head_model, args.seed, n, args.landmarks) for n in range(args.people)]
    try:
        load_head(args.head_model)  # packs it once, before the processes read it
        make_bank(args.out, tasks, args.backgrounds, args.workers)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
