"""One word as it is said in a sentence: so much of the speech that the word lies in its middle."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from synthesis.speech.espeak import EspeakError, Phone, SpokenText
from synthesis.speech.performance import FPS
from synthesis.speech.sound import SoundConditions, degrade
from synthesis.speech.utterance import FADE_SECONDS, Utterance
from synthesis.speech.visemes import gestures
from synthesis.speech.voices import SAMPLE_RATE, SpeakerVoice, speak
from synthesis.speech.words import sentence_with

TRIES = 20  # sentences, until one tells where the word is and has room for it


def say_word(
    speaker: SpeakerVoice, word: str, frames: int, rng: np.random.Generator
) -> tuple[Utterance, tuple[float, float]]:
    """`frames` frames about a word of a sentence, and when in them it begins and ends, in seconds.

    Raises EspeakError where espeak-ng does not say when the word begins.
    """
    seconds = frames / FPS
    for _ in range(TRIES):
        text, position = sentence_with(word, rng)
        speech = speak(text, speaker)
        span = _span_of(speech, position)
        if span and span[1] - span[0] <= seconds:
            break
    else:
        raise EspeakError(f"espeak-ng does not tell when {word!r} begins in {text!r}")
    start = (span[0] + span[1] - seconds) / 2
    clean = _cut_sound(speech.samples, round(start * SAMPLE_RATE), round(seconds * SAMPLE_RATE))
    phones = tuple(_cut_phones(speech.phones, start, seconds))
    # Beside the voice none is heard: it would say words of its own.
    conditions = replace(SoundConditions.draw(rng), babble_level=-80.0)
    sound = degrade(clean, conditions, rng)
    said = Utterance(text, sound, clean, phones, tuple(gestures(phones)), conditions)
    return said, (span[0] - start, span[1] - start)


def _span_of(speech: SpokenText, position: int) -> tuple[float, float] | None:
    """When the word at a character of the text begins and ends; None where nothing tells."""
    starts = [word.start for word in speech.words if word.position == position]
    if not starts:
        return None
    later = [word.start for word in speech.words if word.start > starts[0]]
    next_word = min(later, default=speech.seconds)
    ends = [p.end for p in speech.phones if p.ipa and starts[0] <= p.start < next_word - 1e-6]
    return (starts[0], ends[-1]) if ends else None


def _cut_sound(samples: np.ndarray, first: int, count: int) -> np.ndarray:
    """`count` samples from the first on, which may lie before the speech; softly cut, 0 beyond."""
    out = np.zeros(count, np.float32)
    begin, end = max(first, 0), min(first + count, len(samples))
    part = samples[begin:end].copy()
    fade = min(len(part) // 2, round(FADE_SECONDS * SAMPLE_RATE))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    part[:fade] *= ramp
    part[len(part) - fade :] *= ramp[::-1]
    out[begin - first : end - first] = part
    return out


def _cut_phones(phones: tuple[Phone, ...], start: float, seconds: float) -> Iterator[Phone]:
    """What is said in the cut, with the silence about it."""
    kept = [phone for phone in phones if phone.end > start and phone.start < start + seconds]
    if kept[0].start > start:
        yield Phone("", 0.0, kept[0].start - start)
    for phone in kept:
        burst = None if phone.burst is None else phone.burst - start
        burst = burst if burst is not None and 0 <= burst < seconds else None
        yield Phone(phone.ipa, max(phone.start - start, 0), min(phone.end - start, seconds), burst)
    if kept[-1].end < start + seconds:
        yield Phone("", kept[-1].end - start, seconds)
