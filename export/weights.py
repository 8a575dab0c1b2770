"""Make a file to give away of a training's checkpoint: weights alone, in 16 bits.

python -m export.weights runs/expert/checkpoint_best.pth checkpoints/syncnet_small.safetensors
"""

import argparse
import sys
from pathlib import Path

from hparams import ClipHParams
from models.checkpoint import CheckpointError, read_checkpoint, save_weights

# What a reader of the weights needs to know; the numbers of the training are in its own record.
KEPT = {"multiplier", *ClipHParams.names()}
NOTES = ("tokens", "view", "hears", "terms")  # plain values that lie beside some weights


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export.weights", description=__doc__.splitlines()[0]
    )
    parser.add_argument("checkpoint", type=Path, help="any checkpoint file")
    parser.add_argument("target", type=Path, help="the .safetensors file to write")
    parser.add_argument(
        "--fits_from", type=float,
        help="of an expert: the mean similarity from which a voice is called a face's own",
    )  # fmt: skip
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.fits_from is not None and not -1 <= args.fits_from <= 1:
        parser.error(f"--fits_from is a cosine, -1 to 1, not {args.fits_from}")
    try:
        export(args.checkpoint, args.target, fits_from=args.fits_from)
    except (CheckpointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(args.target)
    return 0


def export(source: Path, target: Path, *, fits_from: float | None = None) -> None:
    """Write the weights of `source` in 16 bits. Raises CheckpointError or OSError."""
    checkpoint = read_checkpoint(source)
    network = checkpoint.build()
    hparams = {name: value for name, value in checkpoint.hparams.items() if name in KEPT}
    extra = {name: checkpoint.extra[name] for name in NOTES if name in checkpoint.extra}
    if fits_from is not None:
        extra["fits_from"] = fits_from
    target.parent.mkdir(parents=True, exist_ok=True)
    save_weights(target, network, hparams, step=checkpoint.step or 0, half=True, extra=extra)


if __name__ == "__main__":
    sys.exit(main())
