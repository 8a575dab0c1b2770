"""Attention with the parameter names of fairseq's files, and the layer around it.

"Attention Is All You Need" (Vaswani et al., NeurIPS 2017), with its norms before each part.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


class MultiheadAttention(nn.Module):
    """Of queries (B, T, width) to other steps (B, S, width)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} does not divide among {heads} heads")
        self.heads, self.dropout = heads, dropout
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(
        self, queries: torch.Tensor, others: torch.Tensor, seen: torch.Tensor | None = None
    ) -> torch.Tensor:
        """seen: True where a query may look, of a shape that spreads to (B, heads, T, S)."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection, x in (
                (self.q_proj, queries),
                (self.k_proj, others),
                (self.v_proj, others),
            )
        )
        dropout = self.dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(query, key, value, seen, dropout)
        return self.out_proj(found.transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """Self-attention, attention to an encoder's steps if `cross`, and two linear layers."""

    def __init__(
        self,
        width: int,
        hidden: int,
        heads: int,
        *,
        activation: Callable[[torch.Tensor], torch.Tensor],
        dropout: float = 0.0,
        cross: bool = False,
    ):
        super().__init__()
        self.activation, self.dropout = activation, dropout
        self.self_attn = MultiheadAttention(width, heads, dropout)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        if cross:
            self.encoder_attn = MultiheadAttention(width, heads, dropout)
            self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(
        self,
        x: torch.Tensor,
        seen: torch.Tensor | None = None,
        encoded: torch.Tensor | None = None,
        encoded_seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(B, T, width) -> the same; `encoded` (B, S, width) is what a cross layer looks at."""
        normed = self.self_attn_layer_norm(x)
        x = x + self._drop(self.self_attn(normed, normed, seen))
        if encoded is not None:
            normed = self.encoder_attn_layer_norm(x)
            x = x + self._drop(self.encoder_attn(normed, encoded, encoded_seen))
        normed = self.final_layer_norm(x)
        return x + self._drop(self.fc2(self._drop(self.activation(self.fc1(normed)))))

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.dropout, self.training)
