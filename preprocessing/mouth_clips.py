"""Cut the mouths out of videos with their own sound, for the lip warp to adapt itself to.

python -m preprocessing.mouth_clips --videos FOLDER --out mouths

Each video becomes a folder: the square about the largest face's mouth in every frame, and the lip
numbers that are seen there and heard in the sound. Run it again to go on.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from corpus.whole_folder import partial_folder
from face_detection import DETECTOR_NAMES
from lipsync import LipSync, Settings
from models.devices import device_faults_told
from models.mouth_crop import Placement, cut_mouth
from models.pretrained import LIP_WARP
from preprocessing.videos import find_sources
from training.mouth_files import DONE, MouthClip

LEAST_FRAMES = 10
log = logging.getLogger(__name__)


def cut_clip(path: Path, maker: LipSync) -> MouthClip:
    """The mouth of the largest face of a video. Raises ValueError (MediaError, NoFaceError)."""
    plan = maker.plan(path, path, Settings(length="shortest", silence="model"))
    count = min(plan.frame_count, len(plan.watched[0].notes))
    if count < LEAST_FRAMES:
        raise ValueError(f"{path}: its face is seen in {count} frames, {LEAST_FRAMES} are needed")
    watched = plan.watched[0]
    placements = watched.notes[:count, :4]
    frames = plan.source.frames(0, count)
    pictures = [
        cut_mouth(frame, Placement(*map(float, at)))
        for frame, at in zip(frames, placements, strict=False)
    ]
    heard = np.stack([plan.speech.heard(frame) for frame in range(count)])
    return MouthClip(
        np.stack(pictures), watched.lips[:count], heard.astype(np.float32),
        watched.trust[:count], placements.astype(np.float32),
    )  # fmt: skip


def cut_missing(args: argparse.Namespace, maker: LipSync) -> int:
    """Cut every video that is not cut yet; how many there are now."""
    there = 0
    for video in tqdm(find_sources(args.videos), unit="video", disable=args.quiet):
        target = args.out / video.name
        if (target / DONE).is_file():
            there += 1
            continue
        try:
            with device_faults_told("try again with --device cpu"):
                clip = cut_clip(video.source, maker)
        except ValueError as error:
            log.warning("left out: %s", error)
            continue
        with partial_folder(target) as partial:
            clip.write(partial, {"source": video.source.name})
            partial.rename(target)
        there += 1
    return there


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m preprocessing.mouth_clips",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--videos", type=Path, required=True, help="folder of videos of people who speak")
    add("--out", type=Path, required=True, help="folder to put the mouths in")
    add("--checkpoint_path", type=Path, default=LIP_WARP, help="the lip warp that looks at them")
    add("--detector", choices=DETECTOR_NAMES, default="auto", help="finds the faces")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        maker = LipSync(args.checkpoint_path, device=args.device, detector=args.detector)
        if not maker.backend.generator.lip_motion:
            raise ValueError(f"{args.checkpoint_path} is no lip warp: it sees no lips")
        there = cut_missing(args, maker)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    if not there:
        print(f"error: no video of {args.videos} could be used", file=sys.stderr)
        return 1
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
