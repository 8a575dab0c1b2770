"""TalkLip's generator: half a face, a reference and the sound of a whole sentence -> a face.

"Seeing What You Said: Talking Face Generation Guided by a Lip Reading Expert" (Wang et al.,
CVPR 2023). Its discriminator is VisualQualityDiscriminator, key for key.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.av_hubert.encoder import CLUSTERS
from models.av_hubert.lip_reader import ENCODER_ARGUMENTS, SentenceEncoder, keep
from models.blocks import ConvBlock, halved_sizes, scaled
from models.talkface import (
    CODE_CHANNELS,
    DECODER_CHANNELS,
    ENCODER_CHANNELS,
    at_level,
    face_decoder_stages,
    face_encoder_stages,
)


class ContrastiveHead(nn.Module):
    """Turns codes of sound into the space of the lip reader's codes of mouths."""

    def __init__(self, width: int):
        super().__init__()
        self.Linearaudio = nn.Linear(width, width)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        """(N, width) -> (N, width), length 1."""
        return F.normalize(self.Linearaudio(F.normalize(sound, dim=1)), dim=1)


@keeps_arguments
class TalkLipGenerator(nn.Module):
    """Wav2Lip's U-Net over the face, with AV-HuBERT's code of the sound at its bottleneck.

    embed_dim and what follows it are AVHuBERT's, which encodes the sound. At 96x96, multiplier
    1 and base size its parameters have the names and shapes of published files.
    """

    def __init__(
        self, height: int = 96, width: int = 96, multiplier: float = 1.0, *,
        embed_dim: int = 768, hidden: int = 3072, layers: int = 12, heads: int = 12,
        position_kernel: int = 128, position_groups: int = 16, resnet_multiplier: float = 1.0,
        clusters: int = CLUSTERS, dropout: float = 0.1, layer_drop: float = 0.0,
        front_end_gradient: float = 0.1, keeps_places: bool = False,
    ):  # fmt: skip
        super().__init__()
        given = {name: value for name, value in locals().items() if name in ENCODER_ARGUMENTS}
        keep(self, height=height, width=width, multiplier=multiplier, **given)
        sizes = halved_sizes(height, width)
        levels = range(len(sizes))
        encoder = [scaled(at_level(ENCODER_CHANNELS, level), multiplier) for level in levels]
        decoder = [scaled(at_level(DECODER_CHANNELS, level), multiplier) for level in levels]
        code = scaled(CODE_CHANNELS, multiplier)
        self.audio_encoder = SentenceEncoder(**given)
        self.audio_map = nn.Linear(embed_dim, code)
        self.sync_net = ContrastiveHead(embed_dim)
        self.face_encoder_blocks = nn.ModuleList(face_encoder_stages(encoder, code, sizes[-1]))
        stages = face_decoder_stages(encoder, decoder, code, sizes)
        self.face_decoder_blocks = nn.ModuleList(stages)
        last = scaled(32, multiplier)
        self.output_block = nn.Sequential(
            ConvBlock(decoder[0] + encoder[0], last), nn.Conv2d(last, 3, 1), nn.Sigmoid()
        )

    def forward(
        self,
        sound: torch.Tensor,
        faces: torch.Tensor,
        frames: torch.Tensor,
        padding: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """sound (B, 104, T), faces (N, 6, H, W), frames (N,) -> (N, 3, H, W) in [0, 1].

        faces: from models.inputs.generator_input; frames: clip x T + frame of each of them.
        """
        heard = self.hear(sound, padding).flatten(0, 1)
        return self.paint(self.audio_map(heard[frames]), faces)

    def hear(self, sound: torch.Tensor, padding: torch.Tensor | None = None) -> torch.Tensor:
        """(B, 104, T) of whole sentences, features' "logfbank" -> codes (B, T, width)."""
        return self.audio_encoder(sound, padding=padding)

    def paint(self, codes: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """codes (N, 512), from audio_map, and faces (N, 6, H, W) -> (N, 3, H, W) in [0, 1]."""
        skips = []
        for stage in self.face_encoder_blocks:
            faces = stage(faces)
            skips.append(faces)
        x = codes[:, :, None, None]
        for stage in self.face_decoder_blocks:
            x = torch.cat((stage(x), skips.pop()), dim=1)
        return self.output_block(x)
