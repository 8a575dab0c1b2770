"""Lip-sync live: sound from a pipe, frames to a pipe, a file or an address, at their own pace.

synthesiser | python -m lipsync.live --face face.mp4 --audio - --outfile - | ffplay -
"""

import argparse
import logging
import sys
import threading
from contextlib import closing
from pathlib import Path

from atomic import end_cleanly_on_signals
from models.pretrained import LIP_WARP

FORMATS = ("raw", "nut", "matroska", "mpegts", "flv", "mp4")
SAMPLES = {"s16le": "<i2", "f32le": "<f4"}
CAMERA = "camera:"
MICROPHONE_SECONDS = 0.2  # of a microphone's sound that may wait


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lipsync.live",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--face", required=True, help=f"video or picture, or {CAMERA}0, a webcam")
    parser.add_argument("--audio", default="-", help="- for samples from stdin, or a file")
    parser.add_argument("--sample_rate", type=int, default=16000, help="of those samples, in Hz")
    parser.add_argument("--sample_format", choices=tuple(SAMPLES), default="s16le")
    parser.add_argument(
        "--microphone", action="store_true",
        help=f"what comes is live itself: sound over {MICROPHONE_SECONDS} s late is dropped",
    )  # fmt: skip
    parser.add_argument(
        "--outfile", default="-", metavar="TARGET",
        help="- for stdout, a file or named pipe, or an address such as udp://127.0.0.1:5000",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=FORMATS, default="nut",
        help="raw: BGR pixels and no sound; nut: raw pictures and sound; the others are coded",
    )  # fmt: skip
    parser.add_argument("--endless", action="store_true", help="go on when the sound has ended")
    parser.add_argument("--checkpoint_path", default=str(LIP_WARP), help="generator's weights")
    parser.add_argument("--camera_size", default="1280x720", metavar="WxH")
    parser.add_argument("--face_select", default="largest", metavar="WHICH")
    parser.add_argument("--resize_factor", type=int, default=1, help="divide the size by this")
    parser.add_argument("--strength", type=float, default=1.0, metavar="0..1.5")
    parser.add_argument("--keep_expression", type=float, default=1.0, metavar="0..1")
    parser.add_argument("--no_cache", action="store_true", help="look at the face anew")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    parser.add_argument(
        "--threads", type=int, default=1,
        help="of the networks: more shorten the delay a little and take more of the machine",
    )  # fmt: skip
    parser.add_argument("--backend", choices=("torch", "onnx", "openvino", "auto"), default="torch")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    _check(parser, args)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    end_cleanly_on_signals()
    try:
        _run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if not 8000 <= args.sample_rate <= 192000:
        parser.error(f"--sample_rate must be from 8000 to 192000, not {args.sample_rate}")
    if not 0 <= args.strength <= 1.5:
        parser.error(f"--strength {args.strength} is not within 0 and 1.5")
    if not 0 <= args.keep_expression <= 1:
        parser.error(f"--keep_expression {args.keep_expression} is not within 0 and 1")
    for name in ("resize_factor", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, not {getattr(args, name)}")
    sides = args.camera_size.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 15 for side in sides):
        parser.error(f"--camera_size is WIDTHxHEIGHT, not {args.camera_size}")
    if args.face.startswith(CAMERA) and not args.face.removeprefix(CAMERA).isdecimal():
        parser.error(f"--face {args.face}: a webcam is {CAMERA}0, {CAMERA}1 and so on")


def _run(args: argparse.Namespace) -> None:
    from lipsync.live.inputs import capture, read_file, read_pipe
    from lipsync.live.outputs import open_output
    from lipsync.live.player import MOST_WAITING_SECONDS, Player

    session = _session(args)
    most = MICROPHONE_SECONDS if args.microphone else MOST_WAITING_SECONDS
    player = Player(session, most_seconds=most, drop=args.microphone)
    if args.audio == "-":
        reads = (read_pipe, sys.stdin.buffer, SAMPLES[args.sample_format])
    else:
        reads = (read_file, args.audio)
    read, *rest = reads
    threading.Thread(target=read, args=(player, *rest, args.endless), daemon=True).start()
    if args.face.startswith(CAMERA):
        capture(player, int(args.face.removeprefix(CAMERA)))
    logging.info("%dx%d at %s frames a second", *session.size, float(session.fps))
    with closing(session), open_output(args.outfile, args.format, session) as write:
        for frame in player.frames():
            write(frame)
    done = player.played
    logging.info(
        "%d frames, %d of them repeated for lack of time; %.2f s of sound dropped",
        done.frames, done.repeated, done.dropped_seconds,
    )  # fmt: skip


def _session(args: argparse.Namespace):
    import torch

    from lipsync import LipSync, Settings
    from lipsync.live.camera import Camera
    from lipsync.live.session import LiveSession

    torch.set_num_threads(args.threads)
    maker = LipSync(
        args.checkpoint_path,
        device=args.device,
        precision=args.precision,
        backend=args.backend,
        live=True,
    )
    chosen = {"strength": args.strength, "keep_expression": args.keep_expression}
    known = maker.backend.generator.options
    settings = Settings(
        face_select=args.face_select,
        resize_factor=args.resize_factor,
        use_cache=not args.no_cache,
        options={name: value for name, value in chosen.items() if name in known},
    )
    face = Path(args.face)
    if args.face.startswith(CAMERA):
        face = Camera(*map(int, args.camera_size.split("x")))
    return LiveSession(face, maker, sample_rate=args.sample_rate, settings=settings)


if __name__ == "__main__":
    sys.exit(main())
