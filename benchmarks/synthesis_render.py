"""How many frames a second are drawn? Whole frames at 256x256 and crops at 96x96, by processes.

    python -m benchmarks.synthesis_render --head_model ict_facekit.npz [--workers 2] [--speakers 12]

Wall time counts what the processes did at once after each had compiled; processor time is what one
frame costs a core, which other load on the machine disturbs less. Setting a speaker up (growing
hair, painting skin) is counted apart: it is paid once for all of a speaker's clips.
"""

import argparse
import time
from multiprocessing import get_context

import cv2
import numpy as np

from synthesis.figure.head import Head, load_head
from synthesis.figure.speaker import Scene, Speaker
from synthesis.renderer import Renderer
from synthesis.speech.performance import Performance

FRAME_SIZE, CROP_SIZE = 256, 96
WARM_UP_SEED = 999


def move(frames: int, seed: int) -> Performance:
    """Smooth made-up motion with about as many shapes at work as in speech."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames) / 25
    names = (
        "jawOpen",
        "mouthPucker",
        "mouthFunnel",
        "mouthStretch_L",
        "mouthStretch_R",
        "mouthSmile_L",
        "mouthSmile_R",
        "mouthRollLower",
        "mouthRollUpper",
        "mouthUpperUp_L",
        "mouthUpperUp_R",
        "browInnerUp_L",
        "browInnerUp_R",
        "eyeBlink_L",
        "eyeBlink_R",
    )
    weights = {
        name: np.abs(
            0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 4) * seconds + rng.uniform(0, 6))
        ).astype(np.float32)
        for name in names
    }
    drift = 0.1 * np.sin(seconds[:, None] * rng.uniform(1, 4, 3) + rng.uniform(0, 6, 3))
    return Performance(
        weights,
        drift.astype(np.float32),
        drift.astype(np.float32),
        drift[:, :2].astype(np.float32),
        np.zeros(frames, np.float32),
    )


def time_speaker(head: Head, seed: int, frames: int) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of set-up, and of one frame of each kind."""
    motion = move(frames, seed)
    made = {}

    def measure(kind, work, times):
        wall, own = time.perf_counter(), time.process_time()
        for index in range(times):
            made[kind] = work(index)
        took = time.perf_counter() - wall, time.process_time() - own
        return took[0] / times, took[1] / times

    set_up = measure(
        "renderer",
        lambda _: Renderer(head, Speaker.draw(seed), Scene.draw(seed), FRAME_SIZE, FRAME_SIZE),
        1,
    )
    renderer = made["renderer"]
    box = renderer.truth(motion, 0).box
    renderer.render(motion, 0)
    renderer.render_crop(motion, 0, box, CROP_SIZE, CROP_SIZE)
    whole = measure("frame", lambda index: renderer.render(motion, index), frames)
    crop = measure(
        "crop", lambda index: renderer.render_crop(motion, index, box, CROP_SIZE, CROP_SIZE), frames
    )
    return {"set-up": set_up, "frame": whole, "crop": crop}


def work(task: tuple[str, range, int]) -> list[dict[str, tuple[float, float]]]:
    """One process's share of the speakers."""
    path, seeds, frames = task
    cv2.setNumThreads(1)
    head = load_head(path)
    time_speaker(head, WARM_UP_SEED, 2)
    return [time_speaker(head, seed, frames) for seed in seeds]


def main(argv: list[str] | None = None) -> None:
    """Parse, run the processes, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--head_model", required=True, help="ICT-FaceKit's folder or packed file")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--speakers", type=int, default=12)
    parser.add_argument("--frames", type=int, default=30, help="of each speaker")
    args = parser.parse_args(argv)
    tasks = [
        (args.head_model, range(k, args.speakers, args.workers), args.frames)
        for k in range(args.workers)
    ]
    with get_context("spawn").Pool(args.workers) as pool:
        times = [speaker for share in pool.map(work, tasks) for speaker in share]
    print(f"{'':8}   wall ms    cpu ms   frames/s of {args.workers}   by cpu time")
    for kind in ("set-up", "frame", "crop"):
        wall, own = np.array([speaker[kind] for speaker in times]).mean(axis=0)
        rates = f"{args.workers / wall:15.1f} {args.workers / own:13.1f}"
        print(f"{kind:8} {wall * 1e3:9.1f} {own * 1e3:9.1f} {rates}")


if __name__ == "__main__":
    main()
