"""The lip reader: mouths (or sound, or both) of a sentence to its words.

AV-HuBERT's encoder with a sequence decoder, "Learning Audio-Visual Speech Representation by
Masked Multimodal Cluster Prediction" (Shi et al., ICLR 2022); TalkLip's expert and observer.
"""

import inspect

import torch
from torch import nn

from models.arguments import keeps_arguments
from models.av_hubert.decoder import SequenceDecoder
from models.av_hubert.encoder import CLUSTERS, AVHuBERT

# Arguments of LipReader. Base is TalkLip's expert, large its first observer; tiny is for tests.
SIZES = {
    "tiny": {
        "embed_dim": 64, "hidden": 128, "layers": 2, "heads": 4, "position_kernel": 16,
        "position_groups": 4, "decoder_layers": 2, "decoder_heads": 4, "vocabulary": 40,
    },
    "base": {"embed_dim": 768, "hidden": 3072, "layers": 12, "heads": 12},
    "large": {
        "embed_dim": 1024, "hidden": 4096, "layers": 24, "heads": 16, "decoder_layers": 9,
        "decoder_heads": 8,
    },
}  # fmt: skip


ENCODER_ARGUMENTS = tuple(inspect.signature(AVHuBERT).parameters)


def keep(network: nn.Module, **arguments) -> None:
    """Set what a constructor was given as attributes, for checkpoints that build it again."""
    for name, value in arguments.items():
        setattr(network, name, value)


class SentenceEncoder(nn.Module):
    """AV-HuBERT under the name that it has inside the files of fine-tuned networks."""

    def __init__(self, **arguments):
        super().__init__()
        self.w2v_model = AVHuBERT(**arguments)

    def forward(self, sound=None, mouths=None, padding=None) -> torch.Tensor:
        """As AVHuBERT: (B, T, embed_dim)."""
        return self.w2v_model(sound, mouths, padding)


@keeps_arguments
class LipReader(nn.Module):
    """Encoder and decoder. What is not the decoder's is AVHuBERT's.

    ctc: a second output beside the decoder, of tokens frame by frame, which published files lack.
    """

    def __init__(
        self, embed_dim: int = 768, hidden: int = 3072, layers: int = 12, heads: int = 12, *,
        decoder_layers: int = 6, decoder_heads: int = 4, vocabulary: int = 1000,
        position_kernel: int = 128, position_groups: int = 16, resnet_multiplier: float = 1.0,
        clusters: int = CLUSTERS, dropout: float = 0.1, layer_drop: float = 0.0,
        front_end_gradient: float = 0.1, keeps_places: bool = False, ctc: bool = False,
    ):  # fmt: skip
        super().__init__()
        given = {name: value for name, value in locals().items() if name in ENCODER_ARGUMENTS}
        keep(self, **given, decoder_layers=decoder_layers, decoder_heads=decoder_heads)
        self.vocabulary = vocabulary
        self.ctc = nn.Linear(embed_dim, vocabulary) if ctc else None  # blank is BEGIN
        self.encoder = SentenceEncoder(**given)
        self.decoder = SequenceDecoder(
            vocabulary, embed_dim, hidden, decoder_layers, decoder_heads, dropout=dropout
        )

    def forward(
        self,
        tokens: torch.Tensor,
        sound: torch.Tensor | None = None,
        mouths: torch.Tensor | None = None,
        padding: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """tokens (B, L) so far, sound (B, 104, T), mouths (B, 1, T, 88, 88) -> logits.

        Logits (B, L, vocabulary): those of step l are of the token after it.
        """
        return self.decoder(tokens, self.encoder(sound, mouths, padding), padding)
