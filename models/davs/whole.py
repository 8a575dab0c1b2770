"""DAVS whole: its networks under the names that they have in the published file.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019), 101_DAVS_checkpoint.pth.tar.
"""

import torch
from torch import nn

from models.arguments import keeps_arguments
from models.davs.decoder import DAVSDecoder
from models.davs.identity import SIZE, IdentityEncoder, IdentityWordJudge
from models.davs.judges import DomainJudge, FaceJudge
from models.davs.lips import LipEncoder
from models.davs.sound import SoundEncoder
from models.davs.words import WordClassifier

SOUND_GAIN, PICTURE_GAIN = 1.5, 0.8  # of a speech code when a face is painted
SIZES = (64, 128, SIZE)  # of faces; the published networks have the last
PARTS = (
    "mfcc_encoder", "lip_feature_encoder", "Decoder", "ID_encoder", "model_fusion",
    "ID_lip_discriminator", "netD", "netD_mul", "discriminator_audio",
)  # fmt: skip
JUDGES = ("ID_lip_discriminator", "netD", "netD_mul", "discriminator_audio")
# Weights that are in every published file and used by nothing.
UNUSED = (
    "mfcc_encoder.model1.bn5", "lip_feature_encoder.model.conv5", "lip_feature_encoder.model.conv6",
    "lip_feature_encoder.model.fc", "model_fusion.dis", "netD.conv8", "netD.bn7", "netD.bn8",
    "netD.bn9", "netD_mul.conv8", "netD_mul.bn7", "netD_mul.bn8", "netD_mul.bn9",
)  # fmt: skip
JUDGE_MARKS = ("netD_mul.mfcc_conv1.weight", "ID_lip_discriminator.fc_2.weight")
MARKS = ("Decoder.deconv1_1_new.weight", "ID_encoder.block1.conv01_a.weight")


@keeps_arguments
class DAVSJudges(nn.Module):
    """What DAVS learns against, under its published names: a checkpoint of its own in training."""

    def __init__(
        self, words: int = 500, multiplier: float = 1.0, *, identity_frames: int = 20,
        judge_frames: int = 6, size: int = SIZE,
    ):  # fmt: skip
        super().__init__()
        self.ID_lip_discriminator = IdentityWordJudge(identity_frames, words, multiplier, size)
        self.netD = FaceJudge(1, multiplier)
        self.netD_mul = FaceJudge(judge_frames, multiplier)
        self.discriminator_audio = DomainJudge()


@keeps_arguments
class DAVS(nn.Module):
    """Hears, sees, and paints; and what judges it, unless `judges` is off."""

    def __init__(
        self, words: int = 500, multiplier: float = 1.0, *, picture_multiplier: float = 0.0,
        fusion_frames: int = 12, identity_frames: int = 20, judge_frames: int = 6,
        judges: bool = True, size: int = SIZE,
    ):  # fmt: skip
        """picture_multiplier: of what paints and whose pictures are judged; 0: as multiplier."""
        if size not in SIZES:
            raise ValueError(f"DAVS has faces of {' or '.join(map(str, SIZES))} px, not {size}")
        super().__init__()
        self.size = size
        self.words, self.multiplier, self.judges = words, multiplier, judges
        self.fusion_frames, self.identity_frames = fusion_frames, identity_frames
        self.judge_frames = judge_frames
        self.picture_multiplier = picture_multiplier = picture_multiplier or multiplier
        self.mfcc_encoder = SoundEncoder(multiplier)
        self.lip_feature_encoder = LipEncoder(multiplier, size)
        self.ID_encoder = IdentityEncoder(picture_multiplier)
        self.Decoder = DAVSDecoder(picture_multiplier, size)
        self.model_fusion = WordClassifier(fusion_frames, words, multiplier)
        if judges:
            beside = DAVSJudges(
                words, picture_multiplier, identity_frames=identity_frames,
                judge_frames=judge_frames, size=size,
            )  # fmt: skip
            for name, judge in beside.named_children():
                self.add_module(name, judge)

    def forward(self, mfcc: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """mfcc (B, 20, 12), faces (B, 3, size, size) RGB in [0, 1] -> the faces that say it."""
        speech = self.mfcc_encoder(mfcc[:, None, None])[:, 0]
        return self.paint(faces, SOUND_GAIN * speech)

    def paint(self, faces: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        """Identities (B, 3, size, size) and speech codes (B, 256) -> (B, 3, size, size)."""
        code, _, _, skip, _ = self.ID_encoder(faces)
        return self.Decoder(code, skip, speech)


def measure(weights: dict[str, torch.Tensor]) -> dict:
    """Arguments of DAVS for its weights."""
    fusion = weights["model_fusion.fc_1.weight"]
    found = {
        "words": len(weights["model_fusion.fc_2.weight"]),
        "multiplier": weights["mfcc_encoder.fc.weight"].shape[1] / 1024,
        "picture_multiplier": len(weights["Decoder.deconv1_1_bn.weight"]) / 512,
        "fusion_frames": fusion.shape[1] // 256,
        "judges": "netD.conv1.weight" in weights,
        "size": 8 * round(weights["lip_feature_encoder.fc.weight"].shape[1] ** 0.5),
    }
    return found | (_judged_frames(weights) if found["judges"] else {})


def measure_judges(weights: dict[str, torch.Tensor]) -> dict:
    """Arguments of DAVSJudges for its weights."""
    return _judged_frames(weights) | {
        "words": len(weights["ID_lip_discriminator.fc_2.weight"]),
        "multiplier": len(weights["netD_mul.norm3.weight"]) / 512,
        "size": 8 * round(weights["ID_lip_discriminator.fc.weight"].shape[1] ** 0.5),
    }


def _judged_frames(weights: dict[str, torch.Tensor]) -> dict:
    return {
        "identity_frames": weights["ID_lip_discriminator.fc_2.weight"].shape[1] // 128,
        "judge_frames": weights["netD_mul.conv1.weight"].shape[1] // 3,
    }


def without_judges(weights: dict[str, torch.Tensor]) -> tuple[dict, dict]:
    """Weights of a whole DAVS -> those of DAVS(judges=False), and those of DAVSJudges."""
    judges = {name: value for name, value in weights.items() if name.split(".")[0] in JUDGES}
    return {name: value for name, value in weights.items() if name not in judges}, judges


def joined(content: dict) -> dict[str, torch.Tensor] | None:
    """The published file's networks as one state dict, or None if it is another file."""
    if not all(isinstance(content.get(part), dict) for part in ("Decoder", "ID_encoder")):
        return None
    return {
        f"{part}.{str(name).removeprefix('module.')}": value
        for part in PARTS
        if isinstance(content.get(part), dict)
        for name, value in content[part].items()
    }
