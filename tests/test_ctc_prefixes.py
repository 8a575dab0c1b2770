"""CTC's say in a beam search, against all sentences spelt out."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from models.av_hubert.ctc_prefixes import CtcPrefixes
from models.av_hubert.decoder import BEGIN, END

FRAMES, VOCABULARY = 5, 6
LETTERS = tuple(token for token in range(VOCABULARY) if token not in (BEGIN, END))


@pytest.fixture
def chances():
    torch.manual_seed(1)
    return torch.randn(FRAMES, VOCABULARY, dtype=torch.double).log_softmax(-1)


def chance_of(chances, sentence) -> float:
    if not sentence:
        return chances[:, BEGIN].sum().exp().item()
    lengths = torch.tensor([len(chances)]), torch.tensor([len(sentence)])
    tokens = torch.tensor([sentence])
    cost = F.ctc_loss(chances[:, None], tokens, *lengths, blank=BEGIN, reduction="sum")
    return torch.exp(-cost).item()


@pytest.mark.parametrize("said", [(), (LETTERS[0],), (LETTERS[1], LETTERS[1]), LETTERS[:3]])
def test_a_prefix_is_as_likely_as_all_sentences_that_begin_with_it(chances, said):
    tokens = [*LETTERS, END]  # CTC may end in END as in any other: count it as a letter
    prefixes, live = CtcPrefixes(chances, share=1.0), torch.tensor([[END]])
    flat = torch.zeros(1, VOCABULARY, dtype=torch.double)
    for token in said:
        prefixes.join(flat, live)
        prefixes.keep(torch.tensor([0]), torch.tensor([token]))
        live = torch.cat((live, torch.tensor([[token]])), dim=1)
    found = prefixes.join(flat, live)[0].exp()
    assert found[END] == pytest.approx(chance_of(chances, said))
    assert found[BEGIN] == 0
    for token in LETTERS:
        begun = (*said, token)
        endings = (end for n in range(FRAMES - len(said)) for end in product(tokens, repeat=n))
        wanted = sum(chance_of(chances, (*begun, *end)) for end in endings)
        assert found[token] == pytest.approx(wanted, rel=1e-6)


def test_each_live_reading_goes_on_from_its_own_state(chances):
    prefixes = CtcPrefixes(chances, share=1.0)
    prefixes.join(torch.zeros(1, VOCABULARY), torch.tensor([[END]]))
    prefixes.keep(torch.tensor([0, 0]), torch.tensor(LETTERS[:2]))
    both = prefixes.join(torch.zeros(2, VOCABULARY), torch.tensor([[END, n] for n in LETTERS[:2]]))
    for row, letter in enumerate(LETTERS[:2]):
        assert both[row, END].exp().item() == pytest.approx(chance_of(chances, (letter,)), rel=1e-5)


def test_the_decoder_has_its_share_and_names_the_candidates(chances):
    by_words = torch.randn(1, VOCABULARY)
    shares = [CtcPrefixes(chances, share).join(by_words, torch.tensor([[END]]))
              for share in (0.0, 0.25, 1.0)]  # fmt: skip
    known = torch.arange(VOCABULARY) != BEGIN
    torch.testing.assert_close(shares[0][:, known], by_words[:, known])
    joined = 0.75 * by_words + 0.25 * shares[2]
    torch.testing.assert_close(shares[1][:, known], joined[:, known])
