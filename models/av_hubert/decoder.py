"""The lip reader's second half: codes of a sentence's frames to its words, token by token.

The sequence-to-sequence decoder of "Learning Audio-Visual Speech Representation by Masked
Multimodal Cluster Prediction" (Shi et al., ICLR 2022).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from models.av_hubert.attention import TransformerLayer

BEGIN, PADDING, END, UNKNOWN = 0, 1, 2, 3  # tokens; a sentence begins with END, as in fairseq


class PositionTable(nn.Module):
    """Sines and cosines of a token's place, computed when asked for."""

    def __init__(self):
        super().__init__()
        # Without meaning, but in every published file.
        self.register_buffer("_float_tensor", torch.zeros(1))

    def forward(self, places: torch.Tensor, width: int) -> torch.Tensor:
        """(B, T) places from 2 on -> (B, T, width): sines, then cosines; 0 for padding."""
        half = width // 2
        steps = torch.arange(half, device=places.device, dtype=torch.float32)
        rates = torch.exp(steps * (-math.log(10000) / (half - 1)))
        angles = places[..., None].float() * rates
        table = torch.cat((angles.sin(), angles.cos()), dim=-1)
        table = F.pad(table, (0, width - 2 * half))
        return table.masked_fill((places == PADDING)[..., None], 0)


class SequenceDecoder(nn.Module):
    """Layers that look at the words so far and at the encoder's codes."""

    def __init__(
        self, vocabulary: int = 1000, width: int = 768, hidden: int = 3072, layers: int = 6,
        heads: int = 4, *, dropout: float = 0.1,
    ):  # fmt: skip
        super().__init__()
        self.vocabulary, self.dropout = vocabulary, dropout
        self.embed_tokens = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        nn.init.normal_(self.embed_tokens.weight, std=width**-0.5)
        self.embed_positions = PositionTable()
        self.layers = nn.ModuleList(
            TransformerLayer(width, hidden, heads, activation=F.relu, dropout=dropout, cross=True)
            for _ in range(layers)
        )
        self.layer_norm = nn.LayerNorm(width)

    def forward(
        self, tokens: torch.Tensor, encoded: torch.Tensor, padding: torch.Tensor | None = None
    ) -> torch.Tensor:
        """tokens (B, L) so far, encoded (B, T, width), padding (B, T) -> logits (B, L, vocabulary).

        The logits of step l are of the token after it.
        """
        is_token = tokens != PADDING
        places = is_token.long().cumsum(dim=1) * is_token + PADDING  # the first token's is 2
        x = self.embed_tokens(tokens)  # not scaled
        x = F.dropout(x + self.embed_positions(places, x.shape[-1]), self.dropout, self.training)
        length = tokens.shape[1]
        # Words look only back, and padding comes after them: it needs no mask of its own.
        seen = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
        encoded_seen = None if padding is None else ~padding[:, None, None, :]
        for layer in self.layers:
            x = layer(x, seen, encoded, encoded_seen)
        return F.linear(self.layer_norm(x), self.embed_tokens.weight)
