"""Finds the words that a lip reader holds most likely: beam search, as fairseq searches.

"Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction" (Shi et al.,
ICLR 2022) reads with a beam of 50, length penalty 1, and no more tokens than frames.
"""

from dataclasses import dataclass

import torch

from models.av_hubert.ctc_prefixes import CtcPrefixes
from models.av_hubert.decoder import END, PADDING, SequenceDecoder
from models.av_hubert.lip_reader import LipReader

CTC_SHARE = 0.4  # of a reading's score, where the reader says tokens frame by frame too


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
    chances: torch.Tensor | None = None,
) -> list[Hypothesis]:
    """Up to `beam` readings of one clip, the best first.

    encoded: (T, width); padding: (T,) or None; longest: tokens before END, by default T; chances:
    (T, vocabulary), CTC's log-probabilities, which may hold that none can have been said.
    """
    longest = len(encoded) if longest is None else longest
    live = torch.full((1, 1), END, device=encoded.device)  # words so far of each live reading
    by_words = torch.zeros(1, device=encoded.device)  # the decoder's log-probability of each
    prefixes = None if chances is None else CtcPrefixes(chances, CTC_SHARE)
    done: list[Hypothesis] = []
    for length in range(1, longest + 2):
        by_words = by_words[:, None] + _next_token(decoder, live, encoded, padding)
        if length == 1:
            by_words[:, END] = -torch.inf  # something is said
        if length > longest:
            by_words[:, :END] = by_words[:, END + 1 :] = -torch.inf
        totals = prefixes.join(by_words, live) if prefixes else by_words
        vocabulary = totals.shape[1]
        best, places = totals.flatten().topk(min(2 * beam, totals.numel()))
        rows, tokens = places // vocabulary, places % vocabulary
        ends = tokens == END
        for rank in torch.nonzero(ends[:beam] & best[:beam].isfinite()).flatten().tolist():
            words = [*live[rows[rank], 1:].tolist(), END]
            done.append(Hypothesis(words, best[rank].item() / length**length_penalty))
        if len(done) >= beam or length > longest:
            break
        kept = torch.nonzero(~ends & best.isfinite()).flatten()[:beam]
        if not len(kept):
            break
        if prefixes:
            prefixes.keep(rows[kept], tokens[kept])
        live = torch.cat((live[rows[kept]], tokens[kept, None]), dim=1)
        by_words = by_words.flatten()[places[kept]]
    return sorted(done, key=lambda hypothesis: -hypothesis.score)[:beam]


@torch.inference_mode()
def read_encoded(network: LipReader, encoded: torch.Tensor, *, beam: int = 1) -> list[Hypothesis]:
    """The best readings of a clip's codes (T, width), CTC heard where the reader has it."""
    if network.ctc is not None:
        chances = network.ctc(encoded).float().log_softmax(-1)
        found = beam_search(network.decoder, encoded, beam=beam, chances=chances)
        if found:
            return found
    return beam_search(network.decoder, encoded, beam=beam)


@torch.inference_mode()
def greedy_search(
    decoder: SequenceDecoder, encoded: torch.Tensor, padding: torch.Tensor | None = None, *,
    longest: int,
) -> list[list[int]]:  # fmt: skip
    """The likeliest token after token, of many clips at once: each ends with END, or at `longest`.

    encoded: (B, T, width); padding: (B, T) or None.
    """
    tokens = torch.full((len(encoded), 1), END, device=encoded.device)
    ended = torch.zeros(len(encoded), dtype=torch.bool, device=encoded.device)
    for length in range(longest):
        chances = decoder(tokens, encoded, padding)[:, -1].float()
        chances[:, PADDING] = -torch.inf
        if length == 0:
            chances[:, END] = -torch.inf  # something is said
        found = chances.argmax(dim=1).masked_fill(ended, END)
        tokens = torch.cat((tokens, found[:, None]), dim=1)
        ended |= found == END
        if ended.all():
            break
    return [[*_before_end(row), END] for row in tokens[:, 1:].tolist()]


def _before_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(END)] if END in tokens else tokens


def _next_token(decoder, live, encoded, padding) -> torch.Tensor:
    """Log-probabilities of what follows each of the live readings: (n, vocabulary)."""
    count = len(live)
    padding = None if padding is None else padding.expand(count, -1)
    logits = decoder(live, encoded.expand(count, -1, -1), padding)[:, -1].float()
    found = torch.log_softmax(logits, dim=-1)
    found[:, PADDING] = -torch.inf
    return found
