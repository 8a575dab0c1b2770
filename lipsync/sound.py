"""The speech as a method hears it, frame by frame of a video; and where nobody speaks."""

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

import audio
import video
from features import FEATURES, WINDOWS, Feature, Window
from hparams import ClipHParams
from models.generator import Hearing

QUIET_DB = 35  # below the loud parts of the speech
NEVER_SPEECH_DB = -60  # against full scale
SHORTEST_PAUSE_SECONDS = 0.4  # the mouth rests in a pause, not between two words
MARGIN_SECONDS = 0.12  # lips open before the sound and close after it
FADE_SECONDS = 0.16

Encode = Callable[[np.ndarray, np.ndarray], np.ndarray]  # feature, seconds -> (frames, ...)


class Speech:
    """Sound of which every frame of a video at `fps` is given its part."""

    def __init__(
        self,
        wav: np.ndarray,
        fps: Fraction,
        hearing: Hearing,
        *,
        offset_seconds: float = 0.0,
        legacy_timing: bool = False,
    ) -> None:
        """wav: mono, at the hearing's rate. offset_seconds > 0: the mouth moves that much later.

        Raises ValueError where legacy_timing is asked of a method that hears no windows.
        """
        self._hp = ClipHParams.from_dict(dict(hearing.numbers))
        self._feature, self._window = find_feature(hearing.name)
        self._fps, self._offset = fps, offset_seconds
        self._values = self._feature.extract(wav, self._hp)
        self._codes: np.ndarray | None = None
        self.seconds = Fraction(len(wav), self._hp.sample_rate)
        self.frame_count = max(1, audio.count_frames(self.seconds, fps))
        self._starts = self._legacy_starts() if legacy_timing else None
        if self._starts:
            self.frame_count = len(self._starts)

    def heard(self, frame: int) -> np.ndarray:
        """What the method is given of the speech for a frame; outside the sound there is silence.

        A window of the feature, or the frame's part of the whole speech, once that is encoded.
        """
        if self._codes is not None:
            return self._codes[min(frame, len(self._codes) - 1)]
        return self._window.cut(self._values, self._start(frame), self._hp)

    def encode(
        self, encode_speech: Encode, frame_count: int, *, in_its_place: bool = False
    ) -> None:
        """Have the whole speech encoded for so many frames, where the method hears it so.

        in_its_place: what is given says it all, also to a method that hears windows.
        """
        if self._window is None or in_its_place:
            seconds = (np.arange(frame_count) + 0.5) / float(self._fps) - self._offset
            self._codes = np.asarray(encode_speech(self._values, seconds), np.float32)

    def _start(self, frame: int) -> int:
        if self._starts:
            start = self._starts[min(frame, len(self._starts) - 1)]
        else:
            start = self._window.start(frame, self._fps, self._hp)
        return start - round(self._offset * self._feature.columns_per_second(self._hp))

    def _legacy_starts(self) -> list[int]:
        if self._window is None:
            raise ValueError("--legacy_timing needs a generator that hears windows of the sound")
        per_second = self._feature.columns_per_second(self._hp)
        columns = self._values.shape[1]
        return audio.legacy_starts(columns, self._window.columns, self._fps, per_second)


def find_feature(name: str) -> tuple[Feature, Window | None]:
    """Feature and window that a method's Hearing names; no window where it hears it whole."""
    if name in WINDOWS:
        return WINDOWS[name].feature, WINDOWS[name]
    if name in FEATURES:
        return FEATURES[name], None
    known = ", ".join([*WINDOWS, *FEATURES])
    raise ValueError(f"nothing that can be heard is called {name!r}; there are {known}")


def load_speech(
    path: str | Path, fps: Fraction, hearing: Hearing, *, start: float = 0.0,
    end: float | None = None, **timing,
) -> tuple[Speech, np.ndarray]:  # fmt: skip
    """The sound of a file, and how much it speaks in each frame (see speaking)."""
    sample_rate = ClipHParams.from_dict(dict(hearing.numbers)).sample_rate
    wav = video.read_sound(path, sample_rate, start=start, end=end)
    speech = Speech(wav, fps, hearing, **timing)
    heard = _moved(wav, round(timing.get("offset_seconds", 0.0) * sample_rate))
    return speech, speaking(heard, sample_rate, fps, speech.frame_count)


def _moved(wav: np.ndarray, samples: int) -> np.ndarray:
    """Sound as much later, with silence before it; below 0 it begins within."""
    if samples < 0:
        return wav[-samples:]
    return np.concatenate([np.zeros(min(samples, len(wav)), wav.dtype), wav])


def speaking(wav: np.ndarray, sample_rate: int, fps: Fraction, frame_count: int) -> np.ndarray:
    """(frame_count,) 1 where somebody speaks, 0 in pauses, between them a fade.

    A frame is quiet when its sound lies QUIET_DB below the loudest tenth of all frames.
    """
    loudness = audio.loudness(wav, sample_rate / fps, frame_count)
    threshold = max(float(np.quantile(loudness, 0.9)) - QUIET_DB, NEVER_SPEECH_DB)
    speaks = loudness > threshold
    margin = math.ceil(MARGIN_SECONDS * fps)
    speaks = _closed(_dilated(speaks, margin), math.ceil(SHORTEST_PAUSE_SECONDS * fps / 2))
    return _faded(speaks, max(1, round(FADE_SECONDS * fps)))


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
