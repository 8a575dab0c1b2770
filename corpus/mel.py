"""The mel of a clip on disk, made where it is not there, and the numbers that it was made with."""

import json
import wave
from pathlib import Path

import numpy as np

from atomic import whole_or_absent, write_whole
from audio import load_wav, melspectrogram
from corpus.errors import ClipError
from corpus.layout import DONE, MEL, MEL_NUMBERS, SOUND
from hparams import AudioHParams
from video import MediaError

MAKE_ANEW = f"remove {MEL} and what is packed, and both can be made again"
COLUMNS_OFF = 2  # that resampling and rounding may make


def mel_numbers(hp: AudioHParams) -> dict[str, float]:
    """What a mel depends on beside its sound."""
    return {name: getattr(hp, name) for name in AudioHParams.names()}


def count_columns(folder: Path, hp: AudioHParams) -> int:
    """Of the clip's mel, made here if there is none. Raises ClipError, also for other numbers."""
    path = folder / MEL
    if not path.exists():
        _make_mel(folder, hp)
    shape = _load(path, "r").shape
    check_numbers(_stated_numbers(folder), shape, folder, hp)
    return shape[1]


def read_mel(folder: Path) -> np.ndarray:
    """(num_mels, columns) float32. Raises ClipError."""
    return checked(_load(folder / MEL), MEL)


def checked(mel: np.ndarray, name: str) -> np.ndarray:
    """The mel as float32. Raises ClipError where it holds what no sound can make."""
    mel = mel.astype(np.float32, copy=False)
    if not np.isfinite(mel).all():
        raise ClipError(f"{name} holds values that are no numbers; remove it")
    return mel


def check_numbers(stated: dict, shape: tuple[int, int], folder: Path, hp: AudioHParams) -> None:
    """Raise ClipError for a mel of this shape that was made with other numbers than hp's.

    Where nobody wrote one down, the length of the sound still tells another hop_size.
    """
    wanted, stated = mel_numbers(hp), {**stated, "num_mels": shape[0]}
    for name in AudioHParams.names():
        if stated.get(name, wanted[name]) != wanted[name]:
            raise ClipError(
                f"its mel was made with {name} {stated[name]:g}, not {wanted[name]:g}; {MAKE_ANEW}"
            )
    expected = _expected_columns(folder / SOUND, hp)
    if expected is not None and abs(shape[1] - expected) > COLUMNS_OFF:
        raise ClipError(
            f"its mel has {shape[1]} columns and its sound makes {expected}: another hop_size or "
            f"another sound; {MAKE_ANEW}"
        )


def _stated_numbers(folder: Path) -> dict:
    """The numbers that were written down for the clip's mel; what is unknown is left out."""
    beside = _read_json(folder / MEL_NUMBERS)
    stated = beside or _read_json(folder / DONE).get("settings")
    known = stated.items() if isinstance(stated, dict) else ()
    return {name: value for name, value in known if isinstance(value, int | float)}


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _expected_columns(sound: Path, hp: AudioHParams) -> int | None:
    """By the length that audio.wav states; None where it is absent or no plain WAV file."""
    try:
        with wave.open(str(sound)) as file:
            there = sound.stat().st_size // (file.getsampwidth() * file.getnchannels())
            samples = min(file.getnframes(), there) * hp.sample_rate // file.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return None
    return 1 + samples // hp.hop_size


def _load(path: Path, mode: str | None = None) -> np.ndarray:
    """Whole: quicker than mapping it, for clips of seconds; mode "r" maps it, to see its shape."""
    try:
        mel = np.load(path, mmap_mode=mode)
    except (ValueError, OSError, EOFError) as error:
        raise ClipError(f"{MEL} is broken; remove it and it is made again") from error
    if not isinstance(mel, np.ndarray) or mel.ndim != 2 or mel.dtype.kind not in "fiu":
        raise ClipError(f"{MEL} is no spectrogram; remove it and it is made again")
    return mel


def _make_mel(folder: Path, hp: AudioHParams) -> None:
    """Compute the mel of audio.wav once and keep it: later runs and other ranks read it."""
    sound = folder / SOUND
    if not sound.exists():
        raise ClipError(f"no {SOUND}")
    try:
        mel = melspectrogram(load_wav(sound, hp.sample_rate), hp)
    except (MediaError, ValueError) as error:
        raise ClipError(f"{SOUND} cannot be read") from error
    try:
        write_whole(folder / MEL_NUMBERS, json.dumps(mel_numbers(hp)) + "\n")
        with whole_or_absent(folder / MEL) as partial, partial.open("wb") as file:
            np.save(file, mel)
    except OSError as error:
        raise ClipError(f"{MEL} cannot be written: {error.strerror}") from error
