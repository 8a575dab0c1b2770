"""Fingerprints of clips: the same sound with the same pictures is told, however it was coded."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from corpus.layout import MEL, face_file, face_numbers

FILE = "fingerprint.npz"
BANDS = 33  # of the mel, whose 32 differences make the bits of a word
FACE_EVERY = 5  # frames
HASH_SIDE = 8  # a face's hash compares the levels of 8 x 8 neighbours
# Of bits that differ: other recordings differ in half of them.
SOUND_ALIKE, FACES_ALIKE = 0.25, 0.2
LEAST_SHARED = 0.7  # of the shorter clip
COMMON = 200  # clips that may share a word; what more have is silence or a tone


@dataclass(frozen=True)
class Fingerprint:
    """words: (columns,) uint32, one a column of the mel; faces: (n,) uint64, every fifth frame."""

    words: np.ndarray
    faces: np.ndarray


def fingerprint_of(folder: Path, mel: np.ndarray) -> Fingerprint:
    """Of the mel of a clip's sound, and its N.jpg."""
    frames = range(0, max(face_numbers(folder), default=-1) + 1, FACE_EVERY)
    faces = [_hash_face(face_file(folder, frame)) for frame in frames]
    return Fingerprint(_words(mel), np.array(faces, np.uint64))


def write_fingerprint(folder: Path, made: Fingerprint) -> None:
    """Into the clip's folder."""
    np.savez(folder / FILE, words=made.words, faces=made.faces)


def read_fingerprint(folder: Path) -> Fingerprint:
    """From the clip's folder; made anew where it is not there or broken."""
    try:
        with np.load(folder / FILE) as file:
            return Fingerprint(file["words"], file["faces"])
    except (OSError, ValueError, KeyError):
        return fingerprint_of(folder, np.load(folder / MEL))


def _words(mel: np.ndarray) -> np.ndarray:
    """Whether the energy's slope over frequency rises from each column to the next: 32 bits."""
    edges = np.linspace(0, len(mel), BANDS + 1).astype(int)
    bands = np.stack([mel[a:b].mean(axis=0) for a, b in zip(edges, edges[1:], strict=False)])
    smooth = (bands[:, :-2] + bands[:, 1:-1] + bands[:, 2:]) / 3
    slopes = np.diff(smooth, axis=0)
    rising = (slopes[:, 4:] > slopes[:, :-4]).astype(np.uint32)  # 50 ms apart
    return (rising << np.arange(BANDS - 1, dtype=np.uint32)[:, None]).sum(axis=0, dtype=np.uint32)


def _hash_face(file: Path) -> int:
    image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if file.exists() else None
    if image is None:
        return 0
    small = cv2.resize(image, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int(np.packbits(bits).view(">u8")[0])


def find_duplicates(clips: Iterable[tuple[str, Fingerprint]]) -> dict[str, str]:
    """Which clip is the same as which earlier one, by name."""
    known: dict[str, Fingerprint] = {}
    index: dict[int, list[tuple[str, int]]] = defaultdict(list)
    doubles: dict[str, str] = {}
    for name, made in clips:
        twin = _find_twin(made, known, index)
        if twin:
            doubles[name] = twin
            continue
        known[name] = made
        for at, word in enumerate(made.words.tolist()):
            if word:
                index[word].append((name, at))
    return doubles


def _find_twin(made: Fingerprint, known: dict[str, Fingerprint], index: dict) -> str | None:
    """The known clip with which most words agree at one shift, if it is the same."""
    votes: dict[tuple[str, int], int] = defaultdict(int)
    for at, word in enumerate(made.words.tolist()):
        for name, place in index.get(word, ())[:COMMON]:
            votes[name, place - at] += 1
    for (name, shift), _ in sorted(votes.items(), key=lambda vote: -vote[1])[:5]:
        if _same(made, known[name], shift):
            return name
    return None


def _same(one: Fingerprint, other: Fingerprint, shift: int) -> bool:
    """Whether they are one recording, `shift` columns apart."""
    begin, end = max(0, -shift), min(len(one.words), len(other.words) - shift)
    if end - begin < LEAST_SHARED * min(len(one.words), len(other.words)):
        return False
    differ = one.words[begin:end] ^ other.words[begin + shift : end + shift]
    if _count_bits(differ).mean() / 32 > SOUND_ALIKE:
        return False
    return _faces_alike(one.faces, other.faces)


def _faces_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether most faces of the one have their like among the other's."""
    one, other = one[one != 0], other[other != 0]
    if not len(one) or not len(other):
        return False
    apart = _count_bits(one[:, None] ^ other[None]).min(axis=1) / HASH_SIDE**2
    return bool(np.median(apart) <= FACES_ALIKE)


def _count_bits(words: np.ndarray) -> np.ndarray:
    """How many bits of each are set."""
    return np.unpackbits(words[..., None].view(np.uint8), axis=-1).sum(axis=-1)
