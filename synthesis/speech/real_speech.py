"""Recorded speech of real people, and a mouth that follows its sound.

Where an alignment says what is spoken when, the mouth makes those sounds, and the voice is changed
as a made one is. Else nothing is known of the words: energy opens the mouth, the spectrum says how:
low formants round the lips, high ones spread them, hiss brings the teeth together, a gap in the
middle of speech closes the lips.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import resample_poly

from audio import load_wav
from synthesis.speech import alignments as alignment_files
from synthesis.speech.bursts import mark_aligned_bursts
from synthesis.speech.espeak import Phone
from synthesis.speech.mouth import Mouth, MouthStyle, move_mouth
from synthesis.speech.performance import FPS
from synthesis.speech.visemes import Gesture
from synthesis.speech.voices import SAMPLE_RATE, SPLITS, split_of_number
from video import MediaError

log = logging.getLogger(__name__)

SUFFIXES = frozenset(".wav .flac .mp3 .m4a .ogg .opus .aac .mp4 .mkv .webm .mpg .amr".split())
MOMENTS_PER_SECOND = 100
WINDOW = 400  # samples: 25 ms of sound a spectrum
SILENT_DB = -36.0  # below the loud parts: nobody speaks
LOUD_DB = -14.0  # a vowel, probably
GAP_DB = -22.0  # a stop, if it lasts as a stop does
STOP_SECONDS = (0.03, 0.15)
ALIGNED_TRACT = (0.86, 1.22)  # of a recorded speaker, made smaller or larger
HISS_SHARE = 0.5  # of the energy, above 3 kHz


@dataclass(frozen=True)
class Recording:
    """A piece of a recording as long as a clip."""

    sound: np.ndarray  # float32 at SAMPLE_RATE
    source: str  # name of the file, below the folder
    start: float  # s in that file
    text: str  # what stands in the .txt beside it or in the alignment, "" without
    phones: tuple[Phone, ...] = ()  # of an aligned recording, with their bursts
    tract: float = 1.0  # by how much longer and lower it was made


def find_recordings(folder: Path) -> list[Path]:
    """Sound files below a folder, sorted. Raises FileNotFoundError where there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"--speech {folder} has no sound files ({', '.join(SUFFIXES)})")
    return found


def take_recording(folder: Path, split: str, frames: int, rng: np.random.Generator) -> Recording:
    """Some part of some file; with three files or more, none serves two of train, val and test.

    A file that is too short is followed by silence; one that cannot be read is named and passed
    over. Raises MediaError where none can.
    """
    path, sound = _load_one_of(_share(find_recordings(folder), split), rng)
    wanted = frames * SAMPLE_RATE // FPS
    first = int(rng.integers(max(0, len(sound) - wanted) + 1))
    piece = sound[first : first + wanted]
    text = path.with_suffix(".txt")
    return Recording(
        sound=np.pad(piece, (0, wanted - len(piece))),
        source=path.relative_to(folder).as_posix(),
        start=first / SAMPLE_RATE,
        text=text.read_text(encoding="utf-8").strip() if text.is_file() else "",
    )


def find_aligned(folder: Path, alignments: Path) -> dict[Path, Path]:
    """The recordings of a folder that have an alignment, and the alignment of each.

    Raises FileNotFoundError where none has.
    """
    recordings = find_recordings(folder)
    found = {
        path: grid
        for path in recordings
        for suffix in alignment_files.SUFFIXES
        if (grid := alignments / path.relative_to(folder).with_suffix(suffix)).is_file()
    }
    if not found:
        raise FileNotFoundError(
            f"--alignments {alignments} has none for the recordings of {folder}: "
            f"{recordings[0].name} would need {recordings[0].stem}{alignment_files.TEXTGRID} there"
        )
    return found


def take_aligned(
    folder: Path, alignments: Path, split: str, frames: int, rng: np.random.Generator
) -> Recording:
    """The same of recordings whose phones are known; the voice is made smaller or larger.

    A sentence that is shorter than the clip begins somewhere in it. Raises MediaError where no
    recording can be read, AlignmentError where an alignment cannot.
    """
    grids = find_aligned(folder, alignments)
    path, sound = _load_one_of(_share(list(grids), split), rng)
    tract = rng.uniform(*ALIGNED_TRACT)
    sound = resample_poly(sound, 320, round(320 / tract)).astype(np.float32)
    tract = 320 / round(320 / tract)
    said = alignment_files.read_alignment(grids[path])
    wanted = frames * SAMPLE_RATE // FPS
    first = int(rng.integers(min(0, len(sound) - wanted), max(0, len(sound) - wanted) + 1))
    piece = np.pad(sound[max(0, first) :], (max(0, -first), wanted))[:wanted]
    start = first / SAMPLE_RATE
    phones = tuple(_cut_phones(said.phones, tract, start, frames / FPS))
    ends = start + frames / FPS
    words = [word for word, *at in said.words if start <= at[0] * tract and at[1] * tract <= ends]
    return Recording(
        sound=piece,
        source=path.relative_to(folder).as_posix(),
        start=start,
        text=" ".join(words),
        phones=mark_aligned_bursts(phones, piece, SAMPLE_RATE),
        tract=tract,
    )


def _cut_phones(
    phones: tuple[Phone, ...], tract: float, start: float, seconds: float
) -> Iterator[Phone]:
    """The phones of the piece that begins at `start`, silence around them; all within the clip."""
    at = 0.0
    for phone in phones:
        begin, end = (np.clip(t * tract - start, 0, seconds) for t in (phone.start, phone.end))
        if begin > at:
            yield Phone("", at, float(begin))
        if end > begin:
            yield Phone(phone.ipa, float(begin), float(end))
        at = max(at, float(end))
    if at < seconds:
        yield Phone("", at, seconds)


def mouth_of_sound(sound: np.ndarray, frames: int, style: MouthStyle) -> Mouth:
    """Curves of a mouth that could make this sound. sound: float32 at SAMPLE_RATE."""
    return move_mouth(guess_gestures(sound), frames, style)


def guess_gestures(sound: np.ndarray) -> list[Gesture]:
    """Gestures by what is heard at each moment, like moments joined. sound: as above."""
    heard = listen(sound)
    names = [_guess(*moment) for moment in heard.T]
    for start, end in _gaps(heard[0]):
        names[start:end] = ["p"] * (end - start)
    changes = [index for index in range(1, len(names)) if names[index] != names[index - 1]]
    seconds = np.array([0, *changes, len(names)]) / MOMENTS_PER_SECOND
    firsts = [0, *changes]
    return [
        Gesture(names[first], start, end, "")
        for first, (start, end) in zip(firsts, pairwise(seconds.tolist()), strict=True)
    ]


def listen(sound: np.ndarray) -> np.ndarray:
    """Level (dB against the loud parts), openness, brightness (both 0..1 over the clip), hiss.

    Returns (4, moments), MOMENTS_PER_SECOND of them. Openness is where the energy lies around the
    first formant, brightness around the second, each ranked among the voiced moments.
    """
    step = SAMPLE_RATE // MOMENTS_PER_SECOND
    padded = np.pad(sound, (WINDOW // 2, WINDOW // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[step // 2 :: step]
    windows = windows[: len(sound) // step]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1))) + 1e-9
    hertz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    level = 10 * np.log10(power.sum(axis=1))
    level = level - np.percentile(level, 95)
    hiss = power[:, hertz > 3000].sum(axis=1) / power.sum(axis=1)
    voiced = (level > LOUD_DB) & (hiss < HISS_SHARE)
    openness = _rank(_centroid(power, hertz, 250, 1000), voiced)
    brightness = _rank(_centroid(power, hertz, 900, 2800), voiced)
    return np.stack([gaussian_filter1d(row, 1.0) for row in (level, openness, brightness, hiss)])


def _guess(level: float, openness: float, brightness: float, hiss: float) -> str:
    """The viseme of one moment."""
    if level < SILENT_DB:
        return "rest"
    if hiss > HISS_SHARE:
        return "s" if hiss > 0.8 else "sh"
    if level < LOUD_DB:
        return "er"
    if brightness < 0.3:
        return "u" if openness < 0.4 else "o"
    if brightness > 0.7:
        return "i" if openness < 0.45 else "e"
    return "a" if openness > 0.55 else "er"


def _gaps(level: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last + 1) moments of the short silences within speech: the stops."""
    quiet = np.concatenate([[0], level < GAP_DB, [0]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(quiet) == 1), np.flatnonzero(np.diff(quiet) == -1)
    shortest, longest = (seconds * MOMENTS_PER_SECOND for seconds in STOP_SECONDS)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if shortest <= end - start <= longest and start > 0 and end < len(level):
            yield start, end


def _centroid(power: np.ndarray, hertz: np.ndarray, low: float, high: float) -> np.ndarray:
    band = (hertz >= low) & (hertz <= high)
    return (power[:, band] * hertz[band]).sum(axis=1) / power[:, band].sum(axis=1)


def _rank(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The share of the chosen values that lie below each value; 0.5 where none is chosen."""
    if not among.any():
        return np.full(len(values), 0.5)
    return np.searchsorted(np.sort(values[among]), values) / among.sum()


def _share(files: list[Path], split: str) -> list[Path]:
    """The files of a split, by their order; all of them where there are fewer than three."""
    if len(files) < len(SPLITS):
        return files
    return [path for number, path in enumerate(files) if split_of_number(number) == split]


def _load_one_of(files: list[Path], rng: np.random.Generator) -> tuple[Path, np.ndarray]:
    for number in rng.permutation(len(files)):
        try:
            return files[number], _load(files[number])
        except MediaError as error:
            log.warning("left out: %s", error)
    raise MediaError(f"none of {len(files)} recordings can be read, such as {files[0]}")


@lru_cache(maxsize=2)
def _load(path: Path) -> np.ndarray:
    return load_wav(path, SAMPLE_RATE)
