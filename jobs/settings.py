"""What the flags choose for one video."""

import argparse
from pathlib import Path

from face_detection import Box, Pads
from lipsync.settings import Settings
from models.pretrained import EXPERT

OPTIONS = ("strength", "keep_expression", "tune_steps")  # of one method or another
SAME_NAMES = (
    "start", "end", "resize_factor", "rotate", "static", "loop", "length", "boxes", "speakers",
    "no_face", "detect_every", "blend", "silence", "audio_offset_ms", "legacy_timing", "lip_motion",
    "driving_video", "crop_only", "codec", "crf", "preset", "pix_fmt", "vfr", "smart_copy",
)  # fmt: skip


def settings_of(args: argparse.Namespace) -> Settings:
    """What the flags of inference.py choose for one video."""
    chosen = args.face_select
    return Settings(
        still_fps=args.fps,
        box=None if tuple(args.box) == (-1, -1, -1, -1) else Box.from_cli(*args.box),
        pads=Pads(*args.pads),
        crop=tuple(args.crop),
        smooth=not args.nosmooth,
        use_cache=not args.no_cache,
        tag=not args.no_tag,
        options={name: getattr(args, name) for name in OPTIONS if getattr(args, name) is not None},
        face_select=tuple(chosen) if isinstance(chosen, list) else chosen,
        sync_expert=Path(args.syncnet_checkpoint_path or EXPERT),
        **{name: getattr(args, name) for name in SAME_NAMES},
    )
