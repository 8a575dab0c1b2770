"""Which sound is spoken when in a recording: Praat's TextGrids of words and ARPAbet phones.

GRID's .align files say the words alone; espeak-ng then says which sounds they have, and each word's
time is shared out among them as it would.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from synthesis.speech.bursts import STOPS
from synthesis.speech.espeak import Phone, Voice
from synthesis.speech.espeak_process import Mouthpiece

TEXTGRID, ALIGN = ".TextGrid", ".align"
SUFFIXES = (TEXTGRID, ALIGN)
ALIGN_RATE = 25000  # of GRID's files: units a second
ALIGN_LANGUAGE = "en"
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


def read_alignment(path: Path) -> Alignment:
    """Of a file of either kind. Raises AlignmentError, OSError, or EspeakError for .align."""
    return read_align(path) if path.suffix == ALIGN else read_textgrid(path)


def read_align(path: Path) -> Alignment:
    """Of a file with lines of begin, end and word, as the GRID corpus has them."""
    rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line]
    try:
        spans = [(row[2], int(row[0]) / ALIGN_RATE, int(row[1]) / ALIGN_RATE) for row in rows]
    except (ValueError, IndexError) as error:
        raise AlignmentError(f"{path}: a line is not begin, end and word ({error})") from error
    phones: list[Phone] = []
    for word, start, end in spans:
        if word in PAUSES:
            phones.append(Phone("", start, end))
        else:
            phones += _spread(word, start, end)
    return Alignment(tuple(span for span in spans if span[0] not in PAUSES), tuple(phones))


def _spread(word: str, start: float, end: float) -> Iterator[Phone]:
    phones = _phones_of_word(word)
    first, last = phones[0].start, phones[-1].end
    scale = (end - start) / (last - first)
    for phone in phones:
        yield Phone(phone.ipa, *(start + (t - first) * scale for t in (phone.start, phone.end)))


@cache
def _phones_of_word(word: str) -> tuple[Phone, ...]:
    """As espeak-ng says it alone; the silence before a stop is the stop's, as aligners have it."""
    phones: list[Phone] = []
    silent_from = None
    for phone in _mouthpiece.say(word, Voice(ALIGN_LANGUAGE)).phones:
        if not phone.ipa:
            silent_from = phone.start
            continue
        if silent_from is not None and phone.ipa[0] in STOPS:
            phone = replace(phone, start=silent_from)
        elif phones:
            phones[-1] = replace(phones[-1], end=phone.start)
        phones.append(phone)
        silent_from = None
    if not phones:
        raise AlignmentError(f"espeak-ng does not know how to say {word!r}")
    return tuple(phones)


_mouthpiece = Mouthpiece()


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
