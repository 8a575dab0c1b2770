"""Which method a generator's checkpoint belongs to: the kinds of checkpoint that can lip-sync."""

from collections.abc import Callable
from pathlib import Path

from models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from models.generator import Generator, Hearing
from models.masked_face import MaskedFace
from models.talkface import TalkFace


def open_method(path: str | Path) -> Generator:
    """The method whose weights a file holds, on the CPU. Raises CheckpointError."""
    checkpoint = read_checkpoint(path)
    if checkpoint.kind.name not in METHODS:
        raise CheckpointError(f"{path}: this is {checkpoint.kind.title}, not a generator")
    return METHODS[checkpoint.kind.name](checkpoint)


def _talkface(checkpoint: Checkpoint) -> MaskedFace:
    network = checkpoint.build(TalkFace, "cpu")
    return MaskedFace(network, Hearing("mel80x16", checkpoint.hparams))


# Kind of checkpoint (models/kinds.py) -> what makes its method.
METHODS: dict[str, Callable[[Checkpoint], Generator]] = {"generator": _talkface}
