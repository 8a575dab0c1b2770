"""Features and their windows against golden numbers, and against the rules that they follow."""

from fractions import Fraction

import numpy as np
import pytest

from audio import mel_window, mel_window_start, melspectrogram, window_start
from features import FEATURES, WINDOWS, filterbank
from features.band_mfcc import DAVS_FILTERS, LIPGAN_FILTERS, band_mfcc
from features.logfbank import normalise, stack
from tests.synthetic_sounds import synthetic_sounds

SOUNDS = synthetic_sounds()
AUDIBLE = [name for name in SOUNDS if name != "silence"]
# The features that are 0 in silence; the first coefficient of SyncNet's is a level, which is not.
ZERO_IN_SILENCE = ("mfcc_davs", "mfcc_lipgan", "logfbank")


@pytest.fixture(scope="module")
def golden(request):
    return np.load(request.path.parent / "data" / "golden_relatives_features.npz")


@pytest.mark.parametrize("name", AUDIBLE)
@pytest.mark.parametrize(
    ("feature", "filters"), [("mfcc_davs", DAVS_FILTERS), ("mfcc_lipgan", LIPGAN_FILTERS)]
)
def test_band_mfcc_equals_matlabs(golden, hp, feature, filters, name):
    expected = golden[f"{feature}.{name}"]
    levels = SOUNDS[name].astype(float) * 32768
    np.testing.assert_allclose(band_mfcc(levels, filters), expected, atol=1e-9)
    found = FEATURES[feature].extract(SOUNDS[name], hp)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", SOUNDS)
def test_filter_bank_equals_av_huberts(golden, hp, name):
    levels = np.trunc(SOUNDS[name] * 32767)  # as the golden numbers' samples were rounded
    raw = filterbank.log_filterbank(levels)
    for found, part in ((raw, "raw26"), (stack(raw), "stacked104")):
        np.testing.assert_allclose(found, golden[f"logfbank.{name}.{part}"], atol=1e-4)
    expected = golden[f"logfbank.{name}.normalised104"]
    np.testing.assert_allclose(normalise(stack(raw)), expected, atol=1e-4)
    found = FEATURES["logfbank"].extract((levels / 32768).astype(np.float32), hp)
    np.testing.assert_allclose(found.T, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["sweep", "vowelish"])
def test_windows_are_those_of_the_published_trainings(golden, hp, name):
    seconds = len(SOUNDS[name]) / 16000
    frames = {"mfcc12x20": range(2, int(25 * seconds) - 3), "mfcc12x35": range(4, 1000)}
    keys = {"mfcc12x20": "davs_windows", "mfcc12x35": "lipgan_mfcc_windows"}
    for window_name, key in keys.items():
        window, expected = WINDOWS[window_name], golden[f"{key}.{name}"]
        feature = window.feature.extract(SOUNDS[name], hp)
        shown = frames[window_name][: len(expected)]
        assert len(shown) == len(expected)
        found = [window.cut(feature, window.start(frame, 25, hp), hp) for frame in shown]
        np.testing.assert_allclose(np.stack(found), expected, atol=1e-4)


def test_lipgans_own_two_slips_of_the_mel_window(golden, hp):
    """Its training heard 160 ms before, and its inference at, what it called frame `i`."""
    rate, columns = Fraction(80), melspectrogram(SOUNDS["vowelish"], hp).shape[1]
    inference = [window_start(frame, 25, rate, Fraction(0)) for frame in range(100)]
    expected = golden["lipgan_mel_window_starts.vowelish_inference"]
    assert [start for start in inference if start + 27 <= columns] == list(expected)
    expected = golden["lipgan_mel_window_starts.training"]
    training = [window_start(frame, 25, rate, Fraction(4, 25)) for frame in range(4, 100)]
    assert training[: len(expected)] == list(expected)


@pytest.mark.parametrize("name", ["mel80x27", "mfcc12x35"])
@pytest.mark.parametrize("fps", [25, 30, 60])
def test_lipgans_windows_are_centred_on_the_frame(hp, name, fps):
    window = WINDOWS[name]
    rate = float(window.feature.columns_per_second(hp))
    widest = 0.025 if name.startswith("mfcc") else 0.0  # a column of it lasts longer than its step
    centres = [
        (window.start(frame, fps, hp) + (window.columns - 1) / 2) / rate + widest / 2
        for frame in range(1, 80)
    ]
    middles = [frame / fps + 0.02 for frame in range(1, 80)]  # of a frame of the training data
    assert np.abs(np.subtract(centres, middles)).max() < 1.6 / rate


def test_the_mel_windows_of_the_registry_are_those_of_the_time_rule(hp):
    window = WINDOWS["mel80x16"]
    mel = window.feature.extract(SOUNDS["vowelish"], hp)
    for fps in (24, Fraction(30000, 1001), 60):
        for frame in (0, 1, 17, 33):
            start = window.start(frame, fps, hp)
            assert start == mel_window_start(frame, fps, hp)
            np.testing.assert_array_equal(window.cut(mel, start, hp), mel_window(mel, start, hp))


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_have_the_shape_in_their_name_wherever_they_lie(hp, name):
    window = WINDOWS[name]
    feature = window.feature.extract(SOUNDS["noise"], hp)
    shape = (len(feature), window.columns)
    shape = shape[::-1] if window.time_first else shape
    for start in (-100, -3, 5, feature.shape[1] - 2, feature.shape[1] + 50):
        found = window.cut(feature, start, hp)
        assert found.shape == shape and found.dtype == np.float32
    outside = window.cut(feature, -100, hp)
    assert (outside == window.feature.silence(hp)).all()


@pytest.mark.parametrize("name", ZERO_IN_SILENCE)
def test_digital_silence_is_what_lies_outside_the_sound(hp, name):
    feature = FEATURES[name]
    found = feature.extract(SOUNDS["silence"][:7920], hp)  # 48 steps: the last column is whole
    assert found.size
    np.testing.assert_allclose(found, feature.silence(hp), atol=1e-6)


@pytest.mark.parametrize("name", ["mfcc_davs", "mfcc_lipgan", "mfcc_syncnet", "logfbank"])
def test_pieces_join_without_a_seam(hp, name, monkeypatch):
    whole = FEATURES[name].extract(SOUNDS["vowelish"], hp)
    monkeypatch.setattr("features.filterbank.STEPS_AT_ONCE", 7)
    monkeypatch.setattr("features.band_mfcc.STEPS_AT_ONCE", 7)
    np.testing.assert_allclose(FEATURES[name].extract(SOUNDS["vowelish"], hp), whole, atol=1e-5)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("samples", [1, 399, 400, 561])
def test_short_sound_gives_finite_columns(hp, name, samples):
    sound = SOUNDS["noise"][:samples]
    found = FEATURES[name].extract(sound, hp)
    assert np.isfinite(found).all() and found.ndim == 2


@pytest.mark.parametrize("name", [name for name in FEATURES if name != "mel"])
def test_refuses_another_sample_rate(hp, name):
    other = hp.with_overrides("sample_rate=22000,n_fft=1100,win_size=1100")
    with pytest.raises(ValueError, match="defined at 16000 Hz, not 22000"):
        FEATURES[name].extract(SOUNDS["noise"], other)


@pytest.mark.parametrize("name", FEATURES)
def test_refuses_stereo(hp, name):
    with pytest.raises(ValueError, match="expected mono"):
        FEATURES[name].extract(np.zeros((2, 800), np.float32), hp)
