"""Which network a set of weights belongs to, told by names and shapes alone."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.av_hubert import measure as av_hubert
from models.davs import whole as davs
from models.lipgan import measure as lipgan

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Kind:
    """A sort of network that a checkpoint may hold."""

    name: str
    title: str  # as people call it, with its article
    marks: tuple[str, ...]  # names that weights of this kind have and no other kind has together
    measure: Callable[[Weights], dict]  # weights -> arguments of the network's constructor


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


def _measure_s3fd(weights: Weights) -> dict:
    return {"multiplier": len(weights["fc7.weight"]) / 1024}


def _measure_face_finder(weights: Weights) -> dict:
    return {"multiplier": len(weights["levels.2.0.conv_block.0.weight"]) / 160}


def _measure_landmarks(weights: Weights) -> dict:
    return {"multiplier": len(weights["join_fine.conv_block.0.weight"]) / 48}


def _measure_hearing(weights: Weights) -> dict:
    return {"channels": len(weights["stem.weight"]), "causal": bool(weights["causal"])}


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


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "generator",
            "a generator",
            ("face_decoder_blocks.0.0.conv_block.0.weight", "audio_encoder.0.conv_block.0.weight"),
            _measure_frames,
        ),
        Kind(
            "expert",
            "a lip-sync expert",
            ("face_encoder.0.conv_block.0.weight", "audio_encoder.0.conv_block.0.weight"),
            _measure_expert,
        ),
        Kind(
            "discriminator",
            "a visual-quality discriminator",
            ("binary_pred.0.weight", "face_encoder_blocks.0.0.conv_block.0.weight"),
            _measure_frames,
        ),
        Kind("s3fd", "an S3FD face detector", ("conv3_3_norm.weight", "fc7.weight"), _measure_s3fd),
        Kind(
            "face_finder",
            "a small face detector",
            ("towers.0.conv_block.0.weight", "levels.2.0.conv_block.0.weight", "head.weight"),
            _measure_face_finder,
        ),
        Kind(
            "landmarks",
            "a landmark network",
            ("maps.weight", "narrow.1.weight", "join_fine.conv_block.0.weight"),
            _measure_landmarks,
        ),
        Kind(
            "lip_seeing",
            "a network that sees lip motion",
            ("tell.1.weight", "features.0.conv_block.0.weight", "lips_mean"),
            lambda weights: {"multiplier": len(weights["features.0.conv_block.0.weight"]) / 24},
        ),
        Kind(
            "lip_warp",
            "a lip warp",
            ("flows.weight", "colours.weight", "lips_mean"),
            lambda weights: {"multiplier": len(weights["stem.0.weight"]) / 24},
        ),
        Kind(
            "lip_hearing",
            "a network that hears lip motion",
            ("causal", "spread", "stem.weight"),
            _measure_hearing,
        ),
        Kind(
            "lipgan_generator",
            "a LipGAN generator",
            lipgan.GENERATOR_MARKS,
            lipgan.measure_generator,
        ),
        Kind("lipgan_judge", "a LipGAN judge", lipgan.JUDGE_MARKS, lipgan.measure_judge),
        Kind("davs", "a DAVS", davs.MARKS, davs.measure),
        Kind("av_hubert", "an AV-HuBERT", av_hubert.ENCODER_MARKS, av_hubert.measure_encoder),
        Kind("lip_reader", "a lip reader", av_hubert.READER_MARKS, av_hubert.measure_reader),
        Kind(
            "talklip",
            "a TalkLip generator",
            av_hubert.TALKLIP_MARKS,
            lambda weights: av_hubert.measure_talklip(weights, _measure_frames(weights)),
        ),
        Kind(
            "syncnet_v2",
            "a SyncNet v2 evaluation network",
            ("netcnnaud.0.weight", "netfclip.3.weight"),
            lambda weights: {},
        ),
    )
}
