"""LipGAN's judge: how far a face lies from a sound.

"Towards Automatic Face-to-Face Translation" (Prajwal et al., ACM Multimedia 2019); taught by the
contrastive loss, with generated and mis-paired faces as the wrong ones.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.blocks import scaled
from models.lipgan.layers import (
    LEAK,
    InstanceNormalization,
    Layer,
    NumberedNetwork,
    bottleneck_size,
    check_sound,
)

FACE_STAGES = ((64, 7), (128, 5), (256, 3), (512, 3), (512, 3))  # (channels, kernel), stride 2
# (channels, stride)
MEL_STAGES = ((32, 1), (64, 3), (128, (3, 1)), (256, 3))  # 80x27 to 3x3
MFCC_STAGES = ((64, 1), (128, 1), (256, (1, 2)), (256, 1), (256, 2), (512, 2))  # 12x35 to 4x5


@keeps_arguments
class LipGANJudge(NumberedNetwork):
    """Embeds faces and sound on one unit sphere: near when they belong together.

    At 96x96 and multiplier 1 its parameters have the shapes of the published weights, and names
    that follow from Keras's (models/keras_file.py).
    """

    norm_name = "instance_normalization"

    def __init__(
        self, sound: str = "mel", height: int = 96, width: int = 96, multiplier: float = 1.0
    ):
        super().__init__()
        check_sound(sound)
        self.sound, self.height, self.width, self.multiplier = sound, height, width, multiplier
        # Layers are numbered in order of creation: face, sound.
        self._seen = self._face_chain(bottleneck_size(height, width))
        self._heard = self._mel_chain() if sound == "mel" else self._mfcc_chain()

    def make_norm(self, channels: int) -> nn.Module:
        return InstanceNormalization()

    def activate(self, x: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(x, LEAK)

    def forward(self, sound: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """sound (B, 1, 80, 27) or (B, 1, 12, 35), face (B, 3, H, W) in [0, 1] -> (B, 1).

        The distance of their codes: 0 together, 2 opposite.
        """
        return distance(self.embed_face(face), self.embed_sound(sound))

    def embed_face(self, face: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 512), length 1."""
        return self.face_code(self.face_features(face))

    def embed_sound(self, sound: torch.Tensor) -> torch.Tensor:
        """(B, 1, 80, 27) or (B, 1, 12, 35) -> (B, 512), length 1."""
        return self.sound_code(self.sound_features(sound))

    def face_features(self, face: torch.Tensor) -> torch.Tensor:
        """What a face's code is made of."""
        return self.run(self._seen[:-1], face)

    def face_code(self, features: torch.Tensor) -> torch.Tensor:
        return _unit(self.run(self._seen[-1:], features))

    def sound_features(self, sound: torch.Tensor) -> torch.Tensor:
        """What a sound's code is made of."""
        return self.run(self._heard[:-1], sound)

    def sound_code(self, features: torch.Tensor) -> torch.Tensor:
        return _unit(self.run(self._heard[-1:], features))

    @property
    def feature_sizes(self) -> tuple[int, int]:
        """Numbers in a sound's features, and in a face's."""
        rows, columns = bottleneck_size(self.height, self.width)
        places = 1 if self.sound == "mel" else 4 * 5
        return self._wide(512) * places, self._wide(512) * rows * columns

    def _wide(self, channels: int) -> int:
        return scaled(channels, self.multiplier)

    def _face_chain(self, bottleneck: tuple[int, int]) -> list[Layer]:
        chain, before = [], 3
        for channels, kernel in FACE_STAGES:
            chain.append(self.add_conv(before, self._wide(channels), kernel, stride=2))
            before = self._wide(channels)
        return [*chain, self.add_conv(before, self._wide(512), bottleneck, valid=True, bare=True)]

    def _mel_chain(self) -> list[Layer]:
        chain, before = self._sound_stages(MEL_STAGES)
        code = self._wide(512)
        return [*chain, self.add_conv(before, code, valid=True), self.add_conv(code, code, 1)]

    def _mfcc_chain(self) -> list[Layer]:
        chain, before = self._sound_stages(MFCC_STAGES)
        return [*chain, self.add_conv(before, self._wide(512), (4, 5), valid=True, bare=True)]

    def _sound_stages(self, stages) -> tuple[list[Layer], int]:
        chain, before = [], 1
        for channels, stride in stages:
            on_top = 1 if stride == (1, 2) else 0  # 12 rows of MFCC become 13
            chain.append(
                self.add_conv(before, self._wide(channels), stride=stride, rows_on_top=on_top)
            )
            before = self._wide(channels)
        return chain, before


def distance(face_codes: torch.Tensor, sound_codes: torch.Tensor) -> torch.Tensor:
    """Between rows of unit vectors (B, D), in float32: (B, 1)."""
    difference = face_codes.float() - sound_codes.float()
    squared = difference.square().sum(dim=1, keepdim=True)
    return squared.clamp(min=1e-12).sqrt()  # the root's slope is infinite at 0


def _unit(code: torch.Tensor) -> torch.Tensor:
    code = code.flatten(1)
    return code / code.square().sum(dim=1, keepdim=True).clamp(min=1e-12).sqrt()
