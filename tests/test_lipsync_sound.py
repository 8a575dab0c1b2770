"""lipsync/sound.py: what each frame hears, and where nobody speaks."""

from fractions import Fraction

import numpy as np
import pytest

import audio
from lipsync.sound import Speech, load_speech, speaking
from models.generator import Hearing
from tests.talking_ellipse import write_sound

MEL = Hearing("mel80x16")


def tone(seconds, hp, amplitude=0.3):
    time = np.arange(round(seconds * hp.sample_rate)) / hp.sample_rate
    return (amplitude * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def bursts(hp, *spans, seconds=4.0):
    """Noise during each (begin, end) in seconds, silence elsewhere."""
    wav = np.zeros(round(seconds * hp.sample_rate), np.float32)
    random = np.random.RandomState(0)
    for begin, end in spans:
        part = slice(round(begin * hp.sample_rate), round(end * hp.sample_rate))
        wav[part] = 0.2 * random.standard_normal(part.stop - part.start)
    return wav


@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001), 60])
@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.37])
def test_frames_fill_the_sound(hp, fps, seconds):
    speech = Speech(tone(seconds, hp), Fraction(fps), MEL)
    assert speech.frame_count == round(seconds * fps)


def test_windows_are_those_of_audio(hp):
    wav = bursts(hp, (0.2, 1.1), (1.9, 3.0))
    mel = audio.melspectrogram(wav, hp)
    for legacy in (False, True):
        speech = Speech(wav, Fraction(25), MEL, legacy_timing=legacy)
        expected = audio.mel_windows(mel, 25, hp, legacy_timing=legacy)
        made = [speech.heard(frame) for frame in range(speech.frame_count)]
        assert np.array_equal(np.stack(made), expected)


def test_offset_moves_the_mouth_later(hp):
    wav = bursts(hp, (0.2, 1.1), (1.9, 3.0))
    plain = Speech(wav, Fraction(25), MEL)
    late = Speech(wav, Fraction(25), MEL, offset_seconds=0.2)
    assert np.array_equal(late.heard(30), plain.heard(25))


def test_after_the_sound_there_is_silence(hp):
    speech = Speech(tone(1, hp), Fraction(25), MEL)
    assert (speech.heard(500) == -hp.max_abs_value).all()


@pytest.mark.parametrize("samples", [1, 100, 3000])
def test_very_short_and_all_zero_sound(hp, samples):
    speech = Speech(np.zeros(samples, np.float32), Fraction(25), MEL)
    assert speech.frame_count >= 1
    assert (speech.heard(0) == -hp.max_abs_value).all()


def test_pauses_are_found_and_faded(hp):
    wav = bursts(hp, (1.0, 2.0), (3.0, 3.5))
    gain = speaking(wav, hp.sample_rate, Fraction(25), 100)
    assert not gain[:18].any()  # lips may open 0.12 s before, over a fade of 0.16 s
    assert (gain[25:50] == 1).all() and (gain[75:87] == 1).all()
    assert not gain[59:68].any()
    assert np.abs(np.diff(gain)).max() <= 0.25 + 1e-9


@pytest.mark.parametrize("milliseconds", [400, -400, 0, -3900])
def test_pauses_move_with_the_mouth(hp, tmp_path, milliseconds):
    wav = np.r_[np.zeros(16000), bursts(hp, (0.0, 1.0), seconds=1.0), np.zeros(32000)]
    path = write_sound(tmp_path / "a.wav", wav)
    offset = milliseconds / 1000
    _, gain = load_speech(path, Fraction(25), MEL, offset_seconds=offset)
    _, still = load_speech(path, Fraction(25), MEL)
    assert len(gain) == len(still) == 100
    moved = milliseconds // 40
    expected = np.r_[np.zeros(max(moved, 0)), still[max(-moved, 0) :], np.zeros(100)][:100]
    assert np.abs(gain - expected).max() < 0.26  # a step of the fade, where a frame is cut apart


def test_gaps_between_words_are_no_pauses(hp):
    wav = bursts(hp, (0.5, 1.5), (1.9, 3.0))
    gain = speaking(wav, hp.sample_rate, Fraction(25), 100)
    assert (gain[13:75] == 1).all()


def test_noise_far_below_the_speech_is_quiet(hp):
    wav = bursts(hp, (1.0, 3.0)) + 0.0005 * np.random.RandomState(1).standard_normal(64000)
    gain = speaking(wav.astype(np.float32), hp.sample_rate, Fraction(25), 100)
    assert gain[0] == 0 and gain[50] == 1 and gain[-1] == 0


def test_silence_all_through(hp):
    assert not speaking(np.zeros(16000, np.float32), hp.sample_rate, Fraction(25), 25).any()
