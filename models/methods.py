"""Which method a generator's checkpoint belongs to: the kinds of checkpoint that can lip-sync."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from models.checkpoint import Checkpoint, CheckpointError, load, read_checkpoint
from models.davs.method import DAVSMethod
from models.generator import Generator, Hearing
from models.lip_warp_method import LipWarpMethod
from models.lipgan.hearing import window_name
from models.masked_face import MaskedFace
from models.pretrained import LANDMARKS, LIP_HEARING, LIP_HEARING_CAUSAL, LIP_SEEING
from models.talklip_method import TalkLip


def open_method(path: str | Path, *, live: bool = False) -> Generator:
    """The method whose weights a file holds, on the CPU. Raises CheckpointError.

    live: with what hears hardly ahead, where the method has such.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.kind.name not in METHODS:
        raise CheckpointError(f"{path}: this is {checkpoint.kind.title}, not a generator")
    methods = METHODS | LIVE_METHODS if live else METHODS
    return methods[checkpoint.kind.name](checkpoint)


def weights_files(path: str | Path) -> list[Path]:
    """The files that open_method reads for a checkpoint, itself first. Raises CheckpointError."""
    return [Path(path), *COMPANION_FILES.get(read_checkpoint(path).kind.name, ())]


def _talkface(checkpoint: Checkpoint) -> MaskedFace:
    network = checkpoint.build()
    return MaskedFace(network, Hearing("mel80x16", checkpoint.hparams))


def _lip_warp(checkpoint: Checkpoint, hearing: Path = LIP_HEARING) -> LipWarpMethod:
    """The warp with the networks that come along: what hears, finds landmarks and sees."""
    return LipWarpMethod(
        checkpoint.build(),
        load(hearing, "lip_hearing"),
        load(LANDMARKS, "landmarks"),
        load(LIP_SEEING, "lip_seeing"),
    )


def _lipgan(checkpoint: Checkpoint) -> MaskedFace:
    network = checkpoint.build()
    legacy = bool(checkpoint.hparams.get("legacy_timing"))  # it hears what it was trained with
    window = window_name(network.sound, legacy_timing=legacy)
    return MaskedFace(network, Hearing(window, checkpoint.hparams), reference_first=True)


def _talklip(checkpoint: Checkpoint) -> TalkLip:
    return TalkLip(checkpoint.build())


def _davs(checkpoint: Checkpoint) -> DAVSMethod:
    return DAVSMethod(checkpoint.build(), load(LANDMARKS, "landmarks"))


# Kind of checkpoint (models/registry.py) -> what makes its method.
METHODS: dict[str, Callable[[Checkpoint], Generator]] = {
    "generator": _talkface,
    "lip_warp": _lip_warp,
    "lipgan_generator": _lipgan,
    "talklip": _talklip,
    "davs": _davs,
}
# Kind of checkpoint -> the weights that its method has besides.
COMPANION_FILES: dict[str, tuple[Path, ...]] = {
    "lip_warp": (LIP_HEARING, LANDMARKS, LIP_SEEING),
    "davs": (LANDMARKS,),
}
LIVE_METHODS: dict[str, Callable[[Checkpoint], Generator]] = {
    "lip_warp": partial(_lip_warp, hearing=LIP_HEARING_CAUSAL),
}
