"""Turn a corpus of videos into training data: face crops, sound and mel for each clip.

python preprocess.py --data_root data_root/main --preprocessed_root lrs2_preprocessed/
python preprocess.py --data_root films --preprocessed_root films_preprocessed/ --wild

--layout lrw turns videos of single words, as LRW's, into DAVS's aligned faces and MFCC.

Each clip is independent: killed at any moment and run again, it goes on where it was.
"""

import argparse
import errno
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from corpus.errors import CorpusError
from corpus.filelists import FILELISTS, LISTS, make_filelists
from corpus.layout import DONE, FILM
from corpus.report_page import write_page
from corpus.words import write_words
from face_detection import DEFAULT_PADS, DETECTOR_NAMES, Pads
from face_detection.detectors import resolve_name
from face_detection.search import DETECT_EVERY
from hparams import ClipHParams
from models.checkpoint import CheckpointError
from models.devices import DeviceError
from models.lip_motion import FPS
from models.pretrained import EXPERT
from preprocessing.clip import report_row
from preprocessing.lrs2_split import SPLITS, take_split
from preprocessing.on_ray import RayMissingError, run_on_ray
from preprocessing.report import CorpusReport, report_path
from preprocessing.settings import PreprocessSettings
from preprocessing.talklip_layout import find_listed, is_prepared, talklip_row
from preprocessing.videos import SourceVideo, as_films, find_sources, take_shard
from preprocessing.wild.options import WildOptions
from preprocessing.wild.preprocess_film import read_film
from preprocessing.wild.report import WildReport
from preprocessing.word_clip import find_words
from preprocessing.workers import Machine, WorkerError, check_weights, run_here

try:
    import fcntl
except ImportError:  # Windows, where nothing warns of the same command given twice
    fcntl = None

log = logging.getLogger("preprocess")

KNOWN_ERRORS = (CorpusError, CheckpointError, RayMissingError, WorkerError, DeviceError, OSError)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--data_root", type=Path, required=True, help="videos as <folder>/<clip>.mp4, or any")
    add("--preprocessed_root", type=Path, help="where <folder>/<clip>/ go")
    add(
        "--layout", choices=("clips", "lrw", "talklip"), default="clips",
        help="lrw: <WORD>/<split>/<WORD>_00001.mp4, single words for davs_train.py; talklip: the "
        "folders that TalkLip reads, sound and boxes, beside the videos",
    )  # fmt: skip
    add("--audio_root", type=Path, help="layout talklip: where <id>.wav go")
    add("--bbx_root", type=Path, help="layout talklip: where <id>.npy go, boxes (frames, 4)")
    add("--filelist", type=Path, help="layout talklip: only the ids of this list")
    add("--hparams", default="", help="name=value,...: fps, img_size, ...")
    _add_faces(parser.add_argument_group("faces"))
    _add_wild(parser.add_argument_group("films of any kind"))
    _add_machines(parser.add_argument_group("machines"))
    lists = parser.add_argument_group("filelists")
    lists.add_argument(
        "--make_filelists", type=_parse_shares, metavar="TRAIN,VAL,TEST",
        help="at the end write lists in these shares, such as 0.9,0.05,0.05, split by folder",
    )  # fmt: skip
    lists.add_argument("--filelists", type=Path, default=FILELISTS, help="their folder")
    lists.add_argument("--split", choices=tuple(SPLITS), help="only this part of LRS2, by its list")
    return parser


def _add_faces(group) -> None:
    add = group.add_argument
    add("--detector", choices=DETECTOR_NAMES, default="auto")
    add("--s3fd_path", type=Path, help="S3FD's weights, if not in their usual place")
    add("--batch_size", type=_positive, default=32, help="images that a network is given at a time")
    add("--detect_every", type=_positive, default=DETECT_EVERY, help="frames from look to look")
    add(
        "--pads", type=int, nargs=4, default=list(DEFAULT_PADS),
        metavar=("TOP", "BOTTOM", "LEFT", "RIGHT"), help="pixels added; as in inference",
    )  # fmt: skip
    add("--nosmooth", action="store_true", help="do not smooth the boxes over time")
    add("--crop_size", type=int, default=288, help="longer side of a crop at most; 0 keeps all")
    add("--max_missing", type=float, default=0.3, help="share of frames that may lack the face")


def _add_wild(group) -> None:
    add = group.add_argument
    add(
        "--wild", action="store_true",
        help="each video becomes as many clips as it has usable stretches; says why of the others",
    )  # fmt: skip
    add(
        "--sync_correct", action=argparse.BooleanOptionalAction, default=True,
        help="move the sound to where it fits, at most 15 frames; without it leave such clips out",
    )  # fmt: skip
    add("--min_sync", type=_share, default=0.5, help="how sure it must be that the voice is theirs")
    add("--min_face", type=_positive, default=64, help="pixels of a face's height, at least")
    add("--min_seconds", type=_seconds, default=1.2, help="of a clip")
    add("--max_seconds", type=_seconds, default=12.0, help="of a clip; longer are split at pauses")
    add("--max_turn", type=float, default=45.0, help="degrees that a head is turned to the side")
    add(
        "--syncnet_checkpoint_path", type=Path, default=EXPERT, metavar="FILE",
        help="the lip-sync expert that judges",
    )  # fmt: skip


def _add_machines(group) -> None:
    add = group.add_argument
    add("--ngpu", type=int, default=1, help="GPUs to use, where there are any; 0 uses the CPU")
    add("--workers", type=int, default=0, help="processes without a GPU; 0 is one a processor")
    add("--num_shards", type=_positive, default=1, help="runs that share the clips")
    add("--shard_index", type=int, default=0, help="which of them this is, from 0")
    add("--backend", choices=("local", "ray"), default="local", help="ray: a Ray cluster")
    add("--ray_address", help="of the cluster; without it the one at hand, or one made here")
    add("--gpus_per_clip", type=float, default=0.0, help="of a Ray task: 0.25 puts 4 on a GPU")
    add("--quiet", action="store_true", help="no progress bar")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _share(text: str) -> float:
    value = _seconds(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return value


def _parse_shares(text: str) -> tuple[float, float, float]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != len(LISTS) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise argparse.ArgumentTypeError(f"{text!r} is not three shares that add up to 1")
    return shares


def main(argv: list[str] | None = None) -> None:
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        settings = _settings(args)
    except ValueError as error:
        parser.error(str(error))
    try:
        sys.exit(_run(args, settings))
    except KNOWN_ERRORS as error:
        sys.exit(f"error: {error}{_way_out(error, settings)}")
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")


def _way_out(error: Exception, settings: PreprocessSettings) -> str:
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    return f": {settings.root}; make room and run the same command again: what is done is kept"


def _settings(args: argparse.Namespace) -> PreprocessSettings:
    check_layout(args)
    if not 0 <= args.max_missing <= 1:
        raise ValueError(f"--max_missing {args.max_missing} is no share from 0 to 1")
    if args.make_filelists and args.num_shards > 1:
        raise ValueError(
            "--make_filelists would list what is done so far, with the other shards at work; when "
            "all have ended run once more without --num_shards: no clip is made twice"
        )
    if args.make_filelists and args.layout == "lrw":
        raise ValueError("--make_filelists is for --layout clips; LRW's folders are split already")
    return PreprocessSettings(
        root=(args.preprocessed_root or args.bbx_root).resolve(),
        hp=ClipHParams().with_overrides(args.hparams),
        detector=resolve_name(args.detector, args.s3fd_path),
        s3fd_path=args.s3fd_path and args.s3fd_path.resolve(),
        batch_size=args.batch_size,
        detect_every=args.detect_every,
        pads=Pads(*args.pads),
        smooth=not args.nosmooth,
        crop_size=args.crop_size,
        max_missing=args.max_missing,
        audio_root=args.audio_root and args.audio_root.resolve(),
        bbx_root=args.bbx_root and args.bbx_root.resolve(),
        layout=args.layout,
        wild=_wild_options(args) if args.wild else None,
    )


def _wild_options(args: argparse.Namespace) -> WildOptions:
    if args.max_seconds < 2 * args.min_seconds:
        raise ValueError(
            f"--max_seconds {args.max_seconds:g} must be twice --min_seconds {args.min_seconds:g} "
            "or more"
        )
    if ClipHParams().with_overrides(args.hparams).fps != FPS:
        raise ValueError(f"--wild makes clips of fps={FPS}: the expert knows no other rate")
    return WildOptions(
        args.sync_correct,
        args.min_sync,
        args.min_face,
        args.min_seconds,
        args.max_seconds,
        args.max_turn,
        args.syncnet_checkpoint_path.resolve(),
    )


def check_layout(args: argparse.Namespace) -> None:
    """Each layout has folders of its own. Raises ValueError."""
    if args.split and args.layout != "clips":
        raise ValueError(
            f"--split is for LRS2's clips; --layout {args.layout} has lists of its own"
        )
    if args.split and args.make_filelists:
        raise ValueError("--split goes by LRS2's own lists, which --make_filelists would replace")
    if args.wild and args.layout != "clips":
        raise ValueError(f"--wild makes clips: it goes with --layout clips, not {args.layout}")
    theirs = {"--audio_root": args.audio_root, "--bbx_root": args.bbx_root}
    if args.layout != "talklip":
        if args.preprocessed_root is None:
            raise ValueError("--preprocessed_root says where the clips go")
        for flag, value in (theirs | {"--filelist": args.filelist}).items():
            if value is not None:
                raise ValueError(f"{flag} belongs to --layout talklip")
        return
    missing = [flag for flag, value in theirs.items() if value is None]
    if missing:
        raise ValueError(f"--layout talklip needs {' and '.join(missing)}")
    if args.preprocessed_root or args.make_filelists:
        raise ValueError("--layout talklip makes no clips and no lists")


def _run(args: argparse.Namespace, settings: PreprocessSettings) -> int:
    """Preprocess the clips that are not done yet, report on all; the exit code."""
    clips = take_shard(_find_clips(args, settings), args.num_shards, args.shard_index)
    report_file = report_path(settings.root, args.num_shards, args.shard_index)
    settings.root.mkdir(parents=True, exist_ok=True)
    with _alone(report_file.with_suffix(".lock")):
        report, rate = _preprocess(clips, args, settings)
        report.write(report_file)
        if settings.wild:
            write_page(settings.root, report.rows, report_file.with_suffix(".html"))
    print(report.summary(settings))
    print(f"{rate}; every clip is in {report_file}")
    if settings.wild:
        print(f"to look at: {report_file.with_suffix('.html')}")
    if args.make_filelists:
        counts = make_filelists(settings.root, args.make_filelists, args.filelists)
        print(f"{args.filelists}: " + ", ".join(f"{which} {n}" for which, n in counts.items()))
    if report.mostly_bad:
        log.error("over half of the clips could not be used")
    return int(report.mostly_bad)


def _find_clips(args: argparse.Namespace, settings: PreprocessSettings) -> list[SourceVideo]:
    if args.layout == "talklip":
        return find_listed(args.data_root.resolve(), args.filelist)
    if args.layout == "lrw":
        clips, words = find_words(args.data_root.resolve())
        write_words(settings.root, words)
        return clips
    data_root = args.data_root.resolve()
    videos = find_sources(data_root)
    if args.split:
        videos = take_split(videos, data_root, args.split, args.filelists)
    return as_films(videos) if args.wild else videos


def _is_done(clip: SourceVideo, settings: PreprocessSettings) -> bool:
    if settings.bbx_root:
        return is_prepared(clip, settings)
    return (settings.root / clip.name / (FILM if settings.wild else DONE)).is_file()


def _preprocess(
    clips: list[SourceVideo], args: argparse.Namespace, settings: PreprocessSettings
) -> tuple[CorpusReport, str]:
    """The report on all clips, and how fast those went that were to be done."""
    missing = [clip for clip in clips if not _is_done(clip, settings)]
    if missing:
        check_weights(settings)
    if args.backend == "ray":
        rows = run_on_ray(missing, settings, args.ray_address, args.gpus_per_clip)
    else:
        machine = Machine.find(args.ngpu, args.workers, settings.detector)
        rows = run_here(missing, settings, machine)
    begun = time.monotonic()
    fresh = list(_watched(rows, len(missing), args.quiet))
    seconds = time.monotonic() - begun
    media = sum(row.get("seconds") or 0 for row in fresh)
    rate = f"{len(fresh)} clips in {seconds:.0f} s: {media / max(seconds, 1e-9):.1f} x real time"
    tried = {row["film" if settings.wild else "clip"] for row in fresh}
    if settings.wild:
        before = [read_film(settings.root / c.name) for c in clips if c.name not in tried]
        return WildReport.of_films(settings.root, fresh + before), rate
    told = talklip_row if settings.bbx_root else report_row
    before = [told(clip, settings) for clip in clips if clip.name not in tried]
    return CorpusReport.of(fresh + before), rate


def _watched(rows: Iterator[dict], total: int, quiet: bool) -> Iterator[dict]:
    """The rows as they come, with a progress bar, and a line for each clip left out."""
    for row in tqdm(rows, total=total, unit="clip", disable=quiet or not total):
        for one in row.get("rows", [row]):
            if not one["kept"]:
                words = f"left out {one['clip']}: {one['reason']}: {one['detail']}"
                tqdm.write(words, sys.stderr)
        yield row


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, so that the same command given twice does not undo its own work."""
    with lock.open("w") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CorpusError(f"another run is at work on these clips; it holds {lock}") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
