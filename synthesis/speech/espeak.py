"""Speech, and the times of its phonemes, from espeak-ng: a program that must be installed."""

import _ctypes
import contextlib
import ctypes
import ctypes.util
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

HOW_TO_GET = "pip install espeakng-loader, or apt-get install espeak-ng, or brew install espeak-ng"

# Numbers of espeak-ng's own header, speak_lib.h.
SYNCHRONOUS = 2
PHONEME_EVENTS_AS_IPA = 1 | 2
UTF8 = 1
POSITION_IS_CHARACTERS = 1
WORD_EVENT, PHONEME_EVENT = 1, 7
RATE, PITCH, PITCH_RANGE, WORD_GAP = 1, 3, 4, 7

BRACKETED = re.compile(r"\(.*?\)|\[.*?\]")  # marks of a change of language, which make no sound
STRESS = str.maketrans("", "", "ˈˌ'")
# Length, palatalisation and the like, and marks that some languages leave in: when alone in an
# event, they belong to the phone before.
MODIFIERS = set('ʲʰʷːˑ-?^"\u031d\u0329\u032a\u032f\u0303\u0361')


class EspeakError(RuntimeError):
    """espeak-ng is not installed, or would not speak."""


@dataclass(frozen=True)
class Voice:
    """How a sentence is to be spoken; `language` and `variant` are names of espeak-ng's."""

    language: str  # "en-us", "fr", ...
    variant: str = ""  # "m3", "Annie", ...
    words_per_minute: int = 160
    pitch: int = 50  # 0..99
    pitch_range: int = 50  # 0..99: 0 is monotone
    word_gap: int = 0  # units of 10 ms

    @property
    def name(self) -> str:
        """Language and variant in espeak-ng's notation."""
        return f"{self.language}+{self.variant}" if self.variant else self.language


@dataclass(frozen=True)
class Phone:
    """One sound of a language, in IPA, with its place in the speech; ipa "" is a pause."""

    ipa: str
    start: float  # seconds
    end: float
    burst: float | None = None  # when a stop is heard to open, once found in the sound


@dataclass(frozen=True)
class Word:
    """Where a word begins: in the speech, and in the text."""

    start: float  # seconds
    position: int  # characters from the text's beginning


@dataclass(frozen=True)
class SpokenText:
    """Speech and what is heard when."""

    samples: np.ndarray  # float32 in [-1, 1]
    sample_rate: int
    phones: tuple[Phone, ...]
    words: tuple[Word, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the sound is."""
        return len(self.samples) / self.sample_rate


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@cache
def find_library() -> tuple[str, str | None]:
    """Library file and data folder (None: the library knows its own); EspeakError where absent.

    The build of PyPI comes first: it is one version everywhere, so the same seed gives the same
    sound, which two versions of espeak-ng do not.
    """
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is not None:
        folder = Path(spec.origin).parent
        for library in sorted(folder.glob("*espeak-ng*")):
            if library.suffix in (".so", ".dylib", ".dll"):
                return str(library), str(folder / "espeak-ng-data")
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise EspeakError(f"espeak-ng is not installed; {HOW_TO_GET}")
    return name, None


@cache
def version() -> str:
    """espeak-ng's version: its sound differs from one to the next."""
    with _fresh_library() as (library, _):
        library.espeak_Info.restype = ctypes.c_char_p
        return library.espeak_Info(None).decode().split()[0]


def say(text: str, voice: Voice) -> SpokenText:
    """Speak `text`. The same text and voice give the same samples, whatever was said before.

    Raises EspeakError when espeak-ng is missing, does not know the voice or says nothing.
    """
    with _fresh_library() as (library, sample_rate):
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {voice.name!r}")
        _set_parameters(library, voice)
        samples, events, words = _synthesise(library, text)
    if not len(samples):
        raise EspeakError(f"espeak-ng says nothing for {text!r} in voice {voice.name!r}")
    phones = tuple(_phones(events, len(samples), sample_rate))
    words = tuple(Word(sample / sample_rate, position) for sample, position in words)
    return SpokenText(samples.astype(np.float32) / 32768, sample_rate, phones, words)


@contextlib.contextmanager
def _fresh_library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library as if never used before, and its sample rate.

    espeak-ng keeps random numbers and phases from one sentence to the next, and offers no way to
    reset them; loading it again costs about 5 ms.
    """
    path, data = find_library()
    library = ctypes.CDLL(path)
    try:
        sample_rate = library.espeak_Initialize(
            SYNCHRONOUS, 0, data.encode() if data else None, PHONEME_EVENTS_AS_IPA
        )
        if sample_rate <= 0:
            raise EspeakError(f"{path} does not start: its data is missing from {data}")
        _seed(library)
        yield library, sample_rate
    finally:
        library.espeak_Terminate()  # without it, 1.51 hangs at some later sentence
        _unload(library)


def _seed(library: ctypes.CDLL) -> None:
    if hasattr(library, "espeak_ng_SetRandSeed"):  # from 1.52 on
        library.espeak_ng_SetRandSeed(1)
    else:
        ctypes.CDLL(None).srand(1)


def _unload(library: ctypes.CDLL) -> None:
    release = getattr(_ctypes, "FreeLibrary", None) or _ctypes.dlclose
    release(library._handle)


def _set_parameters(library: ctypes.CDLL, voice: Voice) -> None:
    parameters = {
        RATE: voice.words_per_minute,
        PITCH: voice.pitch,
        PITCH_RANGE: voice.pitch_range,
        WORD_GAP: voice.word_gap,
    }
    for number, value in parameters.items():
        library.espeak_SetParameter(number, value, 0)


def _synthesise(
    library: ctypes.CDLL, text: str
) -> tuple[np.ndarray, list[tuple[int, str]], list[tuple[int, int]]]:
    """Samples (int16), phonemes as (sample, IPA) and words as (sample, position in the text)."""
    chunks: list[np.ndarray] = [np.empty(0, np.int16)]
    phonemes: list[tuple[int, str]] = []
    words: list[tuple[int, int]] = []

    def receive(samples, count, event) -> int:
        if count > 0 and samples:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while event[index].type != 0:
            if event[index].type == PHONEME_EVENT:
                phonemes.append((event[index].sample, _event_text(event[index])))
            elif event[index].type == WORD_EVENT:
                words.append((event[index].sample, event[index].text_position - 1))
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    status = library.espeak_Synth(
        data, ctypes.c_size_t(len(data) + 1), 0, POSITION_IS_CHARACTERS, 0, UTF8, None, None
    )
    if status != 0:
        raise EspeakError(f"espeak-ng failed with status {status} on {text!r}")
    library.espeak_Synchronize()
    return np.concatenate(chunks), phonemes, words


def _event_text(event: _Event) -> str:
    """The eight bytes of IPA, which need not end with a zero nor at the end of a character."""
    raw = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
    return raw.decode("utf-8", errors="ignore")


def _phones(events: list[tuple[int, str]], samples: int, sample_rate: int) -> Iterator[Phone]:
    """Phones that follow one another; modifiers alone lengthen the phone before."""
    cleaned = [(at, BRACKETED.sub("", text).translate(STRESS)) for at, text in events
               if not text or BRACKETED.sub("", text)]  # fmt: skip
    kept = [(at, text) for at, text in cleaned if not text or not set(text) <= MODIFIERS]
    if not kept or kept[0][0] > 0:
        kept.insert(0, (0, ""))
    ends = [at for at, _ in kept[1:]] + [samples]
    for (start, text), end in zip(kept, ends, strict=True):
        if end > start:
            yield Phone(text, start / sample_rate, end / sample_rate)
