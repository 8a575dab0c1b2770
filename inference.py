"""Lip-sync any face video or still to any speech.

python inference.py --face a.mp4 --audio b.wav
"""

import argparse
import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from atomic import end_cleanly_on_signals
from jobs.arguments import DEFAULT_OUTFILE, build_parser
from jobs.checks import check, complete
from models.pretrained import EXPERT
from models.threads import wait_without_spinning

WAY_OUT = "try a smaller --talkface_batch_size, or --device cpu"


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    complete(args)
    check(parser, args)
    wait_without_spinning()
    logging.basicConfig(
        level=logging.ERROR if args.quiet else logging.INFO, format="%(message)s", force=True
    )
    end_cleanly_on_signals()
    sys.stdout.reconfigure(errors="surrogateescape")  # names that are no UTF-8 are printed as given
    try:
        with _no_garbage_collected():
            from models.devices import device_faults_told

            with device_faults_told(WAY_OUT):
                maker = _load(args)
        return _run_jobs(maker, args) if args.jobs else _run_one(maker, args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; no half-written file is left", file=sys.stderr)
        return 130


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """What is imported and loaded stays: to look through it while it comes costs 0.2 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _load(args: argparse.Namespace):
    """The networks; imported here, so that --help and a wrong flag answer at once."""
    import torch

    from lipsync import LipSync

    torch.manual_seed(args.seed)
    return LipSync(
        args.checkpoint_path,
        device=args.device,
        precision=args.precision,
        backend=args.backend,
        provider=args.provider,
        batch_size=args.talkface_batch_size,
        detector=args.detector,
        s3fd_path=args.s3fd_path,
        face_det_batch_size=args.face_det_batch_size,
    )


def _run_one(maker, args: argparse.Namespace) -> int:
    """Make one video or one preview; its path is the last line of stdout."""
    from models.devices import device_faults_told

    with device_faults_told(WAY_OUT):
        _make_one(maker, args)
    return 0


def _make_one(maker, args: argparse.Namespace) -> None:
    from jobs.settings import settings_of
    from lipsync import provenance
    from lipsync.contact_sheet import write_contact_sheet
    from lipsync.pipeline import prepare_outfile, refuse_to_overwrite
    from lipsync.progress import progress_bar

    outfile = Path(args.outfile or DEFAULT_OUTFILE)
    if args.preview is not None:
        print(_preview(maker, args, outfile.with_suffix(".png")))
        return
    prepare_outfile(outfile, *_inputs(args))
    sheet, score = outfile.with_suffix(".png") if args.sheet else None, None
    for beside in filter(None, (sheet, args.report)):
        refuse_to_overwrite(beside, *_inputs(args))
    for note in provenance.credential_notes(_inputs(args)):
        logging.warning("%s", note)
    if args.score:
        from evaluation import around_inference

        expert = _expert(maker, args)
        score = partial(around_inference.print_given, expert=expert, auto_offset=args.auto_offset)
    with progress_bar(args.quiet) as progress:
        plan = maker.plan(args.face, args.audio, settings_of(args), progress, score)
        report = maker.make(plan, outfile, progress)
    if args.score:
        around_inference.print_result(report.path, expert, maker.detector())
    if sheet and not report.has_faces:
        logging.warning("no frame has a face, so there is no contact sheet")
    elif sheet:
        write_contact_sheet(plan, outfile, sheet, maker.backend)
        print(f"contact sheet: {sheet}")
    if args.report:
        provenance.write_report(args.report, plan, report, maker.weights(), maker.detector_settings)
        print(f"report: {args.report}")
    for note in report.notes():
        logging.info("%s", note)
    print(report.path)


def _inputs(args: argparse.Namespace) -> list[str | Path]:
    """Files of the user's own, which no result may replace."""
    audios = args.audio if isinstance(args.audio, list) else [args.audio]
    turns = None if args.speakers == "auto" else args.speakers
    named = (args.face, *audios, args.boxes, turns, args.lip_motion, args.driving_video)
    return [path for path in named if path is not None]


def _expert(maker, args: argparse.Namespace):
    from evaluation import read_expert

    return read_expert(args.syncnet_checkpoint_path or EXPERT, maker.device)


def _preview(maker, args: argparse.Namespace, path: Path) -> Path:
    from jobs.settings import settings_of
    from lipsync.pipeline import refuse_to_overwrite
    from lipsync.preview import draw_preview, write_preview
    from lipsync.progress import progress_bar

    refuse_to_overwrite(path, *_inputs(args))
    with progress_bar(args.quiet) as progress:
        plan = maker.plan(args.face, args.audio, settings_of(args), progress)
    write_preview(path, draw_preview(plan, maker.backend, args.preview))
    return path


def _run_jobs(maker, args: argparse.Namespace) -> int:
    """Every job of the file, whatever becomes of the others; 1 if any failed."""
    from jobs.job_file import JobParser, Jobs, read_jobs

    parser = build_parser(JobParser)
    jobs = Jobs(parser, args, Path(DEFAULT_OUTFILE).parent)
    failed = done = 0
    for line, job in read_jobs(args.jobs):
        done += 1
        try:
            job_args = jobs.arguments(job)
            complete(job_args)
            check(parser, argparse.Namespace(**vars(job_args) | {"jobs": None}))
            jobs.name_outfile(job_args, line)
            _run_one(maker, job_args)
        except (ValueError, OSError) as error:
            failed += 1
            print(f"error: {args.jobs}, line {line}: {error}", file=sys.stderr)
    if failed:
        print(f"error: {failed} of {done} jobs failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
