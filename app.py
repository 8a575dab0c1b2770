"""The page in a browser, and the HTTP API: lip-syncing without a command line.

pip install -r requirements-app.txt && python app.py
"""

import argparse
import importlib.util
import logging
import sys

from models.pretrained import LIP_WARP
from models.threads import wait_without_spinning

NEEDED = ("gradio", "fastapi", "uvicorn")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets others in: see --auth")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="asked of the page and of the API")
    parser.add_argument("--max_upload_mb", type=int, default=500, help="of one file")
    parser.add_argument("--max_seconds", type=float, default=600.0, help="of a result")
    parser.add_argument("--max_jobs", type=int, default=20, help="that wait, of everybody")
    parser.add_argument("--max_jobs_each", type=int, default=3, help="that wait, of one user")
    parser.add_argument("--keep_hours", type=float, default=24.0, help="that files stay at most")
    parser.add_argument("--checkpoint_path", default=str(LIP_WARP), help="generator's weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    parser.add_argument("--detector", choices=("auto", "s3fd", "small", "haar"), default="auto")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    _check(parser, args)
    wait_without_spinning()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"error: the page needs {', '.join(missing)}: pip install -r requirements-app.txt",
            file=sys.stderr,
        )
        return 1
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    return _serve(args)


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    for name in ("max_upload_mb", "max_seconds", "max_jobs", "max_jobs_each", "keep_hours"):
        if not getattr(args, name) > 0:
            parser.error(f"--{name} must be over 0, not {getattr(args, name)}")
    if not 0 <= args.port < 65536:
        parser.error(f"--port must be from 0 to 65535, not {args.port}")
    if args.auth is not None and not all(args.auth.partition(":")):
        parser.error("--auth must be USER:PASSWORD")


def _serve(args: argparse.Namespace) -> int:
    from page.limits import Limits
    from page.serving import serve

    limits = Limits(
        args.max_upload_mb, args.max_seconds, args.max_jobs, args.max_jobs_each, args.keep_hours
    )
    login = tuple(args.auth.split(":", 1)) if args.auth else None
    networks = {name: getattr(args, name) for name in ("device", "precision", "detector")}
    try:
        serve(args.host, args.port, limits, login, args.checkpoint_path, networks)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
