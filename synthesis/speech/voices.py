"""Who speaks: voices of espeak-ng by chance, and which of them training never hears."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import resample_poly

from synthesis.speech.bursts import mark_bursts
from synthesis.speech.espeak import Phone, SpokenText, Voice, Word
from synthesis.speech.espeak_process import EspeakCrash, Mouthpiece

log = logging.getLogger(__name__)

SAMPLE_RATE = 16000  # Hz, of all sound that synthesis makes

SPLITS = ("train", "val", "test")
# By number, a tenth of the speakers are in val and a tenth in test; three have one of each. It does
# not depend on how many there are, so a corpus can be made larger.
SPLIT_OF_NUMBER = (*SPLITS, *["train"] * 7)

# No language and no variant is in two splits. English, the best provided, has a dialect in each.
LANGUAGES = {
    "train": (
        "en-us", "en", "en-us", "en-029", "fr", "de", "es", "it", "pt", "nl", "pl", "fi", "cs",
        "hu", "id", "da", "ru", "el", "uk", "ca", "lv", "sw",
    ),
    "val": ("en-gb-x-gbclan", "nb", "ro", "hr", "eo"),
    "test": ("en-gb-scotland", "sv", "tr", "et", "sk"),
}  # fmt: skip
VARIANTS = {
    "train": (
        "m1", "m3", "m4", "m6", "m7", "f1", "f3", "f4", "Alex", "Alicia", "Andrea", "Andy", "Denis",
        "Gene", "Hugo", "Jacky", "Lee", "Mario", "Michael", "Mike", "Reed", "Storm", "adam",
        "anika", "antonio", "aunty", "belinda", "boris", "caleb", "david", "ed", "grandma",
        "gustave", "ian", "iven", "iven3", "john", "klatt", "klatt3", "linda", "marcelo", "max",
        "michel", "pablo", "paul", "pedro", "quincy", "rob", "sandro", "shelby", "steph", "steph3",
        "travis", "whisper", "zac",
    ),
    "val": ("m2", "f2", "Annie", "Marco", "Henrique", "edward", "klatt2", "miguel", "iven2"),
    "test": ("m5", "f5", "Diogo", "benjamin", "robert", "steph2", "klatt4", "victor", "grandpa"),
}  # fmt: skip


def split_of_number(number: int) -> str:
    """The split that a speaker or a recording is in."""
    return SPLIT_OF_NUMBER[number % len(SPLIT_OF_NUMBER)]


@dataclass(frozen=True)
class SpeakerVoice:
    """One speaker's voice: espeak-ng's, and how the vocal tract is scaled."""

    voice: Voice
    tract: float = 1.0  # below 1 a smaller speaker: pitch and formants higher, speech faster


def draw_voice(
    split: str, rng: np.random.Generator, languages: tuple[str, ...] = ()
) -> SpeakerVoice:
    """A voice of a split by chance; of `languages`, where given, those that the split has."""
    choices = languages_of(split, languages)
    variants = VARIANTS[split]
    voice = Voice(
        language=str(choices[rng.integers(len(choices))]),
        variant=str(variants[rng.integers(len(variants))]),
        words_per_minute=int(rng.integers(120, 205)),
        pitch=int(rng.integers(15, 86)),
        pitch_range=int(rng.integers(20, 96)),
        word_gap=int(rng.choice((0, 0, 0, 1, 2, 4))),
    )
    return SpeakerVoice(voice, tract=rng.uniform(0.92, 1.10))


def languages_of(split: str, wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Languages of a split among `wanted`: "en" stands for all its dialects.

    Raises ValueError when the split has none of them.
    """
    if not wanted:
        return LANGUAGES[split]
    known = {language for languages in LANGUAGES.values() for language in languages}
    for name in wanted:
        if not any(_is(language, name) for language in known):
            raise ValueError(f"unknown language {name!r}; there are: {', '.join(sorted(known))}")
    chosen = tuple(
        language for language in LANGUAGES[split] if any(_is(language, name) for name in wanted)
    )
    if not chosen:
        raise ValueError(
            f"none of the languages {', '.join(wanted)} is kept for {split}; "
            f"add one of: {', '.join(LANGUAGES[split])}"
        )
    return chosen


_mouthpiece = Mouthpiece()


def speak(text: str, speaker: SpeakerVoice) -> SpokenText:
    """Say it in this voice, at SAMPLE_RATE; the phones' times follow the scaled tract.

    What crashes espeak-ng is said in the language's plain voice.
    """
    try:
        speech = _mouthpiece.say(text, speaker.voice)
    except EspeakCrash as crash:
        log.warning("%s; said in the plain voice", crash)
        speech = _mouthpiece.say(text, replace(speaker.voice, variant=""))
    up, down = _ratio(speech.sample_rate, speaker.tract)
    samples = resample_poly(speech.samples, up, down).astype(np.float32)
    stretch = speech.sample_rate / SAMPLE_RATE * up / down
    phones = tuple(Phone(p.ipa, p.start * stretch, p.end * stretch) for p in speech.phones)
    words = tuple(Word(word.start * stretch, word.position) for word in speech.words)
    return SpokenText(samples, SAMPLE_RATE, mark_bursts(phones, samples, SAMPLE_RATE), words)


def _ratio(sample_rate: int, tract: float) -> tuple[int, int]:
    """Up and down for a resampling that makes the speech `tract` times as long and as low."""
    return 320, round(320 * sample_rate / SAMPLE_RATE / tract)


def _is(language: str, wanted: str) -> bool:
    return language == wanted or language.startswith(wanted + "-")
