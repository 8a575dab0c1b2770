"""Many videos with one load: a file of JSON lines, each the flags of one video."""

import json
from collections.abc import Iterator
from pathlib import Path


def read_jobs(path: str | Path) -> Iterator[tuple[int, list[str] | ValueError]]:
    """Yield (line number, arguments) of each job; in place of the arguments what is wrong.

    {"face": "a.mp4", "audio": "b.wav", "pads": [0, 20, 0, 0], "static": true} becomes
    --face=a.mp4 --audio=b.wav --pads 0 20 0 0 --static. Empty lines and those that begin with #
    are passed over. Raises OSError or ValueError where the file itself can't be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
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
