"""A film joined of short talking clips, with known cuts, offsets, dubs and stills; and its score.

    python -m tests.joined_film FOLDER_OF_CLIPS ... --out FILM.mp4 [--seed 0] [--clips 12]

writes FILM.mp4 and FILM.json, the truth. Of twelve clips two are dubbed, one is a still, one has
music in place of speech, and in three a silent second talker stands beside the one who speaks.
"""

import argparse
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

import video
from audio import as_16_bit, load_wav, save_wav

FPS, RATE = 25, 16000
MOST_OFFSET = 8  # frames
ODD = ("dubbed", "dubbed", "still", "music", "pair", "pair", "pair")  # of twelve parts


@dataclass
class Part:
    """One clip of the film. Frames are the film's."""

    kind: str  # talks, dubbed, still, music
    begin: int
    end: int
    offset: int = 0  # frames that the sound comes early
    side: str = "middle"  # where the talker stands: left or right of another
    source: str = ""


def join(clips: list[Path], out: Path, seed: int = 0, count: int = 12) -> list[Part]:
    """Write the film of `count` parts and its truth; no clip's pictures come twice.

    It is as high as the first clip, and twice as wide.
    """
    rng = np.random.default_rng(seed)
    media = video.probe(clips[0])
    size = 2 * media.width, media.height
    order = [clips[n] for n in rng.permutation(len(clips))]
    kinds = np.array([*ODD, *["talks"] * (max(count, 12) - len(ODD))])
    rng.shuffle(kinds)
    parts, sounds, frames = [], [], []
    for number, kind in enumerate(kinds[:count]):
        own, other = order[number % len(order)], order[(number + count) % len(order)]
        part, pictures, sound = _part(str(kind), own, other, len(frames), rng)
        parts.append(part)
        frames += [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pictures]
        sounds.append(sound)
    save_wav(out.with_suffix(".wav"), as_16_bit(np.concatenate(sounds)), RATE)
    with video.VideoWriter(out, *size, FPS, sound=out.with_suffix(".wav"), crf=16) as writer:
        for frame in frames:
            writer.write(frame)
    out.with_suffix(".json").write_text(json.dumps([asdict(part) for part in parts], indent=1))
    return parts


def _part(
    kind: str, own: Path, other: Path, begin: int, rng: np.random.Generator
) -> tuple[Part, list[np.ndarray], np.ndarray]:
    pictures = list(video.read_frames(own, FPS))
    wav = load_wav(own, RATE)
    part = Part("talks", begin, begin + len(pictures), source=own.name)
    if kind in ("talks", "pair"):
        part.offset = int(rng.integers(-MOST_OFFSET, MOST_OFFSET + 1))
    if kind == "pair":
        part.side = str(rng.choice(["left", "right"]))
        beside = list(video.read_frames(other, FPS))
        beside += beside[-1:] * (len(pictures) - len(beside))
        pairs = zip(pictures, beside, strict=False)
        pictures = [np.hstack(p if part.side == "left" else p[::-1]) for p in pairs]
    else:
        pictures = [_widened(picture) for picture in pictures]
    if kind == "dubbed":
        part.kind, wav = "dubbed", load_wav(other, RATE)
    if kind == "still":
        part.kind, pictures = "still", pictures[:1] * len(pictures)
    if kind == "music":
        part.kind, wav = "music", music(len(wav), rng)
    samples = round(len(pictures) * RATE / FPS)
    early = round(part.offset * RATE / FPS)
    padded = np.pad(wav, (RATE, RATE + samples))
    return part, pictures, padded[RATE + early : RATE + early + samples]


def _widened(picture: np.ndarray) -> np.ndarray:
    side = picture.shape[1] // 2
    return cv2.copyMakeBorder(picture, 0, 0, side, side, cv2.BORDER_REPLICATE)


def music(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Chords with a beat: no voice in it."""
    seconds = np.arange(samples) / RATE
    notes = 110 * 2 ** (rng.integers(0, 24, 8) / 12)
    beat = (seconds * 2.3).astype(int)
    fading = np.exp(-3 * ((seconds * 2.3) % 1))
    chord = sum(np.sin(2 * np.pi * notes[(beat + k) % 8] * (k + 1) * seconds) for k in range(3))
    return (0.12 * fading * chord).astype(np.float32)


def score(parts: list[Part], rows: list[dict], width: int) -> Counter:
    """What of the truth was found by preprocess.py --wild, as counts. width: of the film.

    rows: of film.json; kept ones have `from`, `to`, `offset`, `middle` (column).
    """
    counts = Counter()
    for part in parts:
        kept = [row for row in rows if row["kept"] and _overlap(row, part) > 0.5]
        if part.kind != "talks":
            counts[part.kind] += 1
            counts[f"kept {part.kind}"] += bool(kept)
            continue
        counts["talks"] += 1
        own = [row for row in kept if part.side == "middle" or _side(row, width) == part.side]
        counts["found"] += bool(own)
        counts["within"] += any(abs(row["offset"] - part.offset) <= 1 for row in own)
        if part.side != "middle":
            counts["sided"] += 1
            counts["right"] += bool(own) and len(own) == len(kept)
    return counts


def _overlap(row: dict, part: Part) -> float:
    shared = min(row["to"] * FPS, part.end) - max(row["from"] * FPS, part.begin)
    return shared / (part.end - part.begin)


def _side(row: dict, width: int) -> str:
    return "left" if row["middle"] < width / 2 else "right"


def find_clips(folders: list[Path]) -> list[Path]:
    """Their videos; one that is in two folders is taken once."""
    found = {}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".mpg", ".mp4"):
                name = path.name.removeprefix("GRID_")
                found.setdefault((name, path.stat().st_size), path)
    return list(found.values())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=12)
    args = parser.parse_args(argv)
    for part in join(find_clips(args.folders), args.out, args.seed, args.clips):
        print(part)


if __name__ == "__main__":
    main()
