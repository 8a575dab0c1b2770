"""Sentences of ordinary words in many languages, from a small grammar and lists of phrases."""

import re
from functools import cache
from pathlib import Path

import numpy as np

PHRASES = (
    Path(__file__).parent / "phrases"
)  # <language>.txt: "symbol: phrase | phrase | ..." a line

# What a sentence is made of, whatever the language; {symbols} stand for a phrase of the list.
# espeak-ng pauses at , . ? ! and longer at a paragraph's end.
PATTERNS = (
    "{clause} {place}.",
    "{clause} {time}.",
    "{clause}.",
    "{time}, {clause}.",
    "{clause}, {because} {clause}.",
    "{answer}.",
    "{answer}, {clause}.",
    "{question}?",
    "{question}? {answer}.",
    "{greeting}, {name}!",
    "{greeting}. {clause}.",
    "{name}, {question}?",
    "{name}, {name}, {because} {name}.",
    "{carrier} {thing}.",
    "{carrier} {thing}, {because} {clause}.",
    "{thing}.",
    "{count}.",
    "{count} {place}.",
    "{date}, {clause}.",
)
NUMBERS = {"n": (2, 1000), "day": (4, 28), "year": (1900, 2031)}  # half-open
SYMBOLS = frozenset(
    "name greeting clause place time question answer carrier thing count date because".split()
)


def languages() -> list[str]:
    """Languages that there are phrases for."""
    return sorted(path.stem for path in PHRASES.glob("*.txt"))


def make_sentence(language: str, rng: np.random.Generator) -> str:
    """One sentence, or two short ones that belong together. `language` may be "en-us"."""
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    return capitalised(expand(pattern, phrases_of(language), rng))


def make_text(language: str, words: int, rng: np.random.Generator) -> str:
    """Sentences with at least so many words, numbers counted as three."""
    sentences: list[str] = []
    while sum(map(_spoken_words, sentences)) < words:
        sentences.append(make_sentence(language, rng))
    return " ".join(sentences)


def transcript(text: str) -> str:
    """The words in LRS2's form: upper case, no marks but apostrophes, "Text:  " before them."""
    words = re.sub(r"[^\w\s'’]", " ", text).upper().split()
    return "Text:  " + " ".join(words) + "\n"


@cache
def phrases_of(language: str) -> dict[str, tuple[str, ...]]:
    """Phrases of a language or, where a dialect has none, of its language.

    Raises ValueError when there are none, or a list is missing.
    """
    base = language.split("-")[0]
    path = PHRASES / f"{base}.txt"
    if not path.exists():
        raise ValueError(f"no phrases for {language!r}; there are: {', '.join(languages())}")
    lists = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        symbol, _, phrases = line.partition(":")
        lists[symbol] = tuple(phrase.strip() for phrase in phrases.split("|"))
    if lists.keys() != SYMBOLS:
        raise ValueError(f"{path} has other lists than {', '.join(sorted(SYMBOLS))}")
    return lists


def expand(pattern: str, phrases: dict[str, tuple[str, ...]], rng: np.random.Generator) -> str:
    """A phrase by chance for each {symbol}, a number for {n} and the like."""

    def fill(match: re.Match) -> str:
        symbol = match[1]
        if symbol in NUMBERS:
            return str(rng.integers(*NUMBERS[symbol]))
        choices = phrases[symbol]
        return expand(choices[rng.integers(len(choices))], phrases, rng)

    return re.sub(r"\{(\w+)\}", fill, pattern)


def capitalised(text: str) -> str:
    """Upper case at the start of each sentence."""
    return re.sub(r"(^|(?<!\d)[.?!] )(\w)", lambda match: match[1] + match[2].upper(), text)


def _spoken_words(sentence: str) -> int:
    return sum(3 if word.strip(".,?!").isdigit() else 1 for word in sentence.split())
