"""One video, from flags to files: what inference.py does once for each job.

Nothing heavy is imported before it is needed, so that --help and a wrong flag answer at once.
"""

import argparse
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jobs.arguments import DEFAULT_OUTFILE
from models.pretrained import EXPERT

WAY_OUT = "try a smaller --talkface_batch_size, or --device cpu"


def load(args: argparse.Namespace):
    """The networks, as a LipSync. Raises ValueError or OSError."""
    with _no_garbage_collected():
        from lipsync import LipSync
        from models.devices import device_faults_told

        with device_faults_told(WAY_OUT):
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


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """What is imported and loaded stays: to look through it while it comes costs 0.2 s."""
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # a second time it would keep the garbage between
            gc.freeze()
        gc.enable()


def make_one(maker, args: argparse.Namespace, *, show_progress: bool) -> None:
    """Make one video or one preview; its path is the last line of stdout.

    maker: what load() gave. Raises ValueError or OSError.
    """
    import torch

    from models.devices import device_faults_told

    torch.manual_seed(args.seed)  # so that it does not matter who made which video before
    with device_faults_told(WAY_OUT):
        if args.preview is not None:
            _preview(maker, args, show_progress)
        else:
            _video(maker, args, show_progress)


def _video(maker, args: argparse.Namespace, show_progress: bool) -> None:
    from jobs.settings import settings_of
    from lipsync import provenance
    from lipsync.contact_sheet import write_contact_sheet
    from lipsync.pipeline import prepare_outfile, refuse_to_overwrite
    from lipsync.progress import progress_bar

    outfile = Path(args.outfile or DEFAULT_OUTFILE)
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
    with progress_bar(not show_progress) as progress:
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


def _preview(maker, args: argparse.Namespace, show_progress: bool) -> None:
    from jobs.settings import settings_of
    from lipsync.pipeline import refuse_to_overwrite
    from lipsync.preview import draw_preview, write_preview
    from lipsync.progress import progress_bar

    path = Path(args.outfile or DEFAULT_OUTFILE).with_suffix(".png")
    refuse_to_overwrite(path, *_inputs(args))
    with progress_bar(not show_progress) as progress:
        plan = maker.plan(args.face, args.audio, settings_of(args), progress)
    write_preview(path, draw_preview(plan, maker.backend, args.preview))
    print(path)


def _inputs(args: argparse.Namespace) -> list[str | Path]:
    """Files of the user's own, which no result may replace."""
    audios = args.audio if isinstance(args.audio, list) else [args.audio]
    turns = None if args.speakers == "auto" else args.speakers
    named = (args.face, *audios, args.boxes, turns, args.lip_motion, args.driving_video)
    return [path for path in named if path is not None]


def _expert(maker, args: argparse.Namespace):
    from evaluation import read_expert

    return read_expert(args.syncnet_checkpoint_path or EXPERT, maker.device)
