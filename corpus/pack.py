"""Pack a corpus: the faces and the mel of each clip in one file, at the networks' size.

python -m corpus.pack --data_root lrs2_preprocessed/ [--hparams img_height=288,img_width=192]
"""

import argparse
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors.numpy import save

from atomic import whole_or_absent
from corpus.clips import examine_clip
from corpus.errors import ClipError
from corpus.layout import MEL, SOUND
from corpus.mel import mel_numbers
from corpus.packed import NUMBERS, packed_path
from corpus.walk import walk
from hparams import ClipHParams

log = logging.getLogger(__name__)


def pack_clip(folder: Path, hp: ClipHParams) -> Path:
    """Write a clip's faces, resized as training does, and its mel. Raises ClipError.

    What was packed before is packed again from the JPEGs.
    """
    target = packed_path(folder, hp.img_height, hp.img_width)
    target.unlink(missing_ok=True)
    clip = examine_clip(folder, folder.name, hp)
    faces = clip.read_faces(clip.frames, hp.img_height, hp.img_width)
    with whole_or_absent(target) as partial:
        tensors = {"frames": clip.frames, "faces": faces, "mel": clip.read_mel()}
        packed = save(tensors, {NUMBERS: json.dumps(mel_numbers(hp))})
        partial.write_bytes(packed)  # save_file would make it nobody else's to read
    return target


def clip_folders(root: Path) -> list[Path]:
    """The folders below root that are clips, however deep they lie, sorted."""
    return sorted(folder for folder, _, files in walk(root) if {SOUND, MEL} & {*files})


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_root", type=Path, required=True, help="what preprocess.py wrote")
    parser.add_argument("--hparams", default="", help="name=value,...: img_height and img_width")
    parser.add_argument("--workers", type=int, default=4, help="clips packed at a time")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        hp = ClipHParams().with_overrides(args.hparams)
    except ValueError as error:
        parser.error(str(error))
    if args.workers < 1:
        parser.error(f"--workers must be 1 or more, not {args.workers}")
    folders = clip_folders(args.data_root)
    if not folders:
        parser.error(f"no <folder>/<clip> with {SOUND} in {args.data_root}")

    def pack(folder: Path) -> bool:
        try:
            pack_clip(folder, hp)
        except (ClipError, OSError) as error:
            log.warning("%s: %s", folder, error)
            return False
        return True

    with ThreadPoolExecutor(args.workers) as pool:
        done = sum(pool.map(pack, folders))
    log.info("packed %d of %d clips at %dx%d", done, len(folders), hp.img_height, hp.img_width)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
