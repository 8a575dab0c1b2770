"""What lips should do when: contacts, rounding, open vowels and silence of what is spoken.

Known of a synthetic video (its truth), of an aligned one (.TextGrid, GRID's .align), else heard.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio import load_wav, melspectrogram
from corpus.truth import read_truth
from hparams import ClipHParams
from models.lip_hearing import LipHearing
from models.lip_motion import FPS, INDEX, LipMotion, opening
from synthesis.speech.alignments import SUFFIXES, read_alignment
from synthesis.speech.bursts import mark_aligned_bursts
from synthesis.speech.visemes import Gesture, gestures

SHUT, TUCKED, ROUNDED, OPEN, QUIET = "shut", "tucked", "rounded", "open", "quiet"
KIND_OF_VISEME = {
    "p": SHUT, "f": TUCKED, "u": ROUNDED, "o": ROUNDED, "w": ROUNDED,
    "a": OPEN, "ae": OPEN, "aw": OPEN, "e": OPEN, "rest": QUIET,
}  # fmt: skip
LEAST_SECONDS = {QUIET: 0.4, OPEN: 0.06, ROUNDED: 0.06}  # what is shorter is not looked for
HEARD_ROUND, HEARD_OPEN = 0.35, 0.15  # mouthPucker and mouthFunnel; the opening


@dataclass(frozen=True)
class Event:
    """Something that lips should do; a contact ends when it is heard to open."""

    kind: str
    start: float  # seconds
    end: float


@dataclass(frozen=True)
class Spoken:
    """What is spoken in a video, and how that is known."""

    events: tuple[Event, ...]
    source: str

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


def find_spoken(video: Path) -> Path | None:
    """The file beside a video that says what is spoken in it: its truth or an alignment."""
    beside = [video.with_suffix(suffix) for suffix in (".json", *SUFFIXES)]
    known = (path for path in beside if path.is_file())
    return next((path for path in known if path.suffix != ".json" or read_truth(path)), None)


def read_spoken(path: Path, sound: Path) -> Spoken:
    """Of a truth or an alignment; bursts are found in the sound where the file does not say them.

    Raises ValueError (AlignmentError, MediaError) or OSError.
    """
    if path.suffix == ".json":
        truth = read_truth(path)
        if truth is None or "visemes" not in truth:
            raise ValueError(f"{path} is no truth of a synthetic clip whose phones are known")
        said = [Gesture(viseme, start, end, "") for viseme, start, end in truth["visemes"]]
        return Spoken(events_of(said), "truth")
    rate = ClipHParams().sample_rate
    phones = read_alignment(path).phones
    marked = mark_aligned_bursts(phones, load_wav(sound, rate), rate)
    return Spoken(events_of(gestures(marked)), "alignment")


def events_of(said: Iterable[Gesture]) -> tuple[Event, ...]:
    """The gestures that can be looked for in a picture."""
    return _long_enough(
        Event(KIND_OF_VISEME[gesture.viseme], gesture.start, gesture.end)
        for gesture in said
        if gesture.viseme in KIND_OF_VISEME
    )


def _long_enough(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(e for e in events if e.end - e.start >= LEAST_SECONDS.get(e.kind, 0))


def hear_spoken(hearing: LipHearing, sound: Path) -> Spoken:
    """By the network that hears lip motion: a guess, and the maker's own where it is driven so."""
    hp = ClipHParams()
    wav = load_wav(sound, hp.sample_rate)
    mel = melspectrogram(wav, hp)
    motion = hearing.lip_motion(mel)
    contacts = hearing.contacts(mel, (np.arange(len(motion)) + 0.5) / FPS) > 0.5
    lips = motion.values
    is_round = lips[:, INDEX["mouthPucker"]] + lips[:, INDEX["mouthFunnel"]] > HEARD_ROUND
    kinds = {
        SHUT: contacts[:, 0],
        TUCKED: contacts[:, 1],
        ROUNDED: is_round & ~contacts.any(axis=1),
        OPEN: opening(lips) > HEARD_OPEN,
        QUIET: ~is_loud(wav, len(motion), hp.sample_rate),
    }
    found = [event for kind, on in kinds.items() for event in _runs(kind, on)]
    return Spoken(_long_enough(found), "heard")


def hear_lips(hearing: LipHearing, sound: Path) -> LipMotion:
    """What lips would do that say this."""
    hp = ClipHParams()
    return hearing.lip_motion(melspectrogram(load_wav(sound, hp.sample_rate), hp))


def is_loud(wav: np.ndarray, frames: int, sample_rate: int) -> np.ndarray:
    """Whether somebody may speak: not 30 dB and more below the loud frames. (frames,)"""
    each = sample_rate // FPS
    padded = np.pad(wav, (0, max(0, frames * each - len(wav))))[: frames * each]
    level = 10 * np.log10(np.square(padded.reshape(frames, each)).mean(axis=1) + 1e-9)
    return level > np.percentile(level, 95) - 30 if frames else np.zeros(0, bool)


def _runs(kind: str, on: np.ndarray) -> list[Event]:
    """Frames in a row in which it is so, as events."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on, [0]]).astype(int)))
    return [Event(kind, a / FPS, b / FPS) for a, b in edges.reshape(-1, 2).tolist()]
