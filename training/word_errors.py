"""How much of a sentence was read wrongly: words and characters, by the shortest way of edits."""

from collections.abc import Sequence
from dataclasses import dataclass


def edits(found: Sequence, said: Sequence) -> int:
    """Insertions, deletions and exchanges that turn one into the other, at least."""
    row = list(range(len(said) + 1))
    for place, one in enumerate(found, start=1):
        before, row[0] = row[0], place
        for other in range(1, len(row)):
            exchanged = before + (one != said[other - 1])
            before = row[other]
            row[other] = min(exchanged, row[other] + 1, row[other - 1] + 1)
    return row[-1]


@dataclass
class WordErrors:
    """Sums over sentences, so that long ones count more: as the field's rates are defined."""

    wrong_words: int = 0
    words: int = 0
    wrong_characters: int = 0
    characters: int = 0

    def add(self, found: str, said: str) -> None:
        self.wrong_words += edits(found.split(), said.split())
        self.words += len(said.split())
        self.wrong_characters += edits(found, said)
        self.characters += len(said)

    @property
    def wer(self) -> float:
        """Wrong words over words said; over 1 where more is read than said."""
        return self.wrong_words / max(1, self.words)

    @property
    def cer(self) -> float:
        return self.wrong_characters / max(1, self.characters)
