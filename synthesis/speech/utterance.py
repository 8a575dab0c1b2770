"""One clip's speech: words, sound and the gestures that go with it, all from one random source."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from synthesis.speech.espeak import Phone, SpokenText
from synthesis.speech.performance import FPS
from synthesis.speech.sentences import make_text
from synthesis.speech.sound import SoundConditions, degrade
from synthesis.speech.visemes import Gesture, gestures
from synthesis.speech.voices import SAMPLE_RATE, SpeakerVoice, draw_voice, speak

SILENCE_SECONDS = (0.08, 0.6)  # before the first word
TAIL_SECONDS = (0.0, 0.4)  # after the last one, at least
FADE_SECONDS = 0.008  # where speech is cut between two words
BABBLE_VOICES = 2


@dataclass(frozen=True)
class Utterance:
    """What is said in a clip and how it sounds, for a whole number of frames."""

    text: str
    sound: np.ndarray  # float32 in [-1, 1] at SAMPLE_RATE, as degraded
    clean: np.ndarray  # the same before that
    phones: tuple[Phone, ...]
    gestures: tuple[Gesture, ...]
    conditions: SoundConditions


def make_utterance(
    speaker: SpeakerVoice, frames: int, rng: np.random.Generator, split: str = "train"
) -> Utterance:
    """Speech that begins and ends within `frames` frames, and its sound in some room or other.

    `split` says whose voices are heard in the background.
    """
    seconds = frames / FPS
    text = make_text(speaker.voice.language, _words_for(speaker, seconds), rng)
    lead = min(rng.uniform(*SILENCE_SECONDS), seconds / 4)
    room = seconds - lead - rng.uniform(*TAIL_SECONDS)
    text, speech = cut_speech(text, speak(text, speaker), room)
    clean = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    at = round(lead * SAMPLE_RATE)
    clean[at : at + len(speech.samples)] = speech.samples
    phones = tuple(_placed(speech.phones, at / SAMPLE_RATE, seconds))
    conditions = SoundConditions.draw(rng)
    babble = _babble(split, rng) if conditions.babble_level > -80 else []
    sound = degrade(clean, conditions, rng, babble)
    return Utterance(text, sound, clean, phones, tuple(gestures(phones)), conditions)


def cut_speech(text: str, speech: SpokenText, seconds: float) -> tuple[str, SpokenText]:
    """As many whole words as fit into `seconds`; the first word is cut if it is longer."""
    if speech.seconds <= seconds:
        return text, speech
    bounds = [
        word for word in speech.words
        if 0 < word.start <= seconds and text[word.position - 1 : word.position].isspace()
    ]  # fmt: skip
    end = bounds[-1].start if bounds else seconds
    kept = text[: bounds[-1].position].strip() if bounds else text.split()[0]
    samples = speech.samples[: round(end * speech.sample_rate)].copy()
    fade = min(len(samples), round(FADE_SECONDS * speech.sample_rate))
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    phones = tuple(
        replace(phone, end=min(phone.end, end))
        for phone in takewhile(lambda phone: phone.start < end, speech.phones)
    )
    return kept, replace(speech, samples=samples, phones=phones, words=())


def _words_for(speaker: SpeakerVoice, seconds: float) -> int:
    """Enough to fill the time, at the voice's rate; what is too much is cut off."""
    return 3 + round(seconds * speaker.voice.words_per_minute / 60 * 1.1)


def _placed(phones: tuple[Phone, ...], lead: float, seconds: float) -> Iterator[Phone]:
    """The phones with the silence before and after them."""
    if lead > 0:
        yield Phone("", 0.0, lead)
    for phone in phones:
        burst = None if phone.burst is None else phone.burst + lead
        yield Phone(phone.ipa, phone.start + lead, phone.end + lead, burst)
    end = lead + phones[-1].end
    if end < seconds:
        yield Phone("", end, seconds)


def _babble(split: str, rng: np.random.Generator) -> list[np.ndarray]:
    others = [draw_voice(split, rng) for _ in range(BABBLE_VOICES)]
    return [speak(make_text(other.voice.language, 12, rng), other).samples for other in others]
