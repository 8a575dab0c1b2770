"""The generator: half a face, a reference face and a sound -> the face that speaks the sound.

That of "A lip sync expert is all you need for speech to lip generation in the wild" (Prajwal et
al., 2020): published weights have these names and shapes.
"""

import torch
from torch import nn

from models.arguments import keeps_arguments
from models.blocks import (
    ConvBlock,
    UpBlock,
    fold_time,
    halved_sizes,
    mel_encoder,
    residuals,
    scaled,
    unfold_time,
)

# By level, 0 = full size, each next level half of it; a level beyond the last takes the last value.
ENCODER_CHANNELS = (16, 32, 64, 128, 256, 512)
ENCODER_RESIDUALS = (0, 2, 3, 2, 2, 1)
DECODER_CHANNELS = (64, 128, 256, 384, 512)
CODE_CHANNELS = 512


def at_level(values: tuple[int, ...], level: int) -> int:
    """What a plan by level says of one; the last value holds for all further ones."""
    return values[min(level, len(values) - 1)]


@keeps_arguments
class TalkFace(nn.Module):
    """U-Net over the face with the sound's code at its bottleneck.

    At 96x96 and multiplier 1 its parameters have the names and shapes of the published weights.
    """

    def __init__(self, height: int = 96, width: int = 96, multiplier: float = 1.0):
        super().__init__()
        self.height, self.width, self.multiplier = height, width, multiplier
        sizes = halved_sizes(height, width)
        encoder = [scaled(at_level(ENCODER_CHANNELS, n), multiplier) for n in range(len(sizes))]
        decoder = [scaled(at_level(DECODER_CHANNELS, n), multiplier) for n in range(len(sizes))]
        code = scaled(CODE_CHANNELS, multiplier)

        self.face_encoder_blocks = nn.ModuleList(face_encoder_stages(encoder, code, sizes[-1]))
        self.audio_encoder = mel_encoder(multiplier, deep_residuals=1)
        self.face_decoder_blocks = nn.ModuleList(face_decoder_stages(encoder, decoder, code, sizes))
        last = scaled(32, multiplier)
        self.output_block = nn.Sequential(
            ConvBlock(decoder[0] + encoder[0], last), nn.Conv2d(last, 3, 1), nn.Sigmoid()
        )

    def forward(self, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """mel (B, 1, 80, 16), face (B, 6, H, W) from models.inputs -> (B, 3, H, W) in [0, 1].

        With time, (B, T, 1, 80, 16) and (B, 6, T, H, W) -> (B, 3, T, H, W).
        """
        if face.dim() == 4:
            return self._generate(mel, face)
        faces = self._generate(mel.transpose(0, 1).flatten(0, 1), fold_time(face))
        return unfold_time(faces, clips=len(face))

    def _generate(self, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        skips = []
        for stage in self.face_encoder_blocks:
            face = stage(face)
            skips.append(face)
        x = self.audio_encoder(mel)
        for stage in self.face_decoder_blocks:
            x = torch.cat((stage(x), skips.pop()), dim=1)
        return self.output_block(x)


def face_encoder_stages(channels, code, bottleneck) -> list[nn.Sequential]:
    """Full size to the code; each stage's output is what the decoder is given beside its own."""
    stages = [nn.Sequential(ConvBlock(6, channels[0], kernel=7, padding=3))]
    for level in range(1, len(channels)):
        stages.append(
            nn.Sequential(
                ConvBlock(channels[level - 1], channels[level], stride=2),
                *residuals(channels[level], at_level(ENCODER_RESIDUALS, level)),
            )
        )
    to_code = ConvBlock(channels[-1], code, kernel=bottleneck, padding=0)
    stages.append(nn.Sequential(to_code, ConvBlock(code, code, kernel=1, padding=0)))
    return stages


def face_decoder_stages(encoder, decoder, code, sizes) -> list[nn.Sequential]:
    """The code to full size; each stage but the first is given the encoder's map of its size."""
    deepest = len(sizes) - 1
    from_code = UpBlock(2 * code, decoder[deepest], kernel=sizes[deepest], stride=1, padding=0)
    stages = [
        nn.Sequential(ConvBlock(code, code, kernel=1, padding=0)),
        nn.Sequential(from_code, *residuals(decoder[deepest], 1)),
    ]
    for level in range(deepest - 1, -1, -1):
        # A stride-2 up-convolution gives 2n - 1: one more where the level above is even.
        extra = tuple(
            big - 2 * small + 1 for big, small in zip(sizes[level], sizes[level + 1], strict=True)
        )
        up = UpBlock(decoder[level + 1] + encoder[level + 1], decoder[level], output_padding=extra)
        stages.append(nn.Sequential(up, *residuals(decoder[level], 2)))
    return stages
