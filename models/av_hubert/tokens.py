"""Sentences to a lip reader's tokens and back: characters, or pieces of words with their chances.

Pieces are those of a unigram model, "Subword Regularization" (Kudo, ACL 2018): the likeliest
division of a sentence is taken. Characters are pieces that are all as likely.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from models.av_hubert.decoder import BEGIN, END, PADDING, UNKNOWN

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # of tokens BEGIN, PADDING, END, UNKNOWN
SPACE = "▁"  # begins a word, as SentencePiece writes it
UNKNOWN_PENALTY = 10.0  # an unknown character is so much less likely than the unlikeliest piece
LONGEST_PIECE = 64  # characters; a file may state any


@dataclass(frozen=True)
class Tokens:
    """What a reader's tokens stand for. `scores`: logarithms of chances; empty where not known."""

    symbols: tuple[str, ...]  # of tokens 0, 1, ...
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.symbols[: len(SPECIAL)] != SPECIAL:
            raise ValueError(f"tokens begin with {', '.join(SPECIAL)}, not {self.symbols[:4]}")
        if self.scores and len(self.scores) != len(self.symbols):
            raise ValueError(f"{len(self.symbols)} tokens have {len(self.scores)} scores")

    @classmethod
    def of_characters(cls, sentences: Iterable[str]) -> "Tokens":
        """Those that occur, and the space."""
        found = sorted({SPACE, *(letter for text in sentences for letter in text)} - {" "})
        return cls((*SPECIAL, *found), (0.0,) * (len(SPECIAL) + len(found)))

    @classmethod
    def of_pieces(cls, sentences: Iterable[str], count: int) -> "Tokens":
        """At most `count` tokens, learnt by SentencePiece. Raises ValueError where it is absent.

        A text of Latin letters gets all of a to z, so that other words can be spelt later.
        """
        return cls(*_learn_pieces(list(sentences), count))

    @classmethod
    def of_sentencepiece(cls, model: bytes) -> "Tokens":
        """Those of a serialised SentencePiece model, as published files hold."""
        return cls(*_read_pieces(_sentencepiece().SentencePieceProcessor(model_proto=model)))

    @classmethod
    def restored(cls, state: dict) -> "Tokens":
        """The reverse of state_dict. Raises ValueError: files come from anywhere."""
        symbols, scores = state.get("symbols"), state.get("scores", [])
        texts = isinstance(symbols, list) and all(isinstance(one, str) for one in symbols)
        numbers = isinstance(scores, list) and all(
            isinstance(one, int | float) and math.isfinite(one) for one in scores
        )
        if not (texts and numbers):
            raise ValueError("its tokens are no list of symbols")
        return cls(tuple(symbols), tuple(scores))

    def state_dict(self) -> dict:
        """Plain values, for a checkpoint."""
        return {"symbols": list(self.symbols), "scores": list(self.scores)}

    def encode(self, words: str) -> list[int]:
        """The tokens of plain words, END at last; UNKNOWN for characters that have none."""
        if not self.scores:
            raise ValueError("this reader's file does not say how words divide into its tokens")
        return [*self._divide(SPACE + words.replace(" ", SPACE)), END]

    def decode(self, tokens: Sequence[int]) -> str:
        """The words that tokens spell, up to the first END."""
        tokens = list(tokens)
        if END in tokens:
            tokens = tokens[: tokens.index(END)]
        left_out = (BEGIN, PADDING)
        found = "".join(
            "" if token in left_out else "?" if token == UNKNOWN else self.symbols[token]
            for token in tokens
        )
        return " ".join(found.replace(SPACE, " ").split())

    def unknown_characters(self, words: str) -> set[str]:
        """Those of a sentence that no token spells."""
        return {letter for letter in words if letter != " " and letter not in self._places}

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def _places(self) -> dict[str, int]:
        if "_table" not in self.__dict__:
            table = {symbol: n for n, symbol in enumerate(self.symbols) if n >= len(SPECIAL)}
            self.__dict__["_table"] = table
            longest = max(map(len, table), default=1)
            self.__dict__["_longest"] = min(longest, LONGEST_PIECE)
        return self.__dict__["_table"]

    def _divide(self, text: str) -> list[int]:
        """The likeliest tokens of a text, by Viterbi's algorithm."""
        places = self._places
        unknown = min(self.scores[len(SPECIAL) :], default=0.0) - UNKNOWN_PENALTY
        best: list[tuple[float, int, int]] = [(0.0, 0, UNKNOWN)]  # score, where it begins, token
        for end in range(1, len(text) + 1):
            found = (best[end - 1][0] + unknown, end - 1, UNKNOWN)
            for begin in range(max(0, end - self.__dict__["_longest"]), end):
                token = places.get(text[begin:end])
                if token is not None:
                    found = max(found, (best[begin][0] + self.scores[token], begin, token))
            best.append(found)
        tokens, end = [], len(text)
        while end:
            _, end, token = best[end]
            if not (tokens and token == UNKNOWN == tokens[-1]):  # SentencePiece joins them
                tokens.append(token)
        return tokens[::-1]


def _learn_pieces(sentences: list[str], count: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    from io import BytesIO

    model, letters = BytesIO(), set(ascii_lowercase)
    known = ascii_lowercase if letters & set("".join(sentences)) else ""
    _sentencepiece().SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=count,
        model_type="unigram", character_coverage=1.0, hard_vocab_limit=False, required_chars=known,
        bos_id=BEGIN, pad_id=PADDING, eos_id=END, unk_id=UNKNOWN, minloglevel=2,
    )  # fmt: skip
    processor = _sentencepiece().SentencePieceProcessor(model_proto=model.getvalue())
    return _read_pieces(processor)


def _read_pieces(processor) -> tuple[tuple[str, ...], tuple[float, ...]]:
    numbers = range(processor.get_piece_size())
    symbols = [processor.id_to_piece(number) for number in numbers]
    symbols[: len(SPECIAL)] = SPECIAL
    return tuple(symbols), tuple(processor.get_score(number) for number in numbers)


def _sentencepiece():
    try:
        import sentencepiece
    except ImportError as error:
        raise ValueError(
            "pieces of words need SentencePiece: pip install sentencepiece; or read characters, "
            "--tokenizer characters"
        ) from error
    return sentencepiece
