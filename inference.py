"""Lip-sync any face video or still to any speech.

python inference.py --face a.mp4 --audio b.wav
"""

import logging
import sys

from atomic import end_cleanly_on_signals
from jobs.arguments import build_parser
from jobs.checks import check, check_runner, complete
from jobs.many import run_jobs
from jobs.one_video import load, make_one
from models.threads import wait_without_spinning


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    complete(args)
    check(parser, args)
    check_runner(parser, args)
    wait_without_spinning()
    logging.basicConfig(
        level=logging.ERROR if args.quiet else logging.INFO, format="%(message)s", force=True
    )
    end_cleanly_on_signals()
    sys.stdout.reconfigure(errors="surrogateescape")  # names that are no UTF-8 are printed as given
    try:
        if args.jobs:
            return run_jobs(args)
        make_one(load(args), args, show_progress=not args.quiet)
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; no half-written file is left", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
