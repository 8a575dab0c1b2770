"""Examine a preprocessed corpus, made here or elsewhere, and change nothing in it.

python -m corpus.doctor PREPROCESSED_ROOT [--out FOLDER]

writes report.html (one file, to be looked at) and report.jsonl (one line a clip).
"""

import argparse
import json
import sys
from pathlib import Path

from atomic import end_cleanly_on_signals, write_whole


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m corpus.doctor",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("preprocessed_root", type=Path, help="<folder>/<clip>/{N.jpg, audio.wav}, by any tool")
    add("--out", type=Path, default=Path("doctor"), help="folder for report.html and report.jsonl")
    add("--clips", type=int, default=0, help="examine so many, evenly drawn; 0 = all")
    add("--syncnet_checkpoint_path", type=Path, help="the lip-sync expert that judges")
    add("--device", default="cpu")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.clips < 0:
        parser.error(f"--clips must be 0 or more, not {args.clips}")
    end_cleanly_on_signals()
    try:
        rows = examine_corpus(args)
        print_summary(rows, args.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; no report was written", file=sys.stderr)
        return 130
    return 0


def examine_corpus(args: argparse.Namespace) -> list[dict]:
    """Examine the clips and write both reports. Raises CorpusError where there are none."""
    from tqdm import tqdm

    from corpus.examine import examine_clip
    from corpus.fingerprints import find_duplicates
    from corpus.report_page import write_page
    from models.pretrained import EXPERT
    from synchrony.expert import read_expert

    expert = read_expert(args.syncnet_checkpoint_path or EXPERT, args.device)
    names = find_clips(args.preprocessed_root)
    names = names[:: max(1, -(-len(names) // args.clips))] if args.clips else names
    shown = tqdm(names, unit="clip", disable=args.quiet)
    examined = [examine_clip(args.preprocessed_root, name, expert) for name in shown]
    prints = [(row["clip"], made) for row, made in examined if made is not None]
    doubles = find_duplicates(prints)
    rows = [told_apart(row, doubles) for row, _ in examined]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_whole(args.out / "report.jsonl", lines)
    write_page(args.preprocessed_root.resolve(), rows, args.out / "report.html")
    return rows


def find_clips(root: Path) -> list[str]:
    """Folders with a sound or numbered faces, sorted. Raises CorpusError where there are none."""
    from corpus.errors import CorpusError
    from corpus.layout import DONE, FACE, SET_ASIDE, SOUND
    from corpus.walk import walk

    if not root.is_dir():
        raise CorpusError(f"no such folder: {root}; give what preprocess.py wrote")
    names = []
    for folder, below, files in walk(root):
        if {DONE, SOUND} & set(files) or any(FACE.fullmatch(name) for name in files):
            if SET_ASIDE not in files:
                names.append(folder.relative_to(root).as_posix())
            below.clear()
    if not names:
        raise CorpusError(f"{root} has no clips: folders with 0.jpg, 1.jpg, ... and audio.wav")
    return sorted(names)


def told_apart(row: dict, doubles: dict[str, str]) -> dict:
    """The row, left out where its clip is the same as an earlier one."""
    twin = doubles.get(row["clip"])
    if twin is None:
        return row
    return row | {"kept": False, "reason": "a duplicate", "detail": f"the same as {twin}"}


def print_summary(rows: list[dict], out: Path) -> None:
    from collections import Counter

    kept = [row for row in rows if row["kept"]]
    hours = sum(row["seconds"] for row in kept) / 3600
    print(f"{len(kept)} of {len(rows)} clips are sound: {hours:.2f} h")
    for reason, count in Counter(r["reason"] for r in rows if not r["kept"]).most_common():
        first = next(row["clip"] for row in rows if row.get("reason") == reason)
        print(f"  {count}: {reason} (the first: {first})")
    print(out / "report.html")


if __name__ == "__main__":
    sys.exit(main())
