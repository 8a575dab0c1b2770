"""Pack a corpus: the faces and the mel of each clip in one file, at the networks' size.

python -m training.pack --data_root lrs2_preprocessed/ [--hparams img_height=288,img_width=192]
"""

import argparse
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from safetensors.numpy import save

from atomic import whole_or_absent
from hparams import HParams
from training.clips import examine_clip
from training.packed import ClipError, packed_path

log = logging.getLogger(__name__)


def pack_clip(folder: Path, hp: HParams) -> Path:
    """Write a clip's faces, resized as training does, and its mel. Raises ClipError.

    What was packed before is packed again from the JPEGs.
    """
    target = packed_path(folder, hp.img_height, hp.img_width)
    target.unlink(missing_ok=True)
    clip = examine_clip(folder, folder.name, hp)
    faces = clip.read_faces(clip.frames, hp.img_height, hp.img_width)
    with whole_or_absent(target) as partial:
        packed = save({"frames": clip.frames, "faces": faces, "mel": clip.read_mel()})
        partial.write_bytes(packed)  # save_file would make it nobody else's to read
    return target


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
        hp = HParams().with_overrides(args.hparams)
    except ValueError as error:
        parser.error(str(error))
    folders = sorted(path for path in args.data_root.glob("*/*") if path.is_dir())
    if not folders:
        parser.error(f"no <folder>/<clip> in {args.data_root}")

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
