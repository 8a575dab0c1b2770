"""What the mouth does for each sound: phones in IPA to timed gestures of lips, jaw and tongue.

Times come out as heard: a stop's gesture ends at its burst. espeak-ng's own intervals do not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

from synthesis.speech.espeak import Phone


@dataclass(frozen=True)
class Viseme:
    """The mouth of a family of sounds that look alike."""

    jaw: float  # blendshape jawOpen
    lips: dict[str, float] = field(default_factory=dict)  # blendshapes, without _L and _R
    grip: float = 1.0  # how firmly the lips hold this against the sounds before and after
    tongue: float = 0.0  # 0..1: tip raised
    bridge: float = 0.0  # share of the jaw's opening that the lips close again
    lead: float = 0.015  # s by which the lips come before the sound
    contact: str = ""  # "closed" or "tucked": something touches, however fast or lazy the speech


VISEMES = {
    "rest": Viseme(0.0, grip=1.0),
    "p": Viseme(
        0.07,
        {"mouthPress": 0.45, "mouthRollLower": 0.28, "mouthRollUpper": 0.20},
        grip=1.5, bridge=1.0, contact="closed",
    ),
    "bh": Viseme(0.08, {"mouthPress": 0.10, "mouthRollLower": 0.08}, grip=3.0, bridge=0.75),
    "f": Viseme(
        0.07,
        {"mouthRollLower": 0.55, "mouthUpperUp": 0.48, "mouthShrugLower": 0.06},
        grip=1.5, bridge=1.0, contact="tucked",
    ),
    "th": Viseme(0.10, {"mouthLowerDown": 0.26, "mouthUpperUp": 0.18}, grip=1.6, tongue=0.85),
    "t": Viseme(
        0.09, {"mouthStretch": 0.10, "mouthLowerDown": 0.26, "mouthUpperUp": 0.18}, tongue=0.9
    ),
    "l": Viseme(0.19, {"mouthLowerDown": 0.26, "mouthUpperUp": 0.16}, grip=1.1, tongue=1.0),
    "s": Viseme(
        0.03,
        {"mouthStretch": 0.26, "mouthLowerDown": 0.40, "mouthUpperUp": 0.24},
        grip=1.8, tongue=0.3,
    ),
    "sh": Viseme(0.06, {"mouthFunnel": 0.58, "mouthPucker": 0.24}, grip=2.8, lead=0.030),
    "r": Viseme(0.10, {"mouthFunnel": 0.28, "mouthPucker": 0.30}, grip=1.3, tongue=0.4, lead=0.025),
    "k": Viseme(0.15, {"mouthLowerDown": 0.18, "mouthUpperUp": 0.12}, grip=0.6),
    "w": Viseme(0.06, {"mouthPucker": 0.85, "mouthFunnel": 0.16}, grip=2.8, bridge=0.3, lead=0.050),
    "u": Viseme(0.09, {"mouthPucker": 0.78, "mouthFunnel": 0.22}, grip=2.6, bridge=0.2, lead=0.050),
    "y": Viseme(0.10, {"mouthPucker": 0.62, "mouthFunnel": 0.24}, grip=2.2, lead=0.045),
    "o": Viseme(0.24, {"mouthFunnel": 0.36, "mouthPucker": 0.40}, grip=2.0, lead=0.040),
    "aw": Viseme(
        0.32, {"mouthFunnel": 0.28, "mouthPucker": 0.18, "mouthLowerDown": 0.08},
        grip=1.6, lead=0.030,
    ),
    "a": Viseme(0.43, {"mouthLowerDown": 0.22, "mouthUpperUp": 0.16}, grip=1.6),
    "ae": Viseme(
        0.36, {"mouthStretch": 0.24, "mouthLowerDown": 0.28, "mouthUpperUp": 0.22}, grip=1.5
    ),
    "e": Viseme(
        0.22,
        {"mouthStretch": 0.26, "mouthSmile": 0.10, "mouthLowerDown": 0.26, "mouthUpperUp": 0.20},
        grip=1.3,
    ),
    "er": Viseme(0.17, {"mouthLowerDown": 0.15, "mouthUpperUp": 0.10, "mouthFunnel": 0.08}, 0.8),
    "i": Viseme(
        0.08,
        {"mouthStretch": 0.38, "mouthSmile": 0.25, "mouthLowerDown": 0.26, "mouthUpperUp": 0.16},
        grip=1.5,
    ),
}  # fmt: skip

SOUNDS = {
    "p": "pbmɓʙ",
    "bh": "ɸβ",
    "f": "fvʋⱱɱ",
    "th": "θð",
    "t": "tdnɾɖʈɳɗǀ",
    "l": "lɫʎɭɬɮʟɺrɽ",
    "s": "szʦʣ",
    "sh": "ʃʒɕʑʂʐʧʤ",
    "r": "ɹɻ",
    "k": "kɡgŋxɣqχħʕʔcɟɲɦɠɴʁʀçʝɢhɧ",
    "w": "wʍɥ",
    "u": "uʊɯ",
    "y": "yʏøœɶʉ",
    "o": "oɤɵ",
    "aw": "ɔɒ",
    "a": "aɑʌɐ",
    "ae": "æɛε",
    "e": "e",
    "er": "əɜɚɝɘɞᵻ",
    "i": "iɪjɨ",
}
VISEME_OF_SOUND = {sound: viseme for viseme, sounds in SOUNDS.items() for sound in sounds}

CLOSURE_SECONDS = 0.060  # that a mouth is closed before it is heard to open, at least
CLOSURE_SHARE = 0.45  # of the phone before, at most, that a closure takes
CLOSE_EARLY_SECONDS = 0.110  # after a pause the mouth is in place this long before the first sound
NARROW = set("h")  # made with the mouth of the vowel that follows


@dataclass(frozen=True)
class Gesture:
    """One viseme and when it is made: for a stop until its burst, else while it sounds."""

    viseme: str
    start: float  # seconds
    end: float
    ipa: str
    burst: float | None = None  # of a stop: when it is heard to open

    @property
    def contact(self) -> str:
        """What touches in it: "closed", "tucked" or ""."""
        return VISEMES[self.viseme].contact


@cache
def visemes_of(ipa: str) -> tuple[tuple[str, str], ...]:
    """(viseme, first IPA letter of it) for each part of a phone: two for a diphthong.

    Letters that nothing is known of leave no part; neighbours that look alike are one.
    """
    parts: list[tuple[str, str]] = []
    for letter in ipa:
        viseme = VISEME_OF_SOUND.get(letter)
        if viseme and (not parts or parts[-1][0] != viseme):
            parts.append((viseme, letter))
    return tuple(parts)


def gestures(phones: Iterable[Phone]) -> list[Gesture]:
    """Gestures without gaps or overlaps, from the phones of a speech, a pause being "rest"."""
    return _close_stops(_merge_narrow(_split(phones)))


def _split(phones: Iterable[Phone]) -> list[Gesture]:
    """One gesture a part of each phone, its time shared evenly."""
    made: list[Gesture] = []
    for phone in phones:
        if not phone.ipa and made and made[-1].viseme == "rest":
            made[-1] = replace(made[-1], end=phone.end)
            continue
        unknown = ("er", phone.ipa) if phone.ipa else ("rest", "")
        parts = visemes_of(phone.ipa) or (unknown,)
        step = (phone.end - phone.start) / len(parts)
        for index, (viseme, letter) in enumerate(parts):
            start = phone.start + index * step
            burst = None if index else phone.burst
            made.append(Gesture(viseme, start, start + step, letter, burst))
    return made


def _merge_narrow(parts: list[Gesture]) -> list[Gesture]:
    """Give the time of an h to the vowel after it."""
    made: list[Gesture] = []
    for part in reversed(parts):
        follower = made[-1] if made else None
        if part.ipa in NARROW and follower and follower.viseme != "rest":
            made[-1] = replace(follower, start=part.start)
        else:
            made.append(part)
    return made[::-1]


def _close_stops(parts: list[Gesture]) -> list[Gesture]:
    """Move the bounds of stops to where the mouth closes and where it is heard to open."""
    if not parts:
        return []
    spans = [_span(part, before) for part, before in zip(parts, [None, *parts], strict=False)]
    ends = [min(end, start) for (_, end), (start, _) in pairwise(spans)] + [spans[-1][1]]
    starts = [parts[0].start, *ends[:-1]]
    timed = zip(parts, starts, ends, strict=True)
    made = [replace(part, start=start, end=end) for part, start, end in timed if end > start]
    if ends[-1] < parts[-1].end:
        made.append(Gesture("rest", ends[-1], parts[-1].end, ""))
    return made


def _span(part: Gesture, before: Gesture | None) -> tuple[float, float]:
    """When the mouth of a part begins, and when it ends: for a stop, at its burst.

    A stop that is heard to open as its interval begins was closed during the phone before.
    """
    end = part.end if part.burst is None else part.burst
    if before is None or part.viseme == "rest":
        return part.start, end
    room = before.end - before.start
    if before.viseme == "rest":
        return part.start - min(CLOSE_EARLY_SECONDS, room), end
    if part.burst is not None:
        missing = max(0.0, CLOSURE_SECONDS - (part.burst - part.start))
        return part.start - min(missing, CLOSURE_SHARE * room), end
    return part.start, end
