"""The synthetic mouth: gestures from phones, closures in sync with the sound, style, acting."""

import wave
from functools import lru_cache

import numpy as np
import pytest

from synthesis.speech import real_speech
from synthesis.speech.acting import Temper, perform, wander
from synthesis.speech.bursts import mark_bursts
from synthesis.speech.espeak import Phone, Voice, say
from synthesis.speech.mouth import MouthStyle, move_mouth
from synthesis.speech.performance import CURVE_RATE, FPS, curve_points, sample_frames
from synthesis.speech.real_speech import guess_gestures, take_recording
from synthesis.speech.sentences import languages, make_sentence
from synthesis.speech.utterance import Utterance, make_utterance
from synthesis.speech.visemes import SOUNDS, VISEMES, Gesture, gestures, visemes_of
from synthesis.speech.voices import SPLITS, draw_voice
from tests.espeak_mark import needs_espeak
from tests.lip_reading import GAP_OF_SHAPE, REST_GAP, TOUCHING, find_burst, lip_gap, partings
from video import MediaError

FRAMES = 150
SENTENCES = 45


def frame_of(seconds: float) -> int:
    return int(seconds * FPS)


def speech_of(*ipa: str, seconds: float = 0.1) -> list[Phone]:
    times = np.arange(len(ipa) + 1) * seconds
    return [Phone(*row) for row in zip(ipa, times[:-1], times[1:], strict=True)]


@lru_cache(maxsize=1)
def spoken() -> list[tuple[Utterance, MouthStyle]]:
    """Many voices, languages and people."""
    made = []
    for seed in range(SENTENCES):
        rng = np.random.default_rng(seed)
        voice = draw_voice(SPLITS[seed % len(SPLITS)], rng)
        made.append((make_utterance(voice, FRAMES, rng), MouthStyle.draw(rng)))
    return made


def measured(stop: str) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """Of each stop: when it is heard and seen to open (s), and whether a frame shows it closed."""
    heard, seen, shown = [], [], []
    for utterance, style in spoken():
        mouth = move_mouth(utterance.gestures, FRAMES, style)
        closed = lip_gap(mouth.sampled(FRAMES).weights) < TOUCHING
        for gesture, parting in partings(lip_gap(mouth.weights), list(utterance.gestures)):
            burst = find_burst(utterance.clean, 16000, gesture.end)
            if gesture.ipa == stop and burst is not None:
                heard.append(burst)
                seen.append(parting)
                frame = frame_of(burst)
                shown.append(bool(closed[max(0, frame - 1) : frame + 2].any()))
    return np.array(heard), np.array(seen), shown


@needs_espeak
@pytest.mark.parametrize("stop", ["p", "b"])
def test_lips_part_when_the_burst_is_heard(stop):
    """The offset is a median of -2 ms (p) and 0 ms (b), and a frame is 40 ms."""
    heard, seen, shown = measured(stop)
    offset = 1000 * (seen - heard)
    assert len(offset) > 40
    assert -8 < np.median(offset) < 8
    assert np.percentile(np.abs(offset), 75) < 16
    assert np.mean(np.abs(offset) < 40) > 0.93
    assert np.mean(shown) > 0.98


@needs_espeak
def test_the_offset_grows_with_a_slip_of_one_frame():
    """The measurement above would see it."""
    heard, seen, _ = measured("p")
    late = 1000 * (seen + 1 / FPS - heard)
    assert np.median(late) > 30


@needs_espeak
def test_every_closure_closes_whatever_the_style():
    for utterance, style in spoken():
        gap = lip_gap(move_mouth(utterance.gestures, FRAMES, style).weights)
        for gesture in utterance.gestures:
            if gesture.contact == "closed" and gesture.end < FRAMES / FPS - 0.1:
                end = round(gesture.end * CURVE_RATE)
                assert gap[max(0, end - 25) : end].min() < 0, (gesture, style)


def test_a_small_speaker_closes_as_fully_as_a_large_one():
    made = gestures(speech_of("", "a", "m", "a", "", seconds=0.2))
    gaps = [
        lip_gap(move_mouth(made, 30, MouthStyle(lips=size, jaw=size)).weights)
        for size in (0.7, 1.3)
    ]
    assert gaps[1].max() > 1.4 * gaps[0].max()
    assert gaps[1].min() == pytest.approx(gaps[0].min(), abs=0.03)
    assert gaps[0].min() < 0


def test_a_short_vowel_between_two_closures_opens_the_lips():
    made = [Gesture("p", 0.1, 0.2, "b", 0.2), Gesture("er", 0.2, 0.26, "ə"),
            Gesture("p", 0.26, 0.34, "b", 0.34), Gesture("a", 0.34, 0.5, "a")]  # fmt: skip
    gap = lip_gap(move_mouth(made, 13, MouthStyle()).weights)
    assert gap[round(0.2 * CURVE_RATE) : round(0.26 * CURVE_RATE)].max() > TOUCHING + 0.03
    assert gap[round(0.28 * CURVE_RATE) : round(0.32 * CURVE_RATE)].max() < TOUCHING


def test_teeth_reach_the_lip_for_f_even_from_an_open_jaw():
    mouth = move_mouth(gestures(speech_of("", "a", "f", "a", "", seconds=0.12)), 16, MouthStyle())
    middle = round(0.30 * CURVE_RATE)
    assert mouth.weights["mouthRollLower"][middle] > 0.5
    assert mouth.weights["mouthUpperUp_L"][middle] > 0.3
    assert 0.05 < lip_gap(mouth.weights)[middle] < 0.35  # the teeth are seen between the lips


def test_lips_round_before_the_sound_does():
    mouth = move_mouth(gestures(speech_of("", "t", "u", "t", "", seconds=0.2)), 26, MouthStyle())
    pucker = mouth.weights["mouthPucker"]
    half = np.flatnonzero(pucker > pucker.max() / 2)[0] / CURVE_RATE
    assert 0.31 < half < 0.38  # the vowel is heard from 0.40 s on


def test_closed_lips_are_rounded_for_the_vowel_that_follows():
    rounded, plain = (
        move_mouth(gestures(speech_of("", "a", "m", vowel, "", seconds=0.1)), 12, MouthStyle())
        for vowel in "ui"
    )
    middle = round(0.25 * CURVE_RATE)
    assert (
        rounded.weights["mouthPucker"][middle] > 0.4 > 0.05 > plain.weights["mouthPucker"][middle]
    )
    assert lip_gap(rounded.weights)[middle] < TOUCHING


def test_the_jaw_is_slower_than_the_lips():
    made = [Gesture("i", 0.0, 0.5, "i"), Gesture("a", 0.5, 2.0, "a")]
    mouth = move_mouth(made, 30, MouthStyle())

    def rise_points(curve: np.ndarray) -> int:
        share = np.abs(curve - curve[0]) / np.abs(curve[-1] - curve[0])
        return np.flatnonzero(share > 0.9)[0] - np.flatnonzero(share > 0.1)[0]

    assert rise_points(mouth.weights["jawOpen"]) > 1.3 * rise_points(
        mouth.weights["mouthStretch_L"]
    )


@pytest.mark.parametrize("sound", ["l", "n", "θ"])
def test_the_tongue_rises(sound):
    mouth = move_mouth(gestures(speech_of("a", sound, "a", seconds=0.12)), 9, MouthStyle())
    assert mouth.tongue[round(0.18 * CURVE_RATE)] > 0.75
    assert mouth.tongue[round(0.05 * CURVE_RATE)] < 0.1


def test_silence_rests():
    mouth = move_mouth([Gesture("rest", 0.0, 1.0, "")], 25, MouthStyle())
    assert np.abs(lip_gap(mouth.weights) - REST_GAP).max() < 1e-6


@needs_espeak
def test_weights_stay_in_the_range_of_blendshapes():
    for utterance, style in spoken()[:10]:
        for name, curve in move_mouth(utterance.gestures, FRAMES, style).weights.items():
            assert curve.min() >= 0 and curve.max() <= 1, name
            assert name in GAP_OF_SHAPE


def test_a_frame_shows_the_middle_of_its_time():
    ramp = np.arange(curve_points(10)) / CURVE_RATE + 0.5 / CURVE_RATE
    assert np.allclose(sample_frames(ramp, 10), (np.arange(10) + 0.5) / FPS)
    flash = np.zeros(curve_points(10))
    flash[round(2.5 * CURVE_RATE / FPS)] = 1
    assert np.flatnonzero(sample_frames(flash, 10)).tolist() == [2]


def test_each_sound_has_one_viseme():
    letters = "".join(SOUNDS.values())
    assert len(letters) == len(set(letters))
    assert SOUNDS.keys() | {"rest"} == VISEMES.keys()


@needs_espeak
@pytest.mark.parametrize("language", languages())
def test_almost_every_sound_of_a_language_is_known(language):
    rng = np.random.default_rng(3)
    heard = [
        phone.ipa
        for _ in range(6)
        for phone in say(make_sentence(language, rng), Voice(language)).phones
        if phone.ipa and phone.ipa != "h"
    ]
    unknown = [ipa for ipa in heard if not visemes_of(ipa)]
    assert len(unknown) <= 0.01 * len(heard), unknown


def test_a_diphthong_is_two_gestures_and_an_h_is_its_vowels():
    made = gestures(speech_of("", "h", "aʊ", "", seconds=0.2))
    assert [gesture.viseme for gesture in made] == ["rest", "a", "u", "rest"]
    assert made[1].start == pytest.approx(0.09)


def test_a_closure_comes_before_its_burst_and_early_after_a_pause():
    phones = speech_of("", "p", "a", "p", "a", seconds=0.2)
    phones = [phone if phone.ipa != "p" else Phone("p", phone.start, phone.end, phone.start)
              for phone in phones]  # fmt: skip
    first, second = (gesture for gesture in gestures(phones) if gesture.contact)
    assert (first.start, first.end) == pytest.approx((0.09, 0.2))
    assert (second.start, second.end) == pytest.approx((0.54, 0.6))


def hum(seconds: float, *, open_mouth: bool) -> np.ndarray:
    times = np.arange(int(seconds * 16000)) / 16000
    sound = 0.2 * np.sin(2 * np.pi * 120 * times)
    return sound + 0.2 * np.sin(2 * np.pi * 2500 * times) * open_mouth


def test_the_burst_of_a_voiced_stop_is_found_in_the_sound():
    vowel = hum(0.1, open_mouth=True)
    after_vowel = np.concatenate([vowel, hum(0.05, open_mouth=False), vowel])
    phone = Phone("b", 0.10, 0.18)
    (marked,) = mark_bursts((phone,), after_vowel, 16000)
    assert marked.burst == pytest.approx(0.15, abs=0.004)
    after_pause = np.concatenate([np.zeros(1600), vowel, vowel])
    (marked,) = mark_bursts((phone,), after_pause, 16000)
    assert marked.burst == pytest.approx(0.10, abs=0.004)


def test_acting_repeats_with_its_seed_and_does_not_move_the_mouth_of_another():
    made = gestures(speech_of("", "a", "m", "a", "", seconds=0.3))
    temper = Temper(fidgets=0.0, smile=0.0)
    one, same, other = (
        perform(made, 37, MouthStyle(), temper, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one.frames == 37
    for name, row in one.weights.items():
        assert row.shape == (37,) and row.dtype == np.float32
        assert np.array_equal(row, same.weights[name])
    assert np.array_equal(one.rotation, same.rotation)
    assert not np.array_equal(one.rotation, other.rotation)
    assert np.array_equal(one.weights["jawOpen"], other.weights["jawOpen"])


def test_a_face_blinks_and_looks_about_and_a_calm_head_stays_nearly_still():
    made = [Gesture("rest", 0.0, 40.0, "")]
    rng = np.random.default_rng(4)
    performance = perform(made, 1000, MouthStyle(), Temper(head=0.2), rng)
    blinks = np.diff((performance.weights["eyeBlink_L"] > 0.7).astype(int)).clip(0).sum()
    assert 5 < blinks < 25
    assert np.ptp(performance.gaze[:, 0]) > np.radians(8)
    assert performance.rotation.std(axis=0).max() < np.radians(1.5)


def test_wandering_has_the_size_it_says():
    noise = wander(200_000, 0.8, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1.0, abs=0.15)
    assert np.abs(np.diff(noise)).max() < 0.05


def test_a_sound_without_phonemes_opens_closes_and_rests():
    silence = np.zeros(4800)
    vowel = hum(0.3, open_mouth=True)
    sound = np.concatenate([silence, vowel, np.zeros(1280), vowel, silence])
    sound += 1e-5 * np.random.default_rng(0).standard_normal(len(sound))
    made = guess_gestures(sound.astype(np.float32))
    assert made[0].viseme == made[-1].viseme == "rest"
    (stop,) = (gesture for gesture in made if gesture.contact == "closed")
    assert stop.end == pytest.approx(0.68, abs=0.02)
    gap = lip_gap(move_mouth(made, 31, MouthStyle()).weights)
    assert gap[round(0.66 * CURVE_RATE)] < TOUCHING < gap[round(0.45 * CURVE_RATE)]


def test_recordings_are_cut_padded_and_split(tmp_path):
    for number in range(4):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((hum(1.0, open_mouth=True) * 2**15).astype("<i2").tobytes())
    (tmp_path / "1.txt").write_text("Hum\n")
    taken = {
        split: {take_recording(tmp_path, split, 50, np.random.default_rng(n)).source
                for n in range(9)}
        for split in SPLITS
    }  # fmt: skip
    assert taken == {"train": {"0.wav", "3.wav"}, "val": {"1.wav"}, "test": {"2.wav"}}
    recording = take_recording(tmp_path, "val", 50, np.random.default_rng(0))
    assert (recording.text, len(recording.sound)) == ("Hum", 32000)
    assert np.abs(recording.sound[16000:]).max() == 0
    real_speech._load.cache_clear()
    (tmp_path / "1.wav").write_bytes(b"no sound")
    with pytest.raises(MediaError, match="none of 1 recordings"):
        take_recording(tmp_path, "val", 50, np.random.default_rng(0))
    (tmp_path / "4.wav").write_bytes(b"no sound")
    for seed in range(6):
        assert take_recording(tmp_path, "train", 50, np.random.default_rng(seed)).sound.any()
    with pytest.raises(FileNotFoundError, match="no sound files"):
        take_recording(tmp_path / "none", "train", 50, np.random.default_rng(0))
