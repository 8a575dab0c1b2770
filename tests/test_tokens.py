"""Tokens of lip readers: characters, pieces, what SentencePiece makes of the same sentences."""

import pytest

from models.av_hubert.decoder import END, UNKNOWN
from models.av_hubert.tokens import SPECIAL, Tokens

TEXT = ["we were waiting for the bus", "it's the last bus of the day", "the day we met was warm"]


def test_characters_spell_sentences():
    tokens = Tokens.of_characters(TEXT)
    assert tokens.symbols[:4] == SPECIAL and len(tokens.encode("bus day")) == 1 + 7 + 1
    assert all(tokens.decode(tokens.encode(text)) == text for text in TEXT)


def test_unknown_characters_are_one_token_each_run_and_named():
    tokens = Tokens.of_characters(["abc"])
    assert tokens.encode("a7b") == [*tokens.encode("a")[:-1], UNKNOWN, tokens.encode("b")[1], END]
    assert tokens.unknown_characters("a7 é") == {"7", "é"}


def test_the_likeliest_division_is_taken():
    symbols = (*SPECIAL, "▁", "a", "b", "ab", "▁a", "▁ab")
    scores = (0, 0, 0, 0, -1.0, -1.0, -1.0, -3.0, -2.5, -1.5)
    tokens = Tokens(symbols, scores)
    assert tokens.encode("ab") == [9, END]  # -1.5 beats -2.5 - 1 and -1 - 3
    assert tokens.encode("b") == [4, 6, END]


def test_a_state_is_restored_and_others_are_refused():
    tokens = Tokens.of_characters(TEXT)
    assert Tokens.restored(tokens.state_dict()) == tokens
    for state in ({}, {"symbols": [1]}, {"symbols": ["a"]}, {"symbols": [*SPECIAL], "scores": [1]}):
        with pytest.raises(ValueError, match="tokens"):
            Tokens.restored(state)


def test_pieces_divide_as_sentencepiece_does(tmp_path):
    spm = pytest.importorskip("sentencepiece", reason="an optional dependency")
    text = [f"{one} and {two}" for one in TEXT for two in TEXT]
    tokens = Tokens.of_pieces(text, 60)
    from io import BytesIO

    model = BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, vocab_size=60, model_type="unigram",
        character_coverage=1.0, hard_vocab_limit=False, bos_id=0, pad_id=1, eos_id=2, unk_id=3,
        required_chars="abcdefghijklmnopqrstuvwxyz", minloglevel=2,
    )  # fmt: skip
    assert not tokens.unknown_characters("the quick brown fox jumps over the lazy dog")
    processor = spm.SentencePieceProcessor(model_proto=model.getvalue())
    assert Tokens.of_sentencepiece(model.getvalue()) == tokens
    for sentence in [*TEXT, "a warm bus", "met it", "é bus éé the"]:
        assert tokens.encode(sentence) == [*processor.encode(sentence), END]
        if "é" not in sentence:
            assert tokens.decode(tokens.encode(sentence)) == sentence
