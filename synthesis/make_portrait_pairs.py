"""Make pairs of photographs and of frames of videos: each drawn with its own mouth and others.

python -m synthesis.make_portrait_pairs --head_model <ICT-FaceKit> --photos faces --out pairs_real
python -m synthesis.make_portrait_pairs --head_model <ICT-FaceKit> --videos clips --out pairs_real

Beside the rendered pairs of synthesis.make_pairs, in the same form. Run it again to go on.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

import video
from atomic import write_whole
from corpus.videos import VIDEO_SUFFIXES
from corpus.whole_folder import partial_folder
from face_detection import DETECTOR_NAMES, make_detector
from face_detection.landmarks import LandmarkFinder
from synthesis.arguments import add_pair_arguments, run_maker, whole_count
from synthesis.figure.head import load_head
from synthesis.pairs.fitting import HeadFitter
from synthesis.pairs.portrait_mesh import face_mesh
from synthesis.pairs.portrait_pairs import PortraitArtist, Tally, Unfit
from training.pair_files import DONE, write_shard
from video.images import read_image

VALIDATED = 10  # one person in so many is for validation
LEFT_OUT = "left_out.txt"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One shard's pictures: a photograph, or a video that shows one person."""

    name: str
    path: Path
    number: int

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEO_SUFFIXES

    def pictures(self, every: int) -> Iterator[np.ndarray]:
        """The photograph, or every so many frames of the video."""
        if not self.is_video:
            yield read_image(self.path)
            return
        for frame, image in enumerate(video.read_frames(self.path)):
            if frame % every == every // 2:
                yield image


def find_sources(photos: list[Path], videos: list[Path]) -> list[Source]:
    """All photographs of the folders, then all videos, by names that no two share."""
    pictures = [file for folder in photos for file in video.files_in_order(folder)]
    films = [
        file for folder in videos for file in sorted(folder.iterdir())
        if file.suffix.lower() in VIDEO_SUFFIXES
    ]  # fmt: skip
    return [
        Source(f"{kind}_{file.parent.name}_{file.stem}", file, number)
        for kind, files in (("photo", pictures), ("video", films))
        for number, file in enumerate(files)
    ]


def make_shard(args: argparse.Namespace, source: Source, artist: PortraitArtist, tally: Tally):
    """All pictures of a source that can be drawn, as one shard; none if there are none."""
    drawn = []
    for at, picture in enumerate(source.pictures(args.every)):
        rng = np.random.default_rng((args.seed, source.number, at, source.is_video))
        try:
            drawn += artist.draw(picture, args.mouths, rng, 1 if source.is_video else args.frames)
            tally.kept += 1
        except Unfit as reason:
            tally.rejected[str(reason)] += 1
    if not drawn:
        return
    split = "train" if source.is_video or source.number % VALIDATED else "val"
    about = {"real": True, "split": split, "source": source.path.name, "seed": args.seed}
    target = args.out / source.name
    with partial_folder(target) as partial:
        write_shard(partial, drawn, [0] * len(drawn), about)  # each shows the others' teeth
        partial.rename(target)


def make_missing(args: argparse.Namespace, artist: PortraitArtist) -> Tally:
    """Shards of all sources that have none and were not left out before."""
    sources, tally = find_sources(args.photos, args.videos), Tally()
    if not sources:
        raise ValueError("no pictures or videos in the folders of --photos and --videos")
    record = args.out / LEFT_OUT
    left_out = set(record.read_text().split("\n")) if record.is_file() else set()
    missing = [
        one for one in sources
        if one.name not in left_out and not (args.out / one.name / DONE).is_file()
    ]  # fmt: skip
    for source in tqdm(missing, unit="source", disable=args.quiet):
        before = tally.kept
        make_shard(args, source, artist, tally)
        if tally.kept == before:
            left_out.add(source.name)
            write_whole(record, "\n".join(sorted(left_out)))
    return tally


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m synthesis.make_portrait_pairs",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add_pair_arguments(parser)
    add("--photos", type=Path, nargs="*", default=[], help="folders of photographs, one face each")
    add("--videos", type=Path, nargs="*", default=[], help="folders of videos of one person")
    add("--every", type=whole_count, default=25, help="frames of a video from one to the next")
    add("--frames", type=whole_count, default=3, help="of a photograph, with other mouths each")
    add("--detector", choices=DETECTOR_NAMES, default="auto", help="finds the faces")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.mouths < 2 or args.seed < 0:
        parser.error("a pair needs --mouths 2 or more; --seed is 0 or more")
    return run_maker(lambda: _make(args), args.out)


def _make(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    head = load_head(args.head_model)
    artist = PortraitArtist(
        face_mesh(head), HeadFitter(head), make_detector(args.detector), LandmarkFinder()
    )
    args.out.mkdir(parents=True, exist_ok=True)
    print(make_missing(args, artist), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
