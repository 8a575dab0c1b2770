"""Where a result comes from: the tag in its container, and the report of a run beside it.

python -m lipsync.provenance FILE        say what a video or a report says of itself
"""

import argparse
import dataclasses
import json
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from atomic import write_whole
from lipsync.credentials import carries_credential
from lipsync.version import TAG, VERSION

FORMAT = "talkface report 1"
MARK = "made by talkface"  # in the tag of every version


def credential_notes(files: Iterable[Path | str | None]) -> list[str]:
    """Of each input that carries a C2PA credential, that the result will not."""
    return [
        f"{path} carries a C2PA credential: it says nothing of the result, which has none"
        for path in files
        if path is not None and carries_credential(path)
    ]


def write_report(path: Path, plan, report, weights: Iterable[Path], detector: dict) -> None:
    """What went into a video and what was changed, as JSON.

    plan, report: of LipSync.plan and LipSync.make. weights: files; detector: its settings.
    """
    described = _describe(plan, report, weights, detector)
    write_whole(path, json.dumps(described, indent=1, default=str) + "\n")


def _describe(plan, report, weights: Iterable[Path], detector: dict) -> dict:
    tally, fps = report.tally, plan.source.fps
    settings = plan.settings
    return {
        "format": FORMAT,
        "statement": TAG,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": _file(report.path),
        "inputs": {
            "face": [_file(file) for file in plan.source.files],
            "audio": [_file(file) for file in plan.audios],
            **{
                name: _file(getattr(settings, name))
                for name in ("boxes", "speakers", "lip_motion", "driving_video")
                if getattr(settings, name) not in (None, "auto")
            },
        },
        "weights": [_file(file) for file in weights],
        "detector": detector,
        "frames": {
            "count": report.frame_count,
            "fps": str(fps),
            "changed": len(tally.changed),
            "without_face": len(tally.faceless),
            "interpolated": len(tally.filled),
            "doubtful": len(tally.doubtful),
            "copied": len(tally.copied),
        },
        "seconds_changed": spans(tally.changed, fps),
        "seconds_copied": spans(tally.copied, fps),
        "settings": dataclasses.asdict(settings) | {"options": dict(plan.options)},
        "versions": _versions(),
    }


def spans(frames: list[int], fps: Fraction) -> list[tuple[float, float]]:
    """Rising frame numbers as (begin, end) in seconds."""
    found: list[list[int]] = []
    for frame in frames:
        if found and frame == found[-1][1]:
            found[-1][1] = frame + 1
        else:
            found.append([frame, frame + 1])
    return [(round(float(begin / fps), 3), round(float(end / fps), 3)) for begin, end in found]


def _file(path: Path | str) -> dict:
    from models.pretrained import hash_of

    path = Path(path)
    return {"name": path.name, "sha256": hash_of(path), "c2pa": carries_credential(path)}


def _versions() -> dict[str, str]:
    import cv2
    import numpy as np
    import torch

    libraries = {"torch": torch, "numpy": np, "opencv": cv2}
    return {"talkface": VERSION, "python": platform.python_version()} | {
        name: library.__version__ for name, library in libraries.items()
    }


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lipsync.provenance",
        description="Say whether a video was made by talkface, and what a report says of it.",
    )
    parser.add_argument("file", type=Path, help="a video, a picture, or the JSON of --report")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        lines = _read(args.file)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _read(path: Path) -> list[str]:
    """What a file says of itself, in lines. Raises ValueError or OSError."""
    if path.suffix.lower() == ".json":
        return _read_report(path)
    import video

    comment = video.probe(path).comment
    tagged = MARK in comment
    lines = [f"{path}: {comment}" if tagged else f"{path}: no tag of talkface"]
    if carries_credential(path):
        lines.append("it carries a C2PA credential (not verified here)")
    return lines


def _read_report(path: Path) -> list[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        return _told(path, content)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no report of talkface: {error}") from error


def _told(path: Path, content: dict) -> list[str]:
    frames, inputs = content["frames"], content["inputs"]
    lines = [content["statement"], f"result: {_named(content['result'])}"]
    result = path.parent / content["result"]["name"]
    if result.is_file():
        same = _file(result)["sha256"] == content["result"]["sha256"]
        lines.append("  it lies beside this report, " + ("unchanged" if same else "CHANGED since"))
    for name, files in inputs.items():
        for file in files if isinstance(files, list) else [files]:
            lines.append(f"{name}: {_named(file)}")
    lines += [f"weights: {_named(file)}" for file in content["weights"]]
    told = ", ".join(f"{begin:g}-{end:g} s" for begin, end in content["seconds_changed"])
    lines.append(f"changed: {frames['changed']} of {frames['count']} frames: {told or 'none'}")
    return lines


def _named(file: dict) -> str:
    credential = "; carries a C2PA credential" if file["c2pa"] else ""
    return f"{file['name']} (sha256 {file['sha256']}{credential})"


if __name__ == "__main__":
    sys.exit(main())
