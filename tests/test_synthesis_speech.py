"""The synthetic corpus as heard: espeak-ng's times, sentences, voices by split, unclean sound."""

import subprocess
import sys

import numpy as np
import pytest

from synthesis.speech import espeak, voices
from synthesis.speech.espeak import EspeakError, Phone, SpokenText, Voice, Word, say
from synthesis.speech.espeak_process import EspeakCrash, Mouthpiece
from synthesis.speech.sentences import SYMBOLS, languages, make_sentence, phrases_of, transcript
from synthesis.speech.sound import COLOURS, SoundConditions, coloured_noise, degrade
from synthesis.speech.utterance import cut_speech, make_utterance
from synthesis.speech.voices import (
    LANGUAGES,
    SAMPLE_RATE,
    SPLITS,
    VARIANTS,
    SpeakerVoice,
    draw_voice,
    languages_of,
    speak,
    split_of_number,
)  # fmt: skip
from tests.espeak_mark import needs_espeak


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@needs_espeak
def test_phones_follow_one_another_to_the_end_of_the_sound():
    speech = say("My puppy may be happy. Perhaps!", Voice("en-us", "m3"))
    assert speech.phones[0].start == 0
    for phone, follower in zip(speech.phones, speech.phones[1:], strict=False):
        assert phone.end == follower.start
    assert speech.phones[-1].end == pytest.approx(speech.seconds)
    sounds = "".join(phone.ipa for phone in speech.phones)
    assert "pʌpi" in sounds and "ˈ" not in sounds and "(" not in sounds


@needs_espeak
def test_a_word_begins_where_its_letters_and_its_sound_do():
    text = "One apple, two boats"
    words = say(text, Voice("en")).words
    assert [text[word.position :].split()[0] for word in words] == ["One", "apple,", "two", "boats"]
    assert all(a.start < b.start for a, b in zip(words, words[1:], strict=False))


@needs_espeak
def test_what_was_said_before_changes_nothing():
    voice = Voice("fr", "Annie", 180, 60, 70)
    first = say("Bonjour tout le monde.", voice)
    say("Something else altogether", Voice("pl", "m3", 220, 80, 10))
    again = say("Bonjour tout le monde.", voice)
    assert np.array_equal(first.samples, again.samples)
    assert first.phones == again.phones


@needs_espeak
def test_another_process_says_the_same():
    program = (
        "import sys, hashlib; from synthesis.speech.espeak import *; "
        "sys.stdout.write(hashlib.sha256(say('Hello', Voice('en', 'f2')).samples).hexdigest())"
    )
    spoken = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert spoken[0].stdout == spoken[1].stdout != ""


@needs_espeak
def test_an_unknown_voice_is_named_and_does_no_harm():
    with pytest.raises(EspeakError, match="xx.m99"):
        say("Hello", Voice("xx", "m99"))
    assert say("Hello", Voice("en")).phones


@needs_espeak
def test_a_process_of_its_own_says_the_same():
    voice, mouthpiece = Voice("fr", "Annie", 180, 60, 70), Mouthpiece()
    here, there = (
        say("Bonjour tout le monde.", voice),
        mouthpiece.say("Bonjour tout le monde.", voice),
    )
    assert np.array_equal(here.samples, there.samples) and here.phones == there.phones
    with pytest.raises(EspeakError, match="xx.m99") as error:
        mouthpiece.say("Hello", Voice("xx", "m99"))
    assert not isinstance(error.value, EspeakCrash)


@needs_espeak
def test_a_crash_of_espeak_is_survived(monkeypatch, rng):
    """The first process dies as espeak-ng's do, whatever it is asked; the next one speaks."""
    crashing = [sys.executable, "-c", "import os; os.abort()"]
    mouthpiece = Mouthpiece(crashing)
    voice = SpeakerVoice(Voice("pl", "rob", 149, 53, 95, 2))
    for _ in range(2):
        with pytest.raises(EspeakCrash, match=r"crashed \(-6\).*variant='rob'.*Piotr"):
            mouthpiece.say("Piotr!", voice.voice)

    class CrashesOnce(Mouthpiece):
        def say(self, text, voice):
            return (mouthpiece if voice.variant else Mouthpiece()).say(text, voice)

    monkeypatch.setattr(voices, "_mouthpiece", CrashesOnce())
    plain = SpeakerVoice(Voice("pl", "", 149, 53, 95, 2))
    spoken = [speak("Piotr!", speaker) for speaker in (voice, plain)]
    assert np.array_equal(spoken[0].samples, spoken[1].samples)


def test_without_espeak_the_way_to_get_it_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(EspeakError, match="pip install espeakng-loader"):
        espeak.find_library.__wrapped__()


@needs_espeak
@pytest.mark.parametrize("split", SPLITS)
def test_every_voice_of_a_split_speaks(split, rng):
    for language in sorted(set(LANGUAGES[split])):
        assert say(make_sentence(language, rng), Voice(language)).seconds > 0.2
    for variant in VARIANTS[split]:
        assert say("Hello", Voice("en-us", variant)).seconds > 0.2


def test_no_language_and_no_voice_is_in_two_splits():
    for table in (LANGUAGES, VARIANTS):
        seen = [name for split in SPLITS for name in set(table[split])]
        assert len(seen) == len(set(seen))
    assert sum(len(set(LANGUAGES[split])) for split in SPLITS) >= 20


def test_a_tenth_of_the_speakers_is_held_out_whatever_their_number():
    splits = [split_of_number(number) for number in range(200)]
    assert (splits.count("val"), splits.count("test")) == (20, 20)
    assert set(splits[:3]) == set(SPLITS)


def test_voices_come_from_their_split_and_from_the_languages_asked_for(rng):
    for split in SPLITS:
        voice = draw_voice(split, rng, ("en",)).voice
        assert voice.language.startswith("en") and voice.language in LANGUAGES[split]
        assert voice.variant in VARIANTS[split]
    with pytest.raises(ValueError, match="unknown language 'tlh'"):
        languages_of("train", ("tlh",))
    with pytest.raises(ValueError, match="none of the languages fr is kept for test"):
        languages_of("test", ("fr",))


@needs_espeak
def test_a_scaled_tract_scales_sound_and_times_alike():
    plain, large = (speak("Bob may hop.", SpeakerVoice(Voice("en"), t)) for t in (1.0, 1.1))
    assert large.seconds / plain.seconds == pytest.approx(1.1, rel=0.01)
    assert large.phones[3].start / plain.phones[3].start == pytest.approx(1.1, rel=0.01)
    assert plain.sample_rate == large.sample_rate == SAMPLE_RATE


@pytest.mark.parametrize("language", languages())
def test_each_language_has_hundreds_of_sentences(language):
    rng = np.random.default_rng(1)
    assert phrases_of(language).keys() == SYMBOLS
    made = {make_sentence(language, rng) for _ in range(600)}
    assert len(made) > 300
    assert not any("{" in sentence or "  " in sentence for sentence in made)


def test_a_dialect_uses_its_languages_phrases_and_others_are_refused():
    assert phrases_of("en-gb-scotland") is not None
    with pytest.raises(ValueError, match="no phrases for 'tlh'"):
        phrases_of("tlh")


def test_words_are_written_as_in_lrs2():
    assert transcript("Don't stop: it's 5, né?") == "Text:  DON'T STOP IT'S 5 NÉ\n"


def test_speech_is_cut_between_words():
    text = "One two three"
    words = (Word(0.0, 0), Word(0.4, 4), Word(0.9, 8))
    phones = (Phone("w", 0.0, 0.3), Phone("t", 0.3, 0.8), Phone("θ", 0.8, 1.5))
    speech = SpokenText(np.ones(24000, np.float32), 16000, phones, words)
    kept, cut = cut_speech(text, speech, 1.0)
    assert kept == "One two"
    assert cut.seconds == pytest.approx(0.9)
    assert cut.phones[-1].end == pytest.approx(0.9)
    assert cut_speech(text, speech, 2.0) == (text, speech)


@needs_espeak
@pytest.mark.parametrize("frames", [17, 50, 151])
def test_an_utterance_fills_its_frames_exactly(frames, rng):
    said = make_utterance(draw_voice("train", rng), frames, rng)
    assert len(said.sound) == len(said.clean) == frames * 640
    assert said.gestures[0].start == 0
    assert said.gestures[-1].end == pytest.approx(frames / 25)
    for gesture, follower in zip(said.gestures, said.gestures[1:], strict=False):
        assert gesture.end == pytest.approx(follower.start)


def bursts_of_noise(rng: np.random.Generator) -> np.ndarray:
    """Two seconds of loud and silent stretches, as unlike itself at every shift as can be."""
    return (rng.standard_normal(32000) * (rng.random(320).repeat(100) > 0.5)).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_no_condition_moves_the_sound(seed):
    rng = np.random.default_rng(seed)
    sound = bursts_of_noise(rng)
    conditions = SoundConditions.draw(rng)
    heard = degrade(sound, conditions, rng, babble=[rng.standard_normal(8000)])
    assert heard.shape == sound.shape and heard.dtype == np.float32
    product = np.conj(np.fft.rfft(sound, 65536)) * np.fft.rfft(heard, 65536)
    likeness = np.fft.irfft(product)
    assert np.argmax(likeness) == 0, conditions


def test_conditions_repeat_with_their_seed_and_differ_without():
    sound = bursts_of_noise(np.random.default_rng(5))
    conditions = SoundConditions(reverberation=0.4, noise_level=-20, codec="transform")
    same = [degrade(sound, conditions, np.random.default_rng(1)) for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], degrade(sound, conditions, np.random.default_rng(2)))


def test_the_level_is_what_it_says(rng):
    heard = degrade(bursts_of_noise(rng), SoundConditions(level=-20.0), rng)
    assert np.abs(heard).max() == pytest.approx(0.1, rel=1e-3)
    clipped = degrade(bursts_of_noise(rng), SoundConditions(level=-20.0, clipped=6.0), rng)
    assert np.mean(np.abs(clipped) > 0.0999) > 0.001


def test_a_band_and_a_telephone_take_the_high_frequencies_away(rng):
    sound = bursts_of_noise(rng)
    for conditions in (SoundConditions(band=(0.0, 3000.0)), SoundConditions(codec="telephone")):
        spectrum = np.abs(np.fft.rfft(degrade(sound, conditions, rng)))
        assert spectrum[-len(spectrum) // 4 :].mean() < 0.1 * spectrum[: len(spectrum) // 4].mean()


@pytest.mark.parametrize("colour", COLOURS)
def test_noise_falls_with_frequency_as_its_colour_says(colour, rng):
    noise = coloured_noise(2**17, colour, rng)
    power = np.square(np.abs(np.fft.rfft(noise)))
    low, high = power[2**11 : 2**12].mean(), power[2**14 : 2**15].mean()  # three octaves apart
    assert 10 * np.log10(low / high) == pytest.approx(9.03 * COLOURS[colour], abs=0.7)
    assert noise.std() == pytest.approx(1.0)


def test_silence_stays_finite(rng):
    heard = degrade(np.zeros(16000, np.float32), SoundConditions.draw(rng), rng)
    assert np.isfinite(heard).all() and np.abs(heard).max() <= 1
