"""The mel against golden numbers, and the time rule against slow obvious versions."""

import math
from fractions import Fraction

import numpy as np
import pytest

import audio
import video
from audio import (
    count_frames,
    mel_filters,
    mel_window,
    mel_window_start,
    mel_windows,
    melspectrogram,
)
from hparams import HParams
from tests.synthetic_sounds import synthetic_sounds
from video import exact_fps

RATES = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001), 60]


@pytest.mark.parametrize("name", synthetic_sounds())
def test_mel_equals_the_golden_one(hp, name, golden_mel):
    mel = melspectrogram(synthetic_sounds()[name], hp)
    assert mel.dtype == np.float32
    np.testing.assert_allclose(mel, golden_mel[name], atol=2e-4)


@pytest.fixture(scope="module")
def golden_mel(request):
    return np.load(request.path.parent / "data" / "golden_mel.npz")


def test_blocks_do_not_show(hp, monkeypatch):
    wav = np.random.RandomState(0).standard_normal(16000).astype(np.float32) * 0.1
    whole = melspectrogram(wav, hp)
    monkeypatch.setattr(audio, "COLUMNS_AT_ONCE", 7)
    np.testing.assert_allclose(melspectrogram(wav, hp), whole, atol=1e-4)


def test_columns_follow_the_sound_by_one_hop(hp):
    wav = np.random.RandomState(0).standard_normal(16000).astype(np.float32) * 0.1
    later = np.concatenate([np.zeros(1600, np.float32), wav])
    np.testing.assert_allclose(
        melspectrogram(later, hp)[:, 20:70], melspectrogram(wav, hp)[:, 12:62], atol=1e-4
    )


def test_a_plain_wav_is_read_as_ffmpeg_reads_it(tmp_path):
    path, samples = tmp_path / "a.wav", np.arange(-32768, 32768, 7, dtype=np.int16)
    audio.save_wav(path, samples, 16000)
    np.testing.assert_array_equal(audio.load_wav(path, 16000), video.read_sound(path, 16000))
    other_rate = video.read_sound(path, 8000)
    np.testing.assert_array_equal(audio.load_wav(path, 8000), other_rate)
    path.write_bytes(path.read_bytes()[:-101])  # cut off, as by a full disk
    np.testing.assert_array_equal(audio.load_wav(path, 16000), video.read_sound(path, 16000))


@pytest.mark.parametrize("samples", [1, 2, 199, 200, 400, 401, 3199])
def test_short_sound_has_its_columns_and_windows(hp, samples):
    wav = np.random.RandomState(0).uniform(-1, 1, samples).astype(np.float32)
    mel = melspectrogram(wav, hp)
    assert mel.shape == (80, 1 + samples // 200)
    assert np.isfinite(mel).all()
    assert mel_windows(mel, 25, hp, frames=3).shape == (3, 80, 16)


def test_silence_is_the_floor_and_loud_sound_the_ceiling(hp):
    assert (melspectrogram(np.zeros(16000, np.float32), hp) == -4).all()
    clipped = np.sign(np.sin(np.arange(16000) * 0.3)).astype(np.float32) * 30
    assert melspectrogram(clipped, hp).max() == 4


@pytest.mark.parametrize(
    ("wav", "words"),
    [
        (np.array([0, np.nan, np.inf]), "2 of 3 samples .* not finite, the first at sample 1"),
        (np.zeros(0), "no samples"),
        (np.zeros((2, 100)), "expected mono"),
    ],
)
def test_broken_sound_is_named(hp, wav, words):
    with pytest.raises(ValueError, match=words):
        melspectrogram(wav, hp)


def test_rounded_rates_stand_for_their_fractions():
    assert exact_fps(23.976) == exact_fps(23.98) == Fraction(24000, 1001)
    assert exact_fps(29.97) == Fraction(30000, 1001)
    assert exact_fps(59.94) == Fraction(60000, 1001)
    assert (exact_fps(25), exact_fps(30.0), exact_fps(12.5)) == (25, 30, Fraction(25, 2))
    assert [exact_fps(fps) for fps in (5.0, 4.0, 1.0, 4.995)] == [5, 4, 1, Fraction(5000, 1001)]
    assert (exact_fps(33.33), exact_fps(7.3)) == (Fraction(100, 3), Fraction(73, 10))
    assert exact_fps(Fraction(2997, 100)) == Fraction(2997, 100)
    with pytest.raises(ValueError, match="over 0"):
        exact_fps(0)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("seconds", [Fraction(1), Fraction(5, 2), Fraction(61), Fraction(7, 80)])
def test_n_seconds_give_round_n_fps_windows(hp, fps, seconds):
    mel = np.zeros((80, int(seconds * 80) + 1), np.float32)
    assert len(mel_windows(mel, fps, hp)) == round(seconds * fps) == count_frames(seconds, fps)


@pytest.mark.parametrize("fps", RATES)
def test_windows_begin_40_ms_before_their_frame(hp, fps):
    for frame in range(0, 100_000, 997):
        exact = (frame / Fraction(fps) - Fraction(1, 25)) * 80
        assert mel_window_start(frame, fps, hp) == math.floor(exact)


def test_at_25_fps_the_rule_is_the_training_one(hp):
    for frame in range(1, 2000):
        assert mel_window_start(frame, 25, hp) == int(80.0 * (frame - 1) / 25)


def test_windows_equal_slices_of_a_padded_mel(hp):
    mel = np.random.RandomState(0).uniform(-4, 4, (80, 41)).astype(np.float32)
    padded = np.pad(mel, ((0, 0), (32, 64)), constant_values=-4)
    for frame, window in enumerate(mel_windows(mel, 30, hp, frames=25)):
        start = 32 + math.floor((frame / 30 - 1 / 25) * 80 + 1e-9)
        np.testing.assert_array_equal(window, padded[:, start : start + 16])
    assert (mel_window(mel, 1000, hp) == -4).all()
    assert (mel_window(mel, -1000, hp) == -4).all()


@pytest.mark.parametrize("fps", [25, 30, Fraction(60000, 1001)])
def test_legacy_timing_is_the_originals(hp, fps):
    mel = np.random.RandomState(0).uniform(-4, 4, (80, 239)).astype(np.float32)
    expected, frame = [], 0
    while int(frame * 80 / fps) + 16 <= 239:
        start = int(frame * 80 / fps)
        expected.append(mel[:, start : start + 16])
        frame += 1
    expected.append(mel[:, -16:])
    np.testing.assert_array_equal(mel_windows(mel, fps, hp, legacy_timing=True), expected)


def test_legacy_timing_has_one_window_of_very_short_sound(hp):
    mel = np.ones((80, 5), np.float32)
    (window,) = mel_windows(mel, 25, hp, legacy_timing=True)
    assert (window[:, :11] == -4).all()
    assert (window[:, 11:] == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("numbers", ["", "sample_rate=22050,hop_size=225,fmin=0,fmax=11025"])
def test_the_filters_are_librosa_s(numbers):
    librosa = pytest.importorskip("librosa.filters", reason="pip install librosa")
    hp = HParams().with_overrides(numbers)
    expected = librosa.mel(
        sr=hp.sample_rate, n_fft=hp.n_fft, n_mels=hp.num_mels, fmin=hp.fmin, fmax=hp.fmax
    )
    np.testing.assert_allclose(mel_filters(hp), expected, atol=1e-8)
