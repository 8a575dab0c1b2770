"""How near a lip warp comes to the truth, on pairs of made speakers whom training did not see.

python -m evaluation.lip_warp_quality --pairs pairs [--checkpoint_path FILE] [--sheet FILE.png]

Mouth: mean difference to the true other mouth, about lips, teeth and what lies between them, over
that of leaving the frame as it is. Read back: how far the lip numbers seen in the result are off
those that were asked for, in spreads; beside it the same of the true picture: seeing's own error.
"""

import argparse
import sys
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
from training.pairs import Pairs, as_floats, mouth_region

SEED = 2026
BATCH = 16
SHEET_ROWS = 12


@torch.inference_mode()
def measure(warp: LipWarp, sees: LipSeeing, batch: dict[str, torch.Tensor]) -> dict:
    """By name, one value a sample."""
    seen = _see(sees, batch["face"])
    given = seen * sees.lips_spread + sees.lips_mean
    made = compose(
        warp(batch["face"], batch["reference"], batch["lips"], given),
        batch["face"],
        batch["reference"],
    )
    region = mouth_region(batch)
    left, nothing = (
        ((picture - batch["target"]).abs() * region).sum(dim=(1, 2, 3))
        for picture in (made, batch["face"])
    )
    asked = (batch["lips"] - sees.lips_mean) / sees.lips_spread
    read = {"read back": made, "of the truth": batch["target"], "of the given": batch["face"]}
    errors = {
        name: (_see(sees, picture) - asked).abs().mean(dim=1).numpy()
        for name, picture in read.items()
    }
    return {"left": left.numpy(), "nothing": nothing.numpy(), **errors, "made": made}


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
    add("--samples", type=int, default=480, help="pairs to measure")
    add("--sheet", type=Path, metavar="FILE", help="write given, true and made mouths as a PNG")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        pairs = Pairs(args.pairs, "val", SEED, real=None)
        warp, sees = (
            load(args.checkpoint_path, "lip_warp"),
            load(args.seeing_checkpoint_path, "lip_seeing"),
        )
        found, sheet = _measure_all(pairs, warp, sees, args.samples)
        if args.sheet:
            cv2.imwrite(str(args.sheet), sheet)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    share = found["left"].sum() / found["nothing"].sum()
    print(f"mouth, over doing nothing: {share:.3f} ({len(found['left'])} pairs)")
    for name in ("read back", "of the truth", "of the given"):
        print(f"lip numbers {name}: {mean_with_interval(found[name])} spreads")
    return 0


def _measure_all(
    pairs: Pairs, warp: LipWarp, sees: LipSeeing, samples: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rows: dict[str, list] = {}
    sheet = None
    for first in tqdm(range(0, samples, BATCH), unit="batch"):
        numbers = range(first, min(first + BATCH, samples))
        batch = as_floats(default_collate([pairs[number] for number in numbers]))
        found = measure(warp, sees, batch)
        made = found.pop("made")
        if sheet is None:
            few = {name: batch[name][:SHEET_ROWS] for name in ("face", "target")}
            sheet = draw_rows(few, made[:SHEET_ROWS])
        for name, values in found.items():
            rows.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in rows.items()}, sheet


if __name__ == "__main__":
    sys.exit(main())
