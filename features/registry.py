"""Features of sound by name, and the windows of them that a video frame is given."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from audio import cut_window, melspectrogram, window_start
from features.band_mfcc import DAVS_FILTERS, LIPGAN_FILTERS, band_mfcc
from features.filterbank import STEPS_PER_SECOND
from features.logfbank import COLUMNS_PER_SECOND, stacked_filterbank
from features.mfcc import mfcc
from hparams import AudioHParams

FULL_SCALE = 32768  # 16-bit levels of a sound in [-1, 1]
SAMPLE_RATE = 16000  # Hz, at which all but the mel are defined


@dataclass(frozen=True)
class Feature:
    """A picture of sound, (bands, columns). `<name>.npy` is what its cached file is called."""

    name: str
    extract: Callable[[np.ndarray, AudioHParams], np.ndarray]  # mono in [-1, 1] -> (bands, columns)
    columns_per_second: Callable[[AudioHParams], Fraction]
    # What lies outside the sound; but for SyncNet's, what silence is.
    silence: Callable[[AudioHParams], float]


@dataclass(frozen=True)
class Window:
    """The columns of a feature that one video frame is given."""

    feature: Feature
    columns: int
    lead_seconds: Fraction  # how long before its frame it begins
    time_first: bool = False  # (columns, bands) instead of (bands, columns)

    def start(self, frame: int, fps: Fraction | float, hp: AudioHParams) -> int:
        """Its first column for video frame `frame`; below 0 near the start of the sound."""
        return window_start(frame, fps, self.feature.columns_per_second(hp), self.lead_seconds)

    def cut(self, feature: np.ndarray, start: int, hp: AudioHParams) -> np.ndarray:
        """(bands, columns) float32, or turned, from `start`; silence outside the sound."""
        found = cut_window(feature, start, self.columns, self.feature.silence(hp))
        return np.asarray(found.T if self.time_first else found, np.float32)


def _of_levels(function: Callable[[np.ndarray], np.ndarray]):
    """An extractor that is defined on 16-bit levels at 16 kHz."""

    def extract(sound: np.ndarray, hp: AudioHParams) -> np.ndarray:
        if hp.sample_rate != SAMPLE_RATE:
            raise ValueError(f"this feature is defined at {SAMPLE_RATE} Hz, not {hp.sample_rate}")
        return function(np.asarray(sound, np.float64) * FULL_SCALE).astype(np.float32)

    return extract


def _at(
    name: str, function: Callable[[np.ndarray], np.ndarray], columns_per_second: int
) -> Feature:
    """A feature of fixed rate that is 0 in silence, or counts 0 as what lies outside."""
    rate = Fraction(columns_per_second)
    return Feature(name, _of_levels(function), lambda hp: rate, lambda hp: 0.0)


MEL = Feature(
    "mel",
    melspectrogram,
    lambda hp: Fraction(hp.sample_rate, hp.hop_size),
    lambda hp: -hp.max_abs_value,
)
MFCC_SYNCNET = _at("mfcc_syncnet", lambda levels: mfcc(levels).T, STEPS_PER_SECOND)
MFCC_DAVS = _at("mfcc_davs", lambda levels: band_mfcc(levels, DAVS_FILTERS), STEPS_PER_SECOND)
MFCC_LIPGAN = _at("mfcc_lipgan", lambda levels: band_mfcc(levels, LIPGAN_FILTERS), STEPS_PER_SECOND)
LOGFBANK = _at("logfbank", stacked_filterbank, COLUMNS_PER_SECOND)

FEATURES = {
    feature.name: feature for feature in (MEL, MFCC_SYNCNET, MFCC_DAVS, MFCC_LIPGAN, LOGFBANK)
}

# Leads are of the sound that the published weights were trained to hear, but for LipGAN's mel,
# whose releases trained and ran with two different slips: its window is centred on the frame.
WINDOWS = {
    "mel80x16": Window(MEL, 16, Fraction(1, 25)),
    "mel80x27": Window(MEL, 27, Fraction(27, 160) - Fraction(1, 50)),
    "mel80x27_legacy": Window(MEL, 27, Fraction(8, 25)),  # as the mel release trained
    "mfcc12x20": Window(MFCC_DAVS, 20, Fraction(2, 25), time_first=True),
    "mfcc12x35": Window(MFCC_LIPGAN, 35, Fraction(4, 25)),  # centred to 3 ms
    "mfcc13x20": Window(MFCC_SYNCNET, 20, Fraction(0)),
    "logfbank104": Window(LOGFBANK, 1, Fraction(0)),  # its encoder hears the whole speech
}
