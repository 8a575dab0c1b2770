"""The registry of networks: what a checkpoint may hold, how it is recognised, which class it is.

A new network needs its file in models/ and its row in KINDS; loading, exporting, training and
`python -m models.checkpoint FILE` read that table. Its class is decorated with keeps_arguments, so
that checkpoints say what its constructor was given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from models.av_hubert import measure as av_hubert
from models.av_hubert.encoder import AVHuBERT
from models.av_hubert.lip_reader import LipReader
from models.davs import whole as davs
from models.face_finder import FaceFinder
from models.landmarks import LandmarkNet
from models.lip_hearing import LipHearing
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp
from models.lipgan import LipGANGenerator, LipGANJudge
from models.lipgan import measure as lipgan
from models.quality_discriminator import VisualQualityDiscriminator
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.syncnet_v2 import SyncNetV2
from models.talkface import TalkFace
from models.talklip import TalkLipGenerator

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """A sort of network that a checkpoint may hold."""

    name: str
    title: str  # as people call it, with its article
    network: type[nn.Module]
    marks: tuple[str, ...]  # names that weights of this kind have and no other kind has together
    measure: Callable[[Weights], dict]  # weights -> arguments of the network's constructor
    numbers: Mapping[str, str] = field(default_factory=dict)  # argument -> its hyperparameter


def kind_of(weights: Weights) -> Kind | None:
    """The kind whose marks are all there, or None."""
    found = (kind for kind in KINDS.values() if all(mark in weights for mark in kind.marks))
    return next(found, None)


# A bottleneck of 3x3 after five halvings is shared by faces of 65 to 96 pixels: the largest is
# meant, but for the HD model. Checkpoints of ours say their size and are believed before these.
HD_LARGEST, HD = (320, 192), (288, 192)


def _measure_frames(weights: Weights) -> dict:
    """Of generator and discriminator, whose stages are numbered."""
    stages = _count(weights, "face_encoder_blocks")
    bottleneck = weights[f"face_encoder_blocks.{stages - 1}.0.conv_block.0.weight"]
    return _shape(bottleneck, scale=2 ** (stages - 2))


def _measure_expert(weights: Weights) -> dict:
    blocks = _count(weights, "face_encoder")
    bottleneck = weights[f"face_encoder.{blocks - 2}.conv_block.0.weight"]
    halvings = (blocks - 5) // 3
    return _shape(bottleneck, scale=2 ** (halvings + 1))


def _count(weights: Weights, prefix: str) -> int:
    """How many numbered children the module `prefix` has."""
    numbers = (name.split(".")[1] for name in weights if name.startswith(f"{prefix}."))
    return 1 + max(int(number) for number in numbers)


def _shape(bottleneck: torch.Tensor, scale: int) -> dict:
    """From the convolution that turns the last feature map into a code of 512 x multiplier."""
    channels, _, rows, columns = bottleneck.shape
    largest = (rows * scale, columns * scale)
    height, width = HD if largest == HD_LARGEST else largest
    return {"height": height, "width": width, "multiplier": channels / 512}


FACE = {"height": "img_height", "width": "img_width", "multiplier": "multiplier"}
WIDTH = {"multiplier": "multiplier"}
DAVS_NUMBERS = {
    "multiplier": "multiplier",
    "picture_multiplier": "picture_multiplier",
    "size": "img_size",
    "identity_frames": "identity_frames",
    "judge_frames": "judge_frames",
}

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "generator",
            "a generator",
            TalkFace,
            ("face_decoder_blocks.0.0.conv_block.0.weight", "audio_encoder.0.conv_block.0.weight"),
            _measure_frames,
            FACE,
        ),
        Kind(
            "expert",
            "a lip-sync expert",
            SyncNet,
            ("face_encoder.0.conv_block.0.weight", "audio_encoder.0.conv_block.0.weight"),
            _measure_expert,
            FACE,
        ),
        Kind(
            "discriminator",
            "a visual-quality discriminator",
            VisualQualityDiscriminator,
            ("binary_pred.0.weight", "face_encoder_blocks.0.0.conv_block.0.weight"),
            _measure_frames,
            FACE,
        ),
        Kind(
            "s3fd",
            "an S3FD face detector",
            S3FD,
            ("conv3_3_norm.weight", "fc7.weight"),
            lambda weights: {"multiplier": len(weights["fc7.weight"]) / 1024},
            WIDTH,
        ),
        Kind(
            "face_finder",
            "a small face detector",
            FaceFinder,
            ("towers.0.conv_block.0.weight", "levels.2.0.conv_block.0.weight", "head.weight"),
            lambda weights: {"multiplier": len(weights["levels.2.0.conv_block.0.weight"]) / 160},
            WIDTH,
        ),
        Kind(
            "landmarks",
            "a landmark network",
            LandmarkNet,
            ("maps.weight", "narrow.1.weight", "join_fine.conv_block.0.weight"),
            lambda weights: {"multiplier": len(weights["join_fine.conv_block.0.weight"]) / 48},
            WIDTH,
        ),
        Kind(
            "lip_warp",
            "a lip warp",
            LipWarp,
            ("flows.weight", "colours.weight", "lips_mean"),
            lambda weights: {"multiplier": len(weights["stem.0.weight"]) / 24},
            WIDTH,
        ),
        Kind(
            "lip_seeing",
            "a network that sees lip motion",
            LipSeeing,
            ("tell.2.weight", "features.0.conv_block.0.weight", "lips_mean"),
            lambda weights: {"multiplier": len(weights["features.0.conv_block.0.weight"]) / 24},
            WIDTH,
        ),
        Kind(
            "lip_hearing",
            "a network that hears lip motion",
            LipHearing,
            ("causal", "spread", "stem.weight"),
            lambda weights: {
                "channels": len(weights["stem.weight"]),
                "causal": bool(weights["causal"]),
            },
            {"channels": "channels", "causal": "causal"},
        ),
        Kind(
            "lipgan_generator",
            "a LipGAN generator",
            LipGANGenerator,
            lipgan.GENERATOR_MARKS,
            lipgan.measure_generator,
            FACE,
        ),
        Kind(
            "lipgan_judge",
            "a LipGAN judge",
            LipGANJudge,
            lipgan.JUDGE_MARKS,
            lipgan.measure_judge,
            FACE,
        ),
        Kind("davs", "a DAVS", davs.DAVS, davs.MARKS, davs.measure, DAVS_NUMBERS),
        Kind(
            "davs_judges",
            "the judges of a DAVS",
            davs.DAVSJudges,
            davs.JUDGE_MARKS,
            davs.measure_judges,
            {name: number for name, number in DAVS_NUMBERS.items() if "multiplier" not in name},
        ),
        Kind(
            "av_hubert",
            "an AV-HuBERT",
            AVHuBERT,
            av_hubert.ENCODER_MARKS,
            av_hubert.measure_encoder,
        ),
        Kind(
            "lip_reader",
            "a lip reader",
            LipReader,
            av_hubert.READER_MARKS,
            av_hubert.measure_reader,
            av_hubert.READER_NUMBERS,
        ),
        Kind(
            "talklip",
            "a TalkLip generator",
            TalkLipGenerator,
            av_hubert.TALKLIP_MARKS,
            lambda weights: av_hubert.measure_talklip(weights, _measure_frames(weights)),
            FACE,
        ),
        Kind(
            "syncnet_v2",
            "a SyncNet v2 evaluation network",
            SyncNetV2,
            ("netcnnaud.0.weight", "netfclip.3.weight"),
            lambda weights: {},
        ),
    )
}
