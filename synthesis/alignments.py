"""Which sound is spoken when in a recording: Praat's TextGrids of words and ARPAbet phones."""

import re
from dataclasses import dataclass
from pathlib import Path

from synthesis.espeak import Phone

SUFFIX = ".TextGrid"
# ARPAbet, without the digit of stress, as IPA.
IPA = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AX": "ə", "AXR": "ɚ", "AY": "aɪ",
    "B": "b", "CH": "tʃ", "D": "d", "DH": "ð", "DX": "ɾ", "EH": "ɛ", "EL": "l", "EM": "m",
    "EN": "n", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IX": "ɨ",
    "IY": "i", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ",
    "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ",
    "UW": "u", "UX": "ʉ", "V": "v", "W": "w", "WH": "ʍ", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
UNSTRESSED_AH = "ə"
PAUSES = frozenset(("", "sil", "sp", "spn", "<eps>"))  # spn: something that is no word

_TIER = re.compile(r'name = "([^"]*)"')
_INTERVAL = re.compile(
    r'xmin = ([-+.\deE]+)\s*xmax = ([-+.\deE]+)\s*text = "((?:[^"]|"")*)"'  # "" is a quote
)


class AlignmentError(ValueError):
    """A file is no alignment; the message says what is wrong with it."""


@dataclass(frozen=True)
class Alignment:
    """What is said when in one recording; a pause is a Phone whose ipa is ""."""

    words: tuple[tuple[str, float, float], ...]
    phones: tuple[Phone, ...]


def read_textgrid(path: Path) -> Alignment:
    """Of a TextGrid in Praat's long text form with tiers "words" and "phones".

    Raises AlignmentError or OSError.
    """
    try:
        tiers = _tiers(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise AlignmentError(f"{path} is no TextGrid in UTF-8") from error
    if not tiers.get("phones"):
        raise AlignmentError(
            f'{path} has no tier of intervals called "phones"; it has: {", ".join(tiers) or "-"}'
        )
    try:
        phones = tuple(
            Phone(ipa_of(text), start, end) for text, start, end in tiers["phones"] if end > start
        )
    except ValueError as error:
        raise AlignmentError(f"{path}: {error}") from error
    words = tuple(word for word in tiers.get("words", ()) if word[0] not in PAUSES)
    return Alignment(words, phones)


def ipa_of(arpabet: str) -> str:
    """A phone of ARPAbet in IPA; raises ValueError for another."""
    if arpabet.lower() in PAUSES:
        return ""
    if arpabet == "AH0":
        return UNSTRESSED_AH
    ipa = IPA.get(arpabet.upper().rstrip("012"))
    if ipa is None:
        raise ValueError(f"the phone {arpabet!r} is not of ARPAbet")
    return ipa


def _tiers(text: str) -> dict[str, list[tuple[str, float, float]]]:
    """The intervals of each tier by its name."""
    names = list(_TIER.finditer(text))
    ends = [name.start() for name in names[1:]] + [len(text)]
    return {
        name[1]: [
            (label.replace('""', '"').strip(), float(start), float(end))
            for start, end, label in _INTERVAL.findall(text[name.end() : stop])
        ]
        for name, stop in zip(names, ends, strict=True)
    }
