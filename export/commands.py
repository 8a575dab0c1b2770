"""What the commands that export have in common: a checkpoint in, a proved graph out."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from torch import nn

from export.engines import OnnxEngine
from export.forms import FORMS, part_that_runs
from export.graph import OPSET, prove, to_onnx
from models.checkpoint import read_checkpoint
from models.folding import fold_batch_norms

Write = Callable[[bytes, nn.Module, Path], float]  # graph, network, target -> how far it is off


def build_parser(name: str, description: str, suffix: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m export.{name}", description=description)
    parser.add_argument("checkpoint", type=Path, help="any checkpoint file")
    parser.add_argument(
        "target", type=Path, nargs="?",
        help=f"the {suffix} file to write; without it, beside the checkpoint",
    )  # fmt: skip
    return parser


def run(parser: argparse.ArgumentParser, argv: list[str] | None, suffix: str, write: Write) -> int:
    """The command: one line of what was made, or of what is wrong."""
    args = parser.parse_args(argv)
    target = args.target or args.checkpoint.with_suffix(suffix)
    if target.suffix != suffix:
        parser.error(f"{target}: the file to write ends in {suffix}")
    try:
        network = fold_batch_norms(part_that_runs(read_checkpoint(args.checkpoint).build()))
        target.parent.mkdir(parents=True, exist_ok=True)
        share = write(to_onnx(network), network, target)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    form = FORMS[type(network)]
    print(f"{type(network).__name__}, ONNX opset {OPSET}, off by {share:.1e} at most: {form.told}")
    print(target)
    return 0


def prove_onnx(graph: bytes, network: nn.Module) -> float:
    return prove(network, OnnxEngine(graph))
