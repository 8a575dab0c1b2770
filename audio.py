"""Sound to log-mel, and the one rule that says which mel columns a video frame hears."""

import math
import wave
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

import video
from hparams import AudioHParams, ClipHParams
from video import exact_fps

# Columns transformed at a time: an hour of sound takes no more memory than a minute.
COLUMNS_AT_ONCE = 4096
# A frame's sound begins this much before the frame: one frame of the training data.
LEAD_SECONDS = Fraction(1, 25)


def load_wav(path: str | Path, sample_rate: int) -> np.ndarray:
    """The sound of any file that ffmpeg reads: mono, float32 in [-1, 1], at `sample_rate` Hz.

    Raises video.MediaError when the file is missing, has no sound or cannot be decoded.
    """
    plain = _read_plain_wav(path, sample_rate)
    return video.read_sound(path, sample_rate) if plain is None else plain


def _read_plain_wav(path: str | Path, sample_rate: int) -> np.ndarray | None:
    """A whole file of mono 16-bit PCM at this rate, as corpora hold it; None for any other.

    A hundredth of the time that it takes to start ffmpeg, and the same samples.
    """
    try:
        with wave.open(str(path), "rb") as file:
            shape = file.getnchannels(), file.getsampwidth(), file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            whole = len(samples) == file.getnframes() > 0
    except (wave.Error, EOFError, OSError, ValueError):
        return None
    if not whole or shape != (1, 2, sample_rate):
        return None
    return samples.astype(np.float32) / 32768


def as_16_bit(wav: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as a WAV file holds them; what lies beyond is cut."""
    return np.clip(np.round(wav * 32768), -32768, 32767).astype("<i2")


def save_wav(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono PCM; samples: int16."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2", copy=False).tobytes())


def melspectrogram(wav: np.ndarray, hp: AudioHParams) -> np.ndarray:
    """Log-mel of mono sound: (num_mels, 1 + samples // hop_size) float32 in +-max_abs_value.

    Column t is centred on sample t * hop_size; the ends are padded by reflection, as for the
    published weights. Raises ValueError on sound that is empty or not finite.
    """
    wav = _checked(wav)
    emphasised = wav.copy()
    emphasised[1:] -= np.float32(hp.preemphasis) * wav[:-1]
    padded = torch.from_numpy(np.pad(emphasised, hp.n_fft // 2, mode="reflect"))
    columns = 1 + len(wav) // hp.hop_size
    mel = np.empty((hp.num_mels, columns), np.float32)
    for first in range(0, columns, COLUMNS_AT_ONCE):
        end = min(first + COLUMNS_AT_ONCE, columns)
        samples = padded[first * hp.hop_size : (end - 1) * hp.hop_size + hp.n_fft]
        mel[:, first:end] = _to_levels(_mel_magnitudes(samples, hp), hp)
    return mel


def _checked(wav: np.ndarray) -> np.ndarray:
    wav = np.asarray(wav, dtype=np.float32)
    if wav.ndim != 1:
        raise ValueError(f"expected mono sound, one axis; got shape {wav.shape}")
    if wav.size == 0:
        raise ValueError("the sound has no samples")
    broken = np.flatnonzero(~np.isfinite(wav))
    if broken.size:
        raise ValueError(
            f"{broken.size} of {wav.size} samples of the sound are not finite, the first at "
            f"sample {broken[0]}; decode the file again or repair it"
        )
    return wav


def _mel_magnitudes(samples: torch.Tensor, hp: AudioHParams) -> torch.Tensor:
    window = torch.hann_window(hp.win_size)
    spectrum = torch.stft(
        samples, hp.n_fft, hp.hop_size, hp.win_size, window, center=False, return_complex=True
    )
    return mel_filters(hp) @ spectrum.abs()


def _to_levels(magnitudes: torch.Tensor, hp: AudioHParams) -> np.ndarray:
    """Decibels over the floor, scaled so that floor and top lie at +-max_abs_value."""
    floor = 10 ** (hp.min_level_db / 20)
    decibels = 20 * torch.log10(magnitudes.clamp(min=floor)) - hp.ref_level_db
    share = (decibels - hp.min_level_db) / -hp.min_level_db
    levels = 2 * hp.max_abs_value * share - hp.max_abs_value
    return levels.clamp(-hp.max_abs_value, hp.max_abs_value).numpy()


@lru_cache(maxsize=4)
def mel_filters(hp: AudioHParams) -> torch.Tensor:
    """Slaney's triangular bands, each of unit area in Hz: (num_mels, n_fft // 2 + 1).

    librosa.filters.mel gives the same to 2e-9 (a test holds it). To import it takes 0.8 s of CPU
    in every process that hears, and ten packages of 62 MB; these lines take 2 ms.
    """
    low, high = _hz_to_mel(hp.fmin), _hz_to_mel(hp.fmax)
    edges = _mel_to_hz(np.linspace(low, high, hp.num_mels + 2))
    bins = np.linspace(0, hp.sample_rate / 2, hp.n_fft // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    areas = (edges[2:] - edges[:-2])[:, None] / 2
    return torch.from_numpy((triangles / areas).astype(np.float32))


# Slaney's scale: linear up to 1000 Hz, which is mel 15; from there 27 mels for a factor of 6.4.
_LINEAR_HZ = 200 / 3
_LOG_START_HZ, _LOG_START_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _LINEAR_HZ
    return _LOG_START_MEL + math.log(hz / _LOG_START_HZ) / _LOG_STEP


def _mel_to_hz(mels: np.ndarray) -> np.ndarray:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mels - _LOG_START_MEL))
    return np.where(mels < _LOG_START_MEL, mels * _LINEAR_HZ, logarithmic)


def loudness(wav: np.ndarray, samples_per_frame: Fraction | float, frames: int) -> np.ndarray:
    """Decibels against full scale of each frame's own samples; wav in [-1, 1]. (frames,)"""
    edges = [min(round(n * samples_per_frame), len(wav)) for n in range(frames + 1)]
    power = [
        float(np.square(wav[begin:end]).mean()) if end > begin else 0.0
        for begin, end in zip(edges, edges[1:], strict=False)
    ]
    return 10 * np.log10(np.maximum(power, 1e-12))


def count_frames(seconds: Fraction | float, fps: Fraction | float) -> int:
    """How many video frames `seconds` of sound fill: round(seconds x fps)."""
    return round(Fraction(seconds) * exact_fps(fps))


def mel_window_start(
    frame: int, fps: Fraction | float, hp: ClipHParams, *, legacy_timing: bool = False
) -> int:
    """First of the mel_step_size columns that video frame `frame` hears; below 0 near the start.

    The window begins one training frame (40 ms) before the frame, as the published weights were
    trained. `legacy_timing` begins it at the frame, as the original's inference did: 40 ms late.
    """
    lead = Fraction(0) if legacy_timing else LEAD_SECONDS
    return window_start(frame, fps, Fraction(hp.sample_rate, hp.hop_size), lead)


def window_start(
    frame: int, fps: Fraction | float, columns_per_second: Fraction, lead_seconds: Fraction
) -> int:
    """First column of a feature in the window that begins `lead_seconds` before a video frame."""
    return math.floor((frame / exact_fps(fps) - lead_seconds) * columns_per_second)


def expert_window_start(frame: int, fps: Fraction | float, hp: ClipHParams) -> int:
    """First mel column of the sound that the lip-sync expert hears with frames `frame` onwards.

    The window begins at the frame itself, as the published expert was trained: at 25 frames per
    second the five frames and the mel_step_size columns then span the same 200 ms.
    """
    return mel_window_start(frame, fps, hp, legacy_timing=True)


def mel_window(mel: np.ndarray, start: int, hp: ClipHParams) -> np.ndarray:
    """(num_mels, mel_step_size) columns from `start`; what lies outside the mel is silence."""
    return cut_window(mel, start, hp.mel_step_size, -hp.max_abs_value)


def cut_window(feature: np.ndarray, start: int, columns: int, silence: float) -> np.ndarray:
    """(bands, columns) of a feature from `start`; what lies outside it is `silence`."""
    end = start + columns
    inside = feature[:, max(start, 0) : max(end, 0)]
    if inside.shape[1] == columns:
        return inside
    window = np.full((len(feature), columns), silence, np.float32)
    left = min(max(-start, 0), columns)
    window[:, left : left + inside.shape[1]] = inside
    return window


def mel_windows(
    mel: np.ndarray,
    fps: Fraction | float,
    hp: ClipHParams,
    *,
    frames: int | None = None,
    legacy_timing: bool = False,
) -> np.ndarray:
    """What each video frame hears, (frames, num_mels, mel_step_size), by mel_window_start.

    Without `frames`, as many as the sound fills: round(N x fps) for N seconds of sound, N known
    from the mel to a column (12.5 ms); with `legacy_timing`, as many as the original made.
    """
    if legacy_timing:
        starts = legacy_window_starts(mel.shape[1], fps, hp)[:frames]
    else:
        if frames is None:
            frames = count_frames(Fraction(mel.shape[1] - 1, hp.mels_per_second), fps)
        starts = [mel_window_start(frame, fps, hp) for frame in range(frames)]
    windows = [mel_window(mel, start, hp) for start in starts]
    return np.stack(windows) if windows else np.empty((0, len(mel), hp.mel_step_size), np.float32)


def legacy_window_starts(columns: int, fps: Fraction | float, hp: ClipHParams) -> list[int]:
    """The original's windows: from frame 0 on while one fits, then once more the last columns.

    About 0.12 s of the sound is left without a frame. For comparison only.
    """
    per_second = Fraction(hp.sample_rate, hp.hop_size)
    return legacy_starts(columns, hp.mel_step_size, fps, per_second)


def legacy_starts(
    columns: int, window: int, fps: Fraction | float, columns_per_second: Fraction
) -> list[int]:
    """The same for a feature of so many columns, of which each frame is given `window`."""
    starts: list[int] = []
    while True:
        start = window_start(len(starts), fps, columns_per_second, Fraction(0))
        if start + window > columns:
            return [*starts, columns - window]
        starts.append(start)
