"""How near a lip warp comes to the truth, on pairs of synthetic speakers whom training did not see.

python -m evaluation.lip_warp_quality --pairs pairs [--mouths mouths] [--checkpoint_path FILE]

Mouth: mean difference to the true other mouth, about lips, teeth and what lies between them, over
that of leaving the frame as it is. Read back: how far the lip numbers seen in the result are off
those that were asked for, in spreads; beside it the same of the true picture: seeing's own error.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import default_collate
from tqdm import tqdm

from evaluation.describe import mean_with_interval
from models.checkpoint import load
from models.inputs import to_images
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp, compose
from models.pretrained import LIP_SEEING, LIP_WARP
from training.mouth_files import MouthClip, find_mouth_clips
from training.pairs import Pairs, about_the_mouth, as_floats, mouth_region, video_pair

SEED = 2026
BATCH = 16
SHEET_ROWS = 12


@torch.inference_mode()
def measure(warp: LipWarp, sees: LipSeeing, batch: dict[str, torch.Tensor]) -> dict:
    """By name, one value a sample."""
    seen = _see(sees, batch["face"])
    given = seen * sees.lips_spread + sees.lips_mean
    made = _make(warp, batch, batch["lips"], given)
    left, nothing = _differences(made, batch, mouth_region(batch))
    asked = (batch["lips"] - sees.lips_mean) / sees.lips_spread
    read = {"read back": made, "of the truth": batch["target"], "of the given": batch["face"]}
    errors = {
        name: (_see(sees, picture) - asked).abs().mean(dim=1).numpy()
        for name, picture in read.items()
    }
    return {"left": left.numpy(), "nothing": nothing.numpy(), **errors, "made": made}


@torch.inference_mode()
def measure_real(warp: LipWarp, sees: LipSeeing, batch: dict, asked: torch.Tensor) -> dict:
    """Of two frames of real clips; asked: (B, 15) what the mouths shall do that are read back."""
    size = batch["face"].shape[-1]
    made = _make(warp, batch, batch["lips"], batch["face_lips"])
    left, nothing = _differences(made, batch, about_the_mouth(size, made.device))
    other = _make(warp, batch, asked, batch["face_lips"])
    wanted = (asked - sees.lips_mean) / sees.lips_spread
    errors = {
        name: (_see(sees, picture) - wanted).abs().mean(dim=1).numpy()
        for name, picture in {"read back": other, "of the given": batch["face"]}.items()
    }
    return {"left": left.numpy(), "nothing": nothing.numpy(), **errors}


def _make(warp: LipWarp, batch: dict, lips: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    face, reference = batch["face"], batch["reference"]
    return compose(warp(face, reference, lips, given), face, reference)


def _differences(made: torch.Tensor, batch: dict, region: torch.Tensor) -> tuple:
    """To the true picture, of the made one and of the given one. twice (B,)"""
    return tuple(
        ((picture - batch["target"]).abs() * region).sum(dim=(1, 2, 3))
        for picture in (made, batch["face"])
    )


def _see(sees: LipSeeing, pictures: torch.Tensor) -> torch.Tensor:
    return sees(pictures)[0]


def draw_rows(batch: dict[str, torch.Tensor], made: torch.Tensor) -> np.ndarray:
    """A row a sample: given, true other mouth, made one."""
    columns = [to_images(picture) for picture in (batch["face"], batch["target"], made)]
    return np.concatenate([np.concatenate(row, axis=1) for row in zip(*columns, strict=True)])


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.lip_warp_quality",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--pairs", type=Path, required=True, help="as python -m synthesis.make_pairs drew them")
    add("--checkpoint_path", type=Path, default=LIP_WARP, help="the lip warp")
    add("--seeing_checkpoint_path", type=Path, default=LIP_SEEING, help="what sees lip motion")
    add(
        "--mouths",
        type=Path,
        help="of real talkers, as python -m preprocessing.mouth_clips cut them",
    )
    add("--samples", type=int, default=480, help="pairs to measure")
    add("--sheet", type=Path, metavar="FILE", help="write given, true and drawn mouths as a PNG")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        pairs = Pairs(args.pairs, "val", SEED)
        warp, sees = (
            load(args.checkpoint_path, "lip_warp"),
            load(args.seeing_checkpoint_path, "lip_seeing"),
        )
        found, sheet = _measure_synthetic(pairs, warp, sees, args.samples)
        real = _measure_real(args.mouths, pairs, warp, sees, args.samples) if args.mouths else None
        if args.sheet:
            cv2.imwrite(str(args.sheet), sheet)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _report("synthetic speakers", found)
    if real:
        _report("real talkers", real)
    return 0


def _report(who: str, found: dict[str, np.ndarray]) -> None:
    share = found["left"].sum() / found["nothing"].sum()
    print(f"{who}: mouth, over doing nothing: {share:.3f} ({len(found['left'])} pairs)")
    for name in ("read back", "of the truth", "of the given"):
        if name in found:
            _, mean, low, high = mean_with_interval(found[name])
            print(f"{who}: lip numbers {name}: {mean:.3f} ({low:.3f} to {high:.3f}) spreads")


def _measure_synthetic(
    pairs: Pairs, warp: LipWarp, sees: LipSeeing, samples: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rows: dict[str, list] = {}
    sheet = None
    for numbers in _batches(samples):
        batch = as_floats(default_collate([pairs[number] for number in numbers]))
        found = measure(warp, sees, batch)
        made = found.pop("made")
        if sheet is None:
            few = {name: batch[name][:SHEET_ROWS] for name in ("face", "target")}
            sheet = draw_rows(few, made[:SHEET_ROWS])
        for name, values in found.items():
            rows.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in rows.items()}, sheet


def _measure_real(
    folder: Path, pairs: Pairs, warp: LipWarp, sees: LipSeeing, samples: int
) -> dict[str, np.ndarray]:
    clips = [MouthClip.read(clip) for clip in find_mouth_clips(folder)]
    rng = np.random.default_rng(SEED)
    rows: dict[str, list] = {}
    for numbers in _batches(samples):
        drawn = [video_pair(clips[number % len(clips)], rng) for number in numbers]
        asked = np.stack([pairs[number]["lips"] for number in numbers])
        found = measure_real(warp, sees, as_floats(default_collate(drawn)), torch.from_numpy(asked))
        for name, values in found.items():
            rows.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in rows.items()}


def _batches(samples: int) -> Iterator[range]:
    for first in tqdm(range(0, samples, BATCH), unit="batch"):
        yield range(first, min(first + BATCH, samples))


if __name__ == "__main__":
    sys.exit(main())
