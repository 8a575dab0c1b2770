"""What the flags of inference.py mean for each other, and which need which."""

import argparse

from jobs.arguments import DEMO_OUTFILE, SAMPLE_FACE, SAMPLE_SPEECH

MOST_FPS = 1000  # of a still or a folder of frames


def complete(args: argparse.Namespace) -> None:
    """What flags mean for each other: the demo's own files, the expert where one is wanted."""
    if args.demo:
        args.face = args.face or str(SAMPLE_FACE)
        args.audio = args.audio or str(SAMPLE_SPEECH)
        args.outfile = args.outfile or DEMO_OUTFILE
        args.score = args.sheet = True
    if args.driving_video and args.audio is None:
        args.audio = str(args.driving_video)
    if args.auto_offset or args.syncnet_checkpoint_path:
        args.score = True


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """What argparse can't say: which flags need which."""
    if args.jobs is None and (args.face is None or args.audio is None):
        parser.error("--face and --audio are required, or --jobs; to look around, --demo")
    if args.auto_offset and (args.lip_motion or args.driving_video):
        parser.error("--auto_offset shifts the sound, and not --lip_motion or --driving_video")
    _check_speakers(parser, args)
    if args.jobs is not None and args.demo:
        parser.error("--demo is one video: it takes no --jobs")
    if args.crop_only and (args.score or args.sheet or args.preview is not None):
        parser.error("--crop_only leaves nothing of the frame for --score, --sheet or --preview")
    if args.tune_steps is not None and args.tune_steps < 0:
        parser.error(f"--tune_steps must be 0 or more, not {args.tune_steps}")
    for name in ("talkface_batch_size", "face_det_batch_size", "detect_every", "resize_factor"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(args, name)}")
    if not 0 < args.fps <= MOST_FPS:
        parser.error(f"--fps must be over 0 and at most {MOST_FPS}, not {args.fps}")
    if not 0 <= args.seed < 2**63:
        parser.error(f"--seed must be from 0 to 2**63 - 1, not {args.seed}")


def _check_speakers(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if not args.speakers:
        return
    if args.face_select != "largest" or tuple(args.box) != (-1, -1, -1, -1):
        parser.error("--speakers chooses the faces: it takes no --face_select and no --box")
    if args.static:
        parser.error("--speakers needs a video, and --static is one frame of it")


def check_runner(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """How many videos are made at a time, and where: the command line alone says so."""
    if args.workers < 0 or args.gpus_per_video < 0:
        parser.error("--workers and --gpus_per_video must be 0 or more")
    if args.jobs is None and (args.workers != 1 or args.runner != "local"):
        parser.error("--workers and --runner are for many videos: they go with --jobs")
    if args.runner == "local" and (args.ray_address or args.gpus_per_video):
        parser.error("--ray_address and --gpus_per_video go with --runner ray")
    if args.runner == "ray" and args.workers != 1:
        parser.error("--workers goes with --runner local: Ray makes a video on every core it has")
