"""Finds the words that a lip reader holds most likely: beam search, as fairseq searches.

"Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction" (Shi et al.,
ICLR 2022) reads with a beam of 50, length penalty 1, and no more tokens than frames.
"""

from dataclasses import dataclass

import torch

from models.av_hubert.decoder import END, PADDING, SequenceDecoder


@dataclass(frozen=True)
class Hypothesis:
    """Tokens with END at last, and their log-probability over length ** penalty."""

    tokens: list[int]
    score: float


@torch.inference_mode()
def beam_search(
    decoder: SequenceDecoder,
    encoded: torch.Tensor,
    padding: torch.Tensor | None = None,
    *,
    beam: int = 1,
    longest: int | None = None,
    length_penalty: float = 1.0,
) -> list[Hypothesis]:
    """Up to `beam` readings of one clip, the best first.

    encoded: (T, width); padding: (T,) or None; longest: tokens before END, by default T.
    """
    longest = len(encoded) if longest is None else longest
    live = torch.full((1, 1), END, device=encoded.device)  # words so far of each live reading
    scores = torch.zeros(1, device=encoded.device)
    done: list[Hypothesis] = []
    for length in range(1, longest + 2):
        totals = scores[:, None] + _next_token(decoder, live, encoded, padding)
        if length == 1:
            totals[:, END] = -torch.inf  # something is said
        if length > longest:
            totals[:, :END] = totals[:, END + 1 :] = -torch.inf
        vocabulary = totals.shape[1]
        best, places = totals.flatten().topk(min(2 * beam, totals.numel()))
        rows, tokens = places // vocabulary, places % vocabulary
        ends = tokens == END
        for rank in torch.nonzero(ends[:beam] & best[:beam].isfinite()).flatten().tolist():
            words = [*live[rows[rank], 1:].tolist(), END]
            done.append(Hypothesis(words, best[rank].item() / length**length_penalty))
        if len(done) >= beam or length > longest:
            break
        kept = torch.nonzero(~ends).flatten()[:beam]
        live = torch.cat((live[rows[kept]], tokens[kept, None]), dim=1)
        scores = best[kept]
    return sorted(done, key=lambda hypothesis: -hypothesis.score)[:beam]


def _next_token(decoder, live, encoded, padding) -> torch.Tensor:
    """Log-probabilities of what follows each of the live readings: (n, vocabulary)."""
    count = len(live)
    padding = None if padding is None else padding.expand(count, -1)
    logits = decoder(live, encoded.expand(count, -1, -1), padding)[:, -1].float()
    found = torch.log_softmax(logits, dim=-1)
    found[:, PADDING] = -torch.inf
    return found
