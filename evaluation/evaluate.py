"""Every number the field quotes, for a folder of generated videos; of any tool.

python -m evaluation.evaluate --generated DIR [--truth DIR] [--metrics lse,fid,...] --json out.json
"""

import argparse
import json
import logging
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from atomic import end_cleanly_on_signals, whole_or_absent
from evaluation.batch import score_clips
from evaluation.metrics.fid import load_inception, measure_fid
from evaluation.metrics.table import NAMES, OF_ALL_CLIPS, parse_metrics
from evaluation.scorer import Options, Row, Scorer
from evaluation.summary import as_table, summarise, unscored, write_rows
from evaluation.videos import GeneratedVideo, find_videos
from face_detection import DETECTOR_NAMES
from models.devices import device_faults_told, resolve_device
from models.pretrained import EXPERT, LIP_READER

log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.evaluate",
        description="Score a folder of generated videos, clip by clip and all together.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--generated", type=Path, required=True, help="folder of videos to score")
    parser.add_argument("--truth", type=Path, help="folder of true videos of the same names")
    parser.add_argument("--silent", type=Path, help="the same videos made with silent sound")
    parser.add_argument("--json", type=Path, required=True, help="write everything here")
    parser.add_argument("--csv", type=Path, help="write the numbers of each clip here")
    parser.add_argument("--metrics", default="all", help=f"of {','.join(NAMES)}; or all")
    parser.add_argument("--workers", type=int, default=1, help="processes that score clips")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--detector", choices=DETECTOR_NAMES, default="auto", help="finds faces")
    parser.add_argument("--face_select", default="largest", help="which face, where there are more")
    parser.add_argument(
        "--syncnet_checkpoint_path", type=Path, default=EXPERT,
        help="the lip-sync expert, for the similarity",
    )  # fmt: skip
    parser.add_argument("--syncnet_v2_path", type=Path, help="SyncNet's weights, for LSE")
    parser.add_argument("--inception_path", type=Path, help="Inception's weights, for FID")
    parser.add_argument(
        "--reader", type=Path, default=LIP_READER, help="a lip reader, ours or published, for WER"
    )
    parser.add_argument("--words", type=Path, help="folder of NAME.txt; else beside the videos")
    parser.add_argument("--beam", type=int, default=20, help="readings followed at a time, for WER")
    parser.add_argument(
        "--talklip_psnr", action="store_true",
        help="also PSNR as TalkLip's table has it, where squares wrap round at 256: too high",
    )  # fmt: skip
    parser.add_argument(
        "--lse_crop", choices=("auto", "whole", "face"), default="auto",
        help="whole: the videos are faces' crops, as LRS2's; face: crop them as SyncNet's pipeline "
        "does; auto: whole for squares of at most 256 pixels",
    )  # fmt: skip
    parser.add_argument(
        "--shortest_span", type=int, default=25,
        help="frames with a face, below which LSE leaves a span out; SyncNet's pipeline has 100",
    )  # fmt: skip
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    end_cleanly_on_signals()
    try:
        groups = parse_metrics(args.metrics)
    except ValueError as error:
        parser.error(str(error))
    if args.talklip_psnr:
        groups = tuple(dict.fromkeys((*groups, "talklip_psnr")))
    if args.beam < 1:
        parser.error(f"--beam must be at least 1, not {args.beam}")
    if args.workers < 1:
        parser.error(f"--workers must be at least 1, not {args.workers}")
    try:
        with device_faults_told("try --device cpu, or fewer --workers: scored clips are kept"):
            content = evaluate(args, groups)
    except BrokenProcessPool:
        print(
            "error: a worker was killed, likely for want of memory; start again with fewer "
            "--workers: scored clips are kept",
            file=sys.stderr,
        )
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    print(as_table(content["summary"]))
    for clip, reasons in content["unscored"].items():
        for group, reason in reasons.items():
            print(f"{clip}: no {group}: {reason}", file=sys.stderr)
    print(args.json)
    return 0 if any("absent" not in entry for entry in content["summary"].values()) else 1


def evaluate(args: argparse.Namespace, groups: tuple[str, ...]) -> dict:
    """Score the folder, write the files asked for, and return what the JSON holds."""
    clips = find_videos(args.generated, args.truth, args.silent)
    options = Options(
        syncnet_checkpoint_path=args.syncnet_checkpoint_path,
        syncnet_v2_path=args.syncnet_v2_path,
        inception_path=args.inception_path,
        reader_path=args.reader,
        words=args.words,
        beam=args.beam,
        detector=args.detector,
        device=str(resolve_device(args.device)),
        face_select=args.face_select,
        lse_crop=args.lse_crop,
        shortest_span=args.shortest_span,
    )
    scorer = Scorer(options)
    absent = scorer.absent_tools(groups, clips)
    if "lse" in absent and "similarity" not in groups:
        log.warning("LSE is absent; the expert's similarity is measured instead")
        groups = (*groups, "similarity")
        absent |= scorer.absent_tools(("similarity",), clips)
    for group, reason in absent.items():
        log.warning("no %s: %s", group, reason)
    present = tuple(group for group in groups if group not in absent)
    each = tuple(group for group in present if group not in OF_ALL_CLIPS)
    journal = args.json.with_name(args.json.name + ".rows")
    rows = score_clips(clips, each, options, journal, args.workers)
    fid = _fid(clips, options) if "fid" in present else None
    content = _content(args, clips, rows, summarise(rows, groups, absent, fid))
    if "lmd" in present:
        content["landmark_network"] = scorer.landmark_network
    with whole_or_absent(args.json) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if args.csv:
        with whole_or_absent(args.csv) as partial:
            write_rows(partial, rows)
    journal.unlink()
    return content


def _fid(clips: list[GeneratedVideo], options: Options) -> float:
    network = load_inception(options.inception_path, options.device)
    paired = [clip for clip in clips if clip.truth]
    fid, frames = measure_fid(
        [clip.generated for clip in paired], [clip.truth for clip in paired], network
    )
    if frames < 2048:
        log.warning("FID from %d frames only: under 2048 it comes out too large", frames)
    return fid


def _content(
    args: argparse.Namespace, clips: list[GeneratedVideo], rows: list[Row], summary: dict[str, dict]
) -> dict:
    return {
        "generated": str(args.generated),
        "truth": str(args.truth) if args.truth else None,
        "silent": str(args.silent) if args.silent else None,
        "clip_count": len(clips),
        "summary": summary,
        "unscored": unscored(rows),
        "clips": [{"clip": row.clip, "scores": row.scores} for row in rows],
    }


if __name__ == "__main__":
    sys.exit(main())
