"""Which face is to say what: the lists of the published protocols, read and made."""

import random
from dataclasses import dataclass
from pathlib import Path

from corpus.filelists import read_lines
from corpus.names import shorten, tell_apart
from corpus.videos import VIDEO_SUFFIXES

NAME_BYTES = 200  # of a result's name, so that a hash, a suffix and a partial file's marks fit
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a")
# Of an id that names none, in the order in which they are tried.
SUFFIXES = (".mp4", *sorted(VIDEO_SUFFIXES - {".mp4"}), *SOUND_SUFFIXES)
MODES = ("filelist", "random", "dubbed", "tts")


@dataclass(frozen=True)
class Pair:
    """One video to make."""

    name: str  # of the result, without suffix
    face: Path
    audio: Path


def read_pairs(filelist: Path, data_root: Path, mode: str) -> list[Pair]:
    """The pairs of a list: "audio_id video_id" a line, or "video_id" where mode is dubbed.

    An id is a path below data_root, with or without suffix. Raises FileNotFoundError or
    ValueError with file and line.
    """
    found = []
    for number, line in enumerate(read_lines(filelist), 1):
        ids = line.split()
        if not ids or line.startswith("#"):
            continue
        wanted = 1 if mode == "dubbed" else 2
        if len(ids) < wanted:
            raise ValueError(f"{filelist}, line {number}: expected audio_id video_id, got {line!r}")
        audio, face = (ids[0], ids[0]) if mode == "dubbed" else ids[:2]
        try:
            paths = _find(data_root, face), _find(data_root, audio)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{filelist}, line {number}: {error}") from error
        found.append((_result_name(audio, face), f"{face} {audio}", *paths))
    if not found:
        raise ValueError(f"{filelist} lists nothing")
    plain, keys, faces, audios = zip(*found, strict=True)
    names = tell_apart(plain, keys)
    return [Pair(*parts) for parts in zip(names, faces, audios, strict=True)]


def _find(data_root: Path, name: str) -> Path:
    exact = data_root / name
    named = (exact.with_name(exact.name + suffix) for suffix in SUFFIXES)
    for path in (exact, *named):
        if path.is_file():
            return path
    raise FileNotFoundError(f"no file {exact}, nor with one of {', '.join(SUFFIXES)}")


def _result_name(audio: str, face: str) -> str:
    """What a pair is called, without folders; just the face's name where it is one file."""
    names = [face] if audio == face else [face, audio]
    return shorten("__".join(name.replace("/", "_") for name in names), NAME_BYTES)


def mismatched_pairs(ids: list[str], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """`count` pairs of different ids, audio and video, drawn with every video as often as others.

    Raises ValueError for fewer than two ids.
    """
    if len(set(ids)) < 2:
        raise ValueError(f"mismatched pairs need two videos or more, got {len(set(ids))}")
    draw = random.Random(seed)
    pairs: list[tuple[str, str]] = []
    while len(pairs) < count:
        for video in draw.sample(ids, min(len(ids), count - len(pairs))):
            audio = draw.choice(ids)
            while audio == video:
                audio = draw.choice(ids)
            pairs.append((audio, video))
    return pairs
