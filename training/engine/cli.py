"""The command line that the training scripts share, and how their errors reach the user."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path


class UsageError(ValueError):
    """What the command line asks for cannot be: exit code 2."""


def add_run_arguments(parser: argparse.ArgumentParser, *, keep: int = 0) -> None:
    """What every training has, whatever it learns from; `keep` is the default of --keep."""
    add = parser.add_argument
    add("--checkpoint_dir", type=Path, required=True, help="where checkpoints, log and samples go")
    add("--checkpoint_path", type=Path, help="go on from this checkpoint, or begin at its weights")
    add("--hparams", default="", metavar="NAME=VALUE,...", help="numbers other than hparams.py's")
    add("--max_steps", type=int, help="stop at this step; without it as the checkpoint says")
    add("--seed", type=int, help="of weights and data; without it 0, or the checkpoint's")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto",
        help="of the networks' arithmetic; auto takes what the hardware is made for")  # fmt: skip
    add("--compile", action="store_true", help="torch.compile: slow to start, faster from then on")
    add("--keep", type=int, default=keep, help="checkpoints to keep beside the best; 0 = all")


def run_script(parser: argparse.ArgumentParser, argv: list[str] | None, train: Callable) -> int:
    """Parse, set up logging, print what train(args) gives; an error becomes one line and code 1."""
    args = parser.parse_args(argv)
    if args.max_steps is not None and args.max_steps < 1:
        parser.error(f"--max_steps must be 1 or more, not {args.max_steps}")
    if args.keep < 0:
        parser.error(f"--keep must be 0 or more, not {args.keep}")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        parser.error(f"--seed must be 0 to 2**63 - 1, not {args.seed}")
    first = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(
        level=logging.INFO if first else logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
    )
    code = 0
    try:
        last = train(args)
        if first:
            print(last)
    except UsageError as error:
        parser.error(str(error))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {_one_line(error)}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:  # the second Ctrl-C, or one before the loop listens
        print("stopped; what was saved before stays", file=sys.stderr)
        code = 130
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        end_at_once(code)
    return code


def end_at_once(code: int) -> None:
    """End one process of several without tearing the interpreter down.

    There torch 2.13 now and then aborts after the last checkpoint (one run in twelve on two
    gloo processes: "terminate called without an active exception"), and torchrun calls it failed.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _one_line(error: Exception) -> str:
    """The message; of an error that comes from a worker process, without its traceback."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[-1].strip() if text.startswith("Caught ") else text
