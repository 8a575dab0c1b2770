"""Words of the sentence lists, and sentences about one of them, for a corpus of words."""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from synthesis.speech.sentences import PATTERNS, capitalised, expand, phrases_of

LANGUAGE = "en"
SHORTEST = 5  # letters, as in LRW
MOST_TAKES = 1000  # of a word by one speaker, so that takes can be numbered
PLAIN_WORD = re.compile(r"(?<![\w{'])[a-z]+(?![\w}'])")


def word_list(count: int) -> tuple[str, ...]:
    """The `count` longest words of the lists, from A to Z. Raises ValueError if there are fewer."""
    found = sorted(_phrases_by_word(), key=lambda word: (-len(word), word))
    if count > len(found):
        raise ValueError(f"the sentence lists have {len(found)} words to teach, not {count}")
    return tuple(sorted(found[:count]))


def sentence_with(word: str, rng: np.random.Generator) -> tuple[str, int]:
    """A sentence that says the word, and at which character the word begins."""
    places = _phrases_by_word()[word]
    symbol, phrase = places[rng.integers(len(places))]
    patterns = [pattern for pattern in PATTERNS if f"{{{symbol}}}" in pattern]
    pattern = patterns[rng.integers(len(patterns))].replace(f"{{{symbol}}}", phrase, 1)
    text = capitalised(expand(pattern, phrases_of(LANGUAGE), rng))
    return text, re.search(rf"(?<![\w']){word}(?![\w'])", text, re.IGNORECASE).start()


def word_of_clip(words: Sequence[str], clip: int) -> tuple[int, int]:
    """Which word a speaker's clip is of, and which take of it: all words once, then again."""
    take, number = divmod(clip, len(words))
    return number, take


@cache
def _phrases_by_word() -> dict[str, list[tuple[str, str]]]:
    """Where each word stands: (list, phrase), phrases with names and numbers too."""
    places: dict[str, list[tuple[str, str]]] = {}
    for symbol, phrases in phrases_of(LANGUAGE).items():
        for phrase in phrases if symbol != "name" else ():
            for word in dict.fromkeys(PLAIN_WORD.findall(phrase)):
                if len(word) >= SHORTEST:
                    places.setdefault(word, []).append((symbol, phrase))
    return places
