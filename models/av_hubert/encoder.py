"""AV-HuBERT's encoder: sound, mouths or both, of a whole sentence, to a code a frame.

"Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction" (Shi et al.,
ICLR 2022).
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.arguments import keeps_arguments
from models.av_hubert.attention import TransformerLayer
from models.av_hubert.front_ends import SOUND_BANDS, MouthFrontEnd, SoundFrontEnd

CLUSTERS = 2004  # 2000 that the pre-training predicted and 4 special ones


class PositionConvolution(nn.Module):
    """A wide grouped convolution that tells steps where they are; normed for each tap."""

    def __init__(self, width: int, kernel: int, groups: int):
        super().__init__()
        self.kernel, self.groups = kernel, groups
        self.bias = nn.Parameter(torch.zeros(width))
        self.weight_v = nn.Parameter(torch.empty(width, width // groups, kernel))
        nn.init.normal_(self.weight_v, std=(4 / (kernel * width)) ** 0.5)
        self.weight_g = nn.Parameter(self._norms().detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> (B, T, width)."""
        weight = self.weight_v * (self.weight_g / self._norms())
        y = F.conv1d(
            x.transpose(1, 2), weight, self.bias, padding=self.kernel // 2, groups=self.groups
        )
        return F.gelu(y[..., : x.shape[1]].transpose(1, 2))  # an even kernel gives a step too many

    def _norms(self) -> torch.Tensor:
        return self.weight_v.norm(dim=(0, 1), keepdim=True)


class Transformer(nn.Module):
    """Positions, layers with the norm before each part, and a last norm."""

    def __init__(
        self, width: int, hidden: int, layers: int, heads: int, *,
        position_kernel: int, position_groups: int, dropout: float, layer_drop: float,
    ):  # fmt: skip
        super().__init__()
        self.dropout, self.layer_drop = dropout, layer_drop
        self.pos_conv = nn.Sequential(PositionConvolution(width, position_kernel, position_groups))
        self.layers = nn.ModuleList(
            TransformerLayer(width, hidden, heads, activation=F.gelu, dropout=dropout)
            for _ in range(layers)
        )
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, padding: torch.Tensor | None) -> torch.Tensor:
        """(B, T, width), padding (B, T) True where a clip has ended -> (B, T, width)."""
        seen = None
        if padding is not None:
            x = x.masked_fill(padding[..., None], 0)
            seen = ~padding[:, None, None, :]
        x = F.dropout(x + self.pos_conv(x), self.dropout, self.training)
        for layer in self.layers:
            if not (self.training and torch.rand(()) < self.layer_drop):
                x = layer(x, seen)
        return self.layer_norm(x)


@keeps_arguments
class AVHuBERT(nn.Module):
    """Sound and mouths, either or both, at 25 steps per second."""

    def __init__(
        self, embed_dim: int = 768, hidden: int = 3072, layers: int = 12, heads: int = 12, *,
        position_kernel: int = 128, position_groups: int = 16, resnet_multiplier: float = 1.0,
        clusters: int = CLUSTERS, dropout: float = 0.1, layer_drop: float = 0.0,
        front_end_gradient: float = 0.1, keeps_places: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.embed_dim, self.hidden, self.layers, self.heads = embed_dim, hidden, layers, heads
        self.position_kernel, self.position_groups = position_kernel, position_groups
        self.resnet_multiplier, self.clusters = resnet_multiplier, clusters
        self.dropout, self.layer_drop = dropout, layer_drop
        self.front_end_gradient, self.keeps_places = front_end_gradient, keeps_places
        # Of the pre-training alone, but in every published file.
        self.mask_emb = nn.Parameter(torch.zeros(SOUND_BANDS))
        self.label_embs_concat = nn.Parameter(torch.zeros(clusters, 256))
        self.feature_extractor_audio = SoundFrontEnd(embed_dim)
        self.feature_extractor_video = MouthFrontEnd(embed_dim, resnet_multiplier, keeps_places)
        self.layer_norm = nn.LayerNorm(2 * embed_dim)
        self.post_extract_proj = nn.Linear(2 * embed_dim, embed_dim)
        self.encoder = Transformer(
            embed_dim, hidden, layers, heads, position_kernel=position_kernel,
            position_groups=position_groups, dropout=dropout, layer_drop=layer_drop,
        )  # fmt: skip

    def forward(
        self,
        sound: torch.Tensor | None = None,
        mouths: torch.Tensor | None = None,
        padding: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """sound (B, 104, T) or mouths (B, 1, T, 88, 88), or both -> (B, T, embed_dim).

        padding: (B, T), True from the step on where a clip has ended. Its codes mean nothing.
        """
        if sound is None and mouths is None:
            raise ValueError("AV-HuBERT needs sound or mouths, and was given neither")
        heard = None if sound is None else self._slowed(self.feature_extractor_audio(sound))
        seen = None if mouths is None else self._slowed(self.feature_extractor_video(mouths))
        return self.join(heard, seen, padding)

    def join(
        self,
        heard: torch.Tensor | None,
        seen: torch.Tensor | None,
        padding: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What the front ends made, each (B, T, embed_dim) or None -> (B, T, embed_dim)."""
        # What is missing is zeros before the norm, which sees them.
        heard = torch.zeros_like(seen) if heard is None else heard
        seen = torch.zeros_like(heard) if seen is None else seen
        x = self.post_extract_proj(self.layer_norm(torch.cat((heard, seen), dim=-1)))
        return self.encoder(F.dropout(x, self.dropout, self.training), padding)

    def _slowed(self, features: torch.Tensor) -> torch.Tensor:
        """The same, with a tenth of the gradient.

        As published: the front ends learn the slower, and a generator that is taught by a lip
        reader gets a tenth of its loss's gradient.
        """
        still = features.detach()
        return still + self.front_end_gradient * (features - still)
