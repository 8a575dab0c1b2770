"""A corpus of single words as DAVS keeps it: aligned faces and windows of MFCC, a folder a clip.

<root>/<split>/<class>/<k>/align_face256/0.jpg ... 28.jpg     faces of 260x260, or smaller
<root>/<split>/<class>/<k>/mfcc20/2.bin ... 26.bin            20x12 float64, time first
<root>/<split>/<class>/<k>/clip.json                          ours: what it was made of
<root>/words.txt                                              ours: the word of class 0, 1, ...
"""

import json
import logging
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atomic import write_whole
from audio import cut_window
from corpus.errors import ClipError, CorpusError
from corpus.layout import DONE
from corpus.packed import decode_face
from corpus.write import write_face
from features.band_mfcc import COEFFICIENTS, DAVS_FILTERS, band_mfcc

log = logging.getLogger(__name__)

FPS = 25
FRAMES = 29  # of a clip, as in LRW
HEARD = range(2, 27)  # frames whose sound is kept
STEPS = 20  # of MFCC that a frame is given, 10 ms each
STEPS_PER_FRAME, STEPS_BEFORE = 4, 8  # its window begins 80 ms before it
FACES, SOUNDS, WORDS = "align_face256", "mfcc20", "words.txt"
FULL_SCALE = 32768
SPLITS = ("train", "val", "test")
# What lips do in a synthetic clip, as its clip.json names it (synthesis/speech/visemes.py).
VISEMES = (
    "rest", "p", "bh", "f", "th", "t", "l", "s", "sh", "r", "k", "w", "u", "y", "o", "aw", "a",
    "ae", "e", "er", "i",
)  # fmt: skip
UNKNOWN = -100  # the class that cross-entropy passes over
NAMED_AT_MOST = 5  # broken clips that an error names


@dataclass(frozen=True)
class WordClip:
    """One clip that is whole."""

    folder: Path
    word: int  # its class

    @property
    def name(self) -> str:
        return "/".join(self.folder.parts[-3:])

    def read_faces(self, frames: Iterable[int]) -> list[np.ndarray]:
        """BGR uint8, each (side, side, 3). Raises ClipError."""
        return [decode_face(self.folder / FACES / f"{frame}.jpg") for frame in frames]

    def read_visemes(self, frames: Iterable[int]) -> np.ndarray:
        """(frames,) int64, numbers in VISEMES; UNKNOWN where clip.json does not tell."""
        visemes = _read_description(self.folder / DONE).get("visemes", ())
        begins = [begin for _, begin, _ in visemes]
        found = []
        for frame in frames:
            place = bisect_right(begins, (frame + 0.5) / FPS) - 1  # a frame shows its middle
            name = visemes[place][0] if place >= 0 else None
            found.append(VISEMES.index(name) if name in VISEMES else UNKNOWN)
        return np.array(found, np.int64)

    def read_heard(self, frames: Iterable[int]) -> np.ndarray:
        """(frames, 20, 12) float32. Raises ClipError."""
        return np.stack([_read_window(self.folder / SOUNDS / f"{n}.bin") for n in frames])


@dataclass(frozen=True)
class WordCorpus:
    """The clips of one split, and the words of all classes, "" where nothing tells them."""

    clips: tuple[WordClip, ...]
    words: tuple[str, ...]

    def summary(self) -> str:
        return f"{len(self.clips)} clips of {len({clip.word for clip in self.clips})} words"


def hear_windows(sound: np.ndarray) -> np.ndarray:
    """What DAVS hears of frames 2 to 26: (25, 20, 12) float64; silence is 0.

    sound: mono in [-1, 1] at 16 kHz.
    """
    mfcc = band_mfcc(np.asarray(sound, np.float64) * FULL_SCALE, DAVS_FILTERS)
    starts = [STEPS_PER_FRAME * frame - STEPS_BEFORE for frame in HEARD]
    return np.stack([cut_window(mfcc, start, STEPS, 0.0).T for start in starts])


def write_word_files(folder: Path, faces: Iterable[np.ndarray] | None, sound: np.ndarray) -> None:
    """The files of a clip but clip.json. faces: aligned, BGR uint8; sound as hear_windows has it.

    Without faces it is sound alone. Raises ClipError where there are not FRAMES faces.
    """
    (folder / SOUNDS).mkdir()
    if faces is not None:
        _write_faces(folder / FACES, faces)
    for frame, window in zip(HEARD, hear_windows(sound), strict=True):
        np.ascontiguousarray(window).tofile(folder / SOUNDS / f"{frame}.bin")


def _write_faces(folder: Path, faces: Iterable[np.ndarray]) -> None:
    folder.mkdir()
    count = 0
    for count, face in enumerate(faces, start=1):
        write_face(folder, count - 1, face)
    if count != FRAMES:
        raise ClipError(f"{count} frames; a clip of a word has {FRAMES}")


def write_words(root: Path, words: Sequence[str]) -> None:
    """The word of each class; raises CorpusError where the tree has others already."""
    there = read_words(root)
    if there and there != tuple(words):
        raise CorpusError(f"{root / WORDS} names other words; take another folder")
    if not there:
        root.mkdir(parents=True, exist_ok=True)
        write_whole(root / WORDS, "".join(f"{word}\n" for word in words))


def read_words(root: Path) -> tuple[str, ...]:
    """The word of each class; none where the tree does not tell, as DAVS's own."""
    path = root / WORDS
    return tuple(path.read_text(encoding="utf-8").split()) if path.is_file() else ()


def read_word_corpus(root: Path, split: str, *, sound_alone: bool = False) -> WordCorpus:
    """The clips of a split. Raises CorpusError for no tree, and for one with holes.

    sound_alone: nobody needs their faces, which may be absent.
    """
    top = root / split
    if not top.is_dir():
        raise CorpusError(
            f"{top} is not there; --data_root is a tree of words, {'/'.join(SPLITS)} of it, that "
            "preprocess.py --layout lrw or synthesis.make_corpus --words has made"
        )
    classes = sorted((int(path.name), path) for path in top.iterdir() if path.name.isdecimal())
    clips = [
        WordClip(folder, number)
        for number, path in classes
        for folder in sorted(path.iterdir(), key=lambda folder: (len(folder.name), folder.name))
        if folder.is_dir() and not folder.name.startswith(".")
    ]
    if not clips:
        raise CorpusError(f"{top} holds no <class>/<k>/{FACES}")
    _refuse_holes(top, clips, sound_alone)
    words = read_words(root) or ("",) * (1 + classes[-1][0])
    if classes[-1][0] >= len(words):
        raise CorpusError(
            f"{top} has class {classes[-1][0]}, {root / WORDS} names {len(words)} words"
        )
    return WordCorpus(tuple(clips), words)


def _refuse_holes(top: Path, clips: list[WordClip], sound_alone: bool) -> None:
    broken = {clip.name: missing for clip in clips if (missing := _missing(clip, sound_alone))}
    if broken:
        named = "; ".join(f"{name} lacks {broken[name]}" for name in list(broken)[:NAMED_AT_MOST])
        raise CorpusError(
            f"{top}: {len(broken)} of {len(clips)} clips have holes: {named}"
            f"{' ...' if len(broken) > NAMED_AT_MOST else ''}; remove them or make them again"
        )


def _missing(clip: WordClip, sound_alone: bool) -> str:
    """The first file that a clip lacks, "" where it is whole."""
    faces, sounds = clip.folder / FACES, clip.folder / SOUNDS
    there = {
        path.name for folder in (faces, sounds) if folder.is_dir() for path in folder.iterdir()
    }
    wanted = [(SOUNDS, f"{n}.bin") for n in HEARD]
    wanted += [] if sound_alone else [(FACES, f"{n}.jpg") for n in range(FRAMES)]
    return next((f"{folder}/{name}" for folder, name in wanted if name not in there), "")


def _read_description(path: Path) -> dict:
    """What clip.json says; {} where there is none, as in DAVS's own tree."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_window(path: Path) -> np.ndarray:
    try:
        values = np.fromfile(path)
    except OSError as error:
        raise ClipError(f"{path}: {error.strerror or error}") from error
    if values.size != STEPS * COEFFICIENTS:
        raise ClipError(f"{path}: {values.size} numbers, not {STEPS}x{COEFFICIENTS}")
    # DAVS's own preprocessing has no floor: its digital silence is no number.
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).reshape(STEPS, -1).astype("f4")
