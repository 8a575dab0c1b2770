"""Many videos with one load, by a file of JSON lines."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

# Flags of what is loaded once.
OF_ALL = (
    "jobs", "checkpoint_path", "device", "precision", "backend", "provider", "talkface_batch_size",
    "detector", "s3fd_path", "face_det_batch_size", "workers", "runner", "ray_address",
    "gpus_per_video", "quiet",
)  # fmt: skip


class JobParser(argparse.ArgumentParser):
    """For a line of a job file: a wrong flag is that job's error and not the end of the run."""

    def __init__(self, **options) -> None:
        super().__init__(**options, add_help=False)  # which would end the run, too

    def error(self, message: str) -> None:
        raise ValueError(message)


class Jobs:
    """The flags of each job: the command line's, with the job's own in their place."""

    def __init__(self, parser: JobParser, args: argparse.Namespace, folder: Path) -> None:
        """parser: of the script's flags; folder: for results whose jobs don't name them."""
        self._parser, self._args, self._folder = parser, args, folder
        parser.set_defaults(**vars(args) | {"outfile": None})
        self._targets: dict[Path, int] = {}  # every file to be written, and its line

    def arguments(self, job: list[str] | ValueError) -> argparse.Namespace:
        """Raises ValueError for a job that is none, or wants what holds for all."""
        if isinstance(job, ValueError):
            raise job
        args = self._parser.parse_args(job)
        for name in OF_ALL:
            if getattr(args, name) != getattr(self._args, name):
                raise ValueError(f"{name} holds for all jobs: give it on the command line")
        return args

    def name_outfile(self, args: argparse.Namespace, line: int) -> None:
        """Give the job's result its name. Raises ValueError where another line has it already."""
        if args.outfile is None:
            audio = args.audio[0] if isinstance(args.audio, list) else args.audio
            name = f"{line:03d}_{Path(args.face).stem}_{Path(audio).stem}.mp4"
            args.outfile = self._folder / name
        targets = _written(args)
        for path in targets:
            if path.resolve() in self._targets:
                other = self._targets[path.resolve()]
                raise ValueError(f"{path} is the outfile of line {other} already")
        self._targets |= {path.resolve(): line for path in targets}


def _written(args: argparse.Namespace) -> list[Path]:
    """The video, its contact sheet and its report; or the preview in their place."""
    outfile = Path(args.outfile)
    if args.preview is not None:
        return [outfile.with_suffix(".png")]
    sheet = [outfile.with_suffix(".png")] if args.sheet else []
    return [outfile, *sheet, *([args.report] if args.report else [])]


def read_jobs(path: str | Path) -> Iterator[tuple[int, list[str] | ValueError]]:
    """Yield (line number, arguments) of each job; in place of the arguments what is wrong.

    {"face": "a.mp4", "audio": "b.wav", "pads": [0, 20, 0, 0], "static": true} becomes
    --face=a.mp4 --audio=b.wav --pads 0 20 0 0 --static. Empty lines and those that begin with #
    are passed over. Raises OSError or ValueError where the file itself can't be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield number, _to_arguments(line)
            except ValueError as error:
                yield number, error


def _to_arguments(line: str) -> list[str]:
    try:
        job = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(job, dict):
        raise ValueError('a job is an object like {"face": "a.mp4", "audio": "b.wav"}')
    arguments = []
    for name, value in job.items():
        arguments += _to_flag(name, value)
    return arguments


def _to_flag(name: str, value) -> list[str]:
    if value is True:
        return [f"--{name}"]
    if value is False or value is None:
        return []
    if isinstance(value, list):
        return [f"--{name}", *map(str, value)]
    if isinstance(value, (str, int, float)):
        return [f"--{name}={value}"]
    raise ValueError(f"{name}: expected a value or a list, not {json.dumps(value)}")
