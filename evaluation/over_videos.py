"""The frame of a script that looks at the videos on its command line one after the other."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from atomic import end_cleanly_on_signals, whole_or_absent
from face_detection import DETECTOR_NAMES
from models.devices import device_faults_told, resolve_device, use_full_float32

WAY_OUT = "try again with --device cpu"

Found = TypeVar("Found")


class Absent(str):
    """Why nothing was found of a video."""


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--face_select", default="largest", help="which face, where there are more")
    add("--detector", choices=DETECTOR_NAMES, default="auto", help="finds faces")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--json", type=Path, help="write what was found here")


def over_videos(
    args: argparse.Namespace,
    opened: Callable[[argparse.Namespace, str], Callable[[Path], Found]],
    finish: Callable[[argparse.Namespace, dict[Path, Found | Absent]], None],
) -> int:
    """Look at each video and print it; what is wrong with one stops no other. The exit code.

    opened: from the flags and a device to what looks at a video; finish: writes what was found.
    """
    end_cleanly_on_signals()
    try:
        device = str(resolve_device(args.device))
        use_full_float32()
        with device_faults_told(WAY_OUT):
            look = opened(args, device)
        found = {path: _looked(look, path) for path in dict.fromkeys(args.video)}
        finish(args, found)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; no file was written", file=sys.stderr)
        return 130
    return int(any(isinstance(one, Absent) for one in found.values()))


def _looked(look: Callable[[Path], Found], path: Path) -> Found | Absent:
    print(path)
    try:
        with device_faults_told(WAY_OUT):
            return look(path)
    except (OSError, ValueError) as error:
        print(f"cannot be scored: {error}\n")
        return Absent(error)


def rows_of(found: dict[Path, Found | Absent], to_dict: Callable[[Found], dict] = dict) -> list:
    """A row a video, for a file."""
    return [
        {"video": str(path)} | ({"absent": str(one)} if isinstance(one, Absent) else to_dict(one))
        for path, one in found.items()
    ]


def write_json(path: Path | None, content) -> None:
    """Where a file is wanted."""
    if path:
        with whole_or_absent(path) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
