"""The speech as the generator hears it: one mel window a video frame; and where nobody speaks."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

import audio
import video
from hparams import HParams

QUIET_DB = 35  # below the loud parts of the speech
NEVER_SPEECH_DB = -60  # against full scale
SHORTEST_PAUSE_SECONDS = 0.4  # the mouth rests in a pause, not between two words
MARGIN_SECONDS = 0.12  # lips open before the sound and close after it
FADE_SECONDS = 0.16


class Speech:
    """Sound of which every frame of a video at `fps` is given its part."""

    def __init__(
        self,
        wav: np.ndarray,
        fps: Fraction,
        hp: HParams,
        *,
        offset_seconds: float = 0.0,
        legacy_timing: bool = False,
    ) -> None:
        """wav: mono at hp.sample_rate. offset_seconds > 0: the mouth moves that much later."""
        self._mel = audio.melspectrogram(wav, hp)
        self._hp, self._fps, self._legacy = hp, fps, legacy_timing
        self._shift = round(offset_seconds * hp.mels_per_second)
        self.seconds = Fraction(len(wav), hp.sample_rate)
        self.frame_count = max(1, audio.count_frames(self.seconds, fps))
        if legacy_timing:
            self._starts = audio.legacy_window_starts(self._mel.shape[1], fps, hp)
            self.frame_count = len(self._starts)

    def window(self, frame: int) -> np.ndarray:
        """(num_mels, mel_step_size): what is heard around a frame; silence outside the sound."""
        if self._legacy:
            start = self._starts[min(frame, len(self._starts) - 1)]
        else:
            start = audio.mel_window_start(frame, self._fps, self._hp)
        return audio.mel_window(self._mel, start - self._shift, self._hp)


def load_speech(
    path: str | Path, fps: Fraction, hp: HParams, *, start: float = 0.0, end: float | None = None,
    **timing,
) -> tuple[Speech, np.ndarray]:  # fmt: skip
    """The sound of a file, and how much it speaks in each frame (see speaking)."""
    wav = video.read_sound(path, hp.sample_rate, start=start, end=end)
    speech = Speech(wav, fps, hp, **timing)
    return speech, speaking(wav, hp.sample_rate, fps, speech.frame_count)


def speaking(wav: np.ndarray, sample_rate: int, fps: Fraction, frame_count: int) -> np.ndarray:
    """(frame_count,) 1 where somebody speaks, 0 in pauses, between them a fade.

    A frame is quiet when its sound lies QUIET_DB below the loudest tenth of all frames.
    """
    loudness = _loudness(wav, sample_rate / fps, frame_count)
    threshold = max(float(np.quantile(loudness, 0.9)) - QUIET_DB, NEVER_SPEECH_DB)
    speaks = loudness > threshold
    margin = math.ceil(MARGIN_SECONDS * fps)
    speaks = _closed(_dilated(speaks, margin), math.ceil(SHORTEST_PAUSE_SECONDS * fps / 2))
    return _faded(speaks, max(1, round(FADE_SECONDS * fps)))


def _loudness(wav: np.ndarray, samples_per_frame: Fraction, frame_count: int) -> np.ndarray:
    """Decibels against full scale of each frame's own samples."""
    edges = [min(round(n * samples_per_frame), len(wav)) for n in range(frame_count + 1)]
    power = [
        float(np.square(wav[begin:end]).mean()) if end > begin else 0.0
        for begin, end in zip(edges, edges[1:], strict=False)
    ]
    return 10 * np.log10(np.maximum(power, 1e-12))


def _dilated(flags: np.ndarray, reach: int) -> np.ndarray:
    """Flags spread to the `reach` frames before and after each."""
    return np.convolve(flags, np.ones(2 * reach + 1), "full")[reach : reach + len(flags)] > 0


def _closed(flags: np.ndarray, reach: int) -> np.ndarray:
    """Gaps of up to twice `reach` between flags filled; those at the two ends stay."""
    grown = _dilated(np.pad(flags, reach), reach)
    return ~_dilated(~grown, reach)[reach : reach + len(flags)]


def _faded(speaks: np.ndarray, length: int) -> np.ndarray:
    """1 in speech, falling to 0 over `length` frames outside it."""
    gain = speaks.astype(float)
    for distance in range(1, length):
        gain = np.maximum(gain, _dilated(speaks, distance) * (1 - distance / length))
    return gain
