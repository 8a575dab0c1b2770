"""The networks that run when videos are made: what goes into each, and what comes out.

A row says how a network is traced; export/graph.py does it. Every first axis is the batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from models.davs.alignment import SEEN
from models.davs.method import Speaker
from models.davs.whole import DAVS
from models.face_finder import FaceFinder
from models.inputs import lower_half_rows
from models.landmarks import CROP, LandmarkNet
from models.lip_hearing import BANDS, LipHearing
from models.lip_motion import NAMES
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp, Warp
from models.lipgan import LipGANGenerator
from models.mouth_crop import SIZE
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.talkface import TalkFace
from models.talklip import TalkLipGenerator
from models.talklip_method import FacePainter

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Form:
    """How one class of network is called."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    example: Callable[[nn.Module, int], Tensors]  # of a batch
    method: str = "forward"  # that is traced
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)  # beside the batch, free
    told: str = ""  # what the inputs are, for who finds the file alone
    pack: Callable[[Tensors], object] = lambda outputs: outputs  # as the method returns them


def part_that_runs(network: nn.Module) -> nn.Module:
    """Of a checkpoint's network, what makes videos. Raises ValueError where nothing does."""
    if isinstance(network, DAVS):
        network = Speaker(network)
    elif isinstance(network, TalkLipGenerator):
        network = FacePainter(network)
    if type(network) not in FORMS:
        raise ValueError(
            f"{type(network).__name__} is no network that makes or judges videos; there are: "
            + ", ".join(sorted(kind.__name__ for kind in FORMS))
        )
    return network.eval()


def _one(outputs: Tensors) -> torch.Tensor:
    return outputs[0]


def _random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def _mel(batch: int, columns: int = 16) -> torch.Tensor:
    return 8 * _random(batch, 1, BANDS, columns) - 4


def _pictures(network: nn.Module, batch: int, channels: int) -> torch.Tensor:
    return _random(batch, channels, network.height, network.width)


def _lipgan_sound(network: LipGANGenerator, batch: int) -> torch.Tensor:
    return _mel(batch, 27) if network.sound == "mel" else 8 * _random(batch, 1, 12, 35)


def _lips(batch: int) -> torch.Tensor:
    return 0.5 * _random(batch, len(NAMES))


HALF_FACES = "face: (B, 6, H, W) in [0, 1], BGR; the lower half hidden, then the reference"
FREE_SIDES = {"images": {2: "height", 3: "width"}}

FORMS: dict[type[nn.Module], Form] = {
    TalkFace: Form(
        ("mel", "face"), ("made",),
        lambda network, batch: (_mel(batch), _pictures(network, batch, 6)),
        told=f"mel: (B, 1, 80, 16) in [-4, 4]; {HALF_FACES}", pack=_one,
    ),
    LipGANGenerator: Form(
        ("sound", "face"), ("made",),
        lambda network, batch: (_lipgan_sound(network, batch), _pictures(network, batch, 6)),
        told="sound: a mel of 27 columns or an MFCC of 35; face: (B, 6, H, W) in [0, 1], BGR; the "
        "reference, then the lower half hidden", pack=_one,
    ),
    FacePainter: Form(
        ("codes", "face"), ("made",),
        lambda network, batch: (_random(batch, _codes(network)), _pictures(network, batch, 6)),
        told=f"codes: what AV-HuBERT's encoder makes of the sound; {HALF_FACES}", pack=_one,
    ),
    Speaker: Form(
        ("mfcc", "faces"), ("made",),
        lambda network, batch: (8 * _random(batch, 20, 12), _random(batch, 3, SEEN, SEEN)),
        told="mfcc: (B, 20, 12); faces: (B, 3, 256, 256) in [0, 1], RGB, aligned", pack=_one,
    ),
    LipWarp: Form(
        ("face", "reference", "lips", "face_lips"), ("flow", "reference_flow", "layers", "paint"),
        lambda network, batch: (
            _random(batch, 3, SIZE, SIZE), _random(batch, 3, SIZE, SIZE).flip(3),
            _lips(batch), _lips(batch).flip(1),
        ),
        told="face, reference: (B, 3, 160, 160) in [0, 1], BGR; lips: wanted, face_lips: seen in "
        "the face, (B, 15) by models/lip_motion.py. flows: pixels of 160, right and down; layers: "
        "logits of face, reference, paint", pack=lambda outputs: Warp(*outputs, None),
    ),
    LipHearing: Form(
        ("mel",), ("lip_motion",), lambda network, batch: (_mel(batch, 48 * batch)[:, 0],),
        method="columns", axes={"mel": {2: "columns"}, "lip_motion": {2: "columns"}},
        told="mel: (B, 80, columns) in [-4, 4], 80 columns a second, an even number of them; "
        "lip_motion: (B, 17, columns), in spreads from the mean, then logits of two contacts",
        pack=_one,
    ),
    LipSeeing: Form(
        ("mouths",), ("values", "doubt", "teeth"),
        lambda network, batch: (_random(batch, 3, SIZE, SIZE),),
        told="mouths: (B, 3, 160, 160) in [0, 1], BGR",
    ),
    SyncNet: Form(
        ("mel", "mouths"), ("sound_code", "mouth_code"),
        lambda network, batch: (
            _mel(batch), _random(batch, 15, lower_half_rows(network.height), network.width)
        ),
        told="mel: (B, 1, 80, 16) in [-4, 4]; mouths: (B, 15, H / 2, W) in [0, 1], BGR, five lower "
        "halves",
    ),
    FaceFinder: Form(
        ("images",), ("fine", "middle", "coarse"),
        lambda network, batch: (255 * _random(batch, 3, 64 * batch, 96 * batch),),
        axes=FREE_SIDES | {name: {2: f"{name}_rows", 3: f"{name}_columns"}
                           for name in ("fine", "middle", "coarse")},
        told="images: (B, 3, H, W) BGR levels, 0 to 255; outputs: models/face_finder.py, decode",
        pack=list,
    ),
    S3FD: Form(
        ("images",), tuple(f"{what}{n}" for n in range(6) for what in ("scores", "offsets")),
        lambda network, batch: (255 * _random(batch, 3, 64 * batch, 96 * batch) - 110,),
        axes=FREE_SIDES | {f"{what}{n}": {2: f"rows{n}", 3: f"columns{n}"}
                           for n in range(6) for what in ("scores", "offsets")},
        told="images: (B, 3, H, W) RGB levels less their means; outputs: models/s3fd.py",
        pack=list,
    ),
    LandmarkNet: Form(
        ("crops",), ("points", "spreads"),
        lambda network, batch: (255 * _random(batch, 3, CROP, CROP),),
        told="crops: (B, 3, 112, 112) BGR levels, 0 to 255; points: (B, 68, 2) in pixels",
    ),
}  # fmt: skip


def _codes(painter: FacePainter) -> int:
    """How many numbers a sound's code has."""
    first = next(painter.face_decoder_blocks[0].parameters())
    return first.shape[1] if first.dim() == 4 else first.shape[0]
