"""A corpus made in code: an ellipse for a head, whose mouth opens as loud as its sound is."""

import json
import wave
from pathlib import Path

import cv2
import numpy as np

from corpus.truth import TRUTH_FILE, TRUTH_FORMAT

SAMPLE_RATE = 16000
FPS = 25


def make_corpus(
    root: Path,
    clips: int,
    *,
    frames: int = 50,
    size: int = 64,
    seed: int = 0,
    with_truth: bool = False,
) -> Path:
    """Write `clips` clips below `root` as preprocess.py would, and filelists.

    Every fourth clip is in val.txt, the others in train.txt. Returns the filelists' folder.
    """
    names = [f"speaker{number % 4}/{number:05d}" for number in range(clips)]
    for number, name in enumerate(names):
        make_clip(root / name, frames=frames, size=size, seed=seed + number, with_truth=with_truth)
    filelists = root / "filelists"
    filelists.mkdir(parents=True)
    held_out = names[3::4] or names
    (filelists / "val.txt").write_text("".join(f"{name}\n" for name in held_out))
    kept = [name for name in names if name not in held_out] or names
    (filelists / "train.txt").write_text("".join(f"{name} NF MV\n" for name in kept))
    return filelists


def make_clip(
    folder: Path, *, frames: int = 50, size: int = 64, seed: int = 0, with_truth: bool = False
) -> None:
    """One clip: faces as N.jpg and audio.wav, and truth.json with how far the mouth is open."""
    random = np.random.default_rng(seed)
    openness = speech_rhythm(random, frames)
    folder.mkdir(parents=True, exist_ok=True)
    look = draw_look(random)
    for frame, width in enumerate(openness):
        face = draw_face(look, width, size, random)
        cv2.imwrite(str(folder / f"{frame}.jpg"), face, [cv2.IMWRITE_JPEG_QUALITY, 92])
    write_wav(folder / "audio.wav", voice(random, openness))
    if with_truth:
        truth = {"format": TRUTH_FORMAT, "fps": FPS, "frames": frames}
        truth["weights"] = {"jawOpen": openness.tolist()}
        truth["tongue"] = [0.0] * frames
        truth["visemes"] = closures(openness)
        (folder / TRUTH_FILE).write_text(json.dumps(truth))


def speech_rhythm(random: np.random.Generator, frames: int) -> np.ndarray:
    """How far the mouth is open in each frame, in [0, 1]: syllables and pauses."""
    levels = random.uniform(0, 1, frames // 2 + 4) * (random.random(frames // 2 + 4) > 0.25)
    fine = np.interp(np.arange(frames) / 2, np.arange(len(levels)), levels)
    return np.clip(fine, 0, 1)


def closures(openness: np.ndarray) -> list:
    """Where the mouth is shut, as gestures of a p."""
    shut = np.concatenate([[0], openness == 0, [0]]).astype(int)
    edges = np.flatnonzero(np.diff(shut)).reshape(-1, 2) / FPS
    return [["p", start, end] for start, end in edges.tolist()]


def voice(random: np.random.Generator, openness: np.ndarray) -> np.ndarray:
    """Harmonics of one pitch, as loud as the mouth is open at that moment."""
    samples = len(openness) * SAMPLE_RATE // FPS
    seconds = np.arange(samples) / SAMPLE_RATE
    middles = (np.arange(len(openness)) + 0.5) / FPS
    loudness = np.interp(seconds, middles, openness) ** 2
    pitch = random.uniform(90, 220)
    tone = sum(np.sin(2 * np.pi * pitch * n * seconds) / n for n in range(1, 20))
    return 0.2 * loudness * tone + 0.002 * random.standard_normal(samples)


def draw_look(random: np.random.Generator) -> dict:
    return {
        "skin": tuple(int(v) for v in random.integers(90, 230, 3)),
        "wall": tuple(int(v) for v in random.integers(0, 255, 3)),
        "lip": tuple(int(v) for v in random.integers(20, 140, 3)),
        "centre": random.uniform(-0.03, 0.03, 2),
        "mouth": random.uniform(0.12, 0.2),
    }


def draw_face(look: dict, openness: float, size: int, random: np.random.Generator) -> np.ndarray:
    """BGR uint8 (size, size, 3)."""
    face = np.full((size, size, 3), look["wall"], np.uint8)
    sway = random.normal(0, 0.005, 2)
    x, y = (np.array((0.5, 0.5)) + look["centre"] + sway) * size

    def ellipse(dx, dy, width, height, colour):
        centre = (round((x + dx * size) * 16), round((y + dy * size) * 16))
        axes = (max(1, round(width * size * 16)), max(1, round(height * size * 16)))
        cv2.ellipse(face, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)

    ellipse(0, 0, 0.38, 0.48, look["skin"])
    for side in (-0.15, 0.15):
        ellipse(side, -0.12, 0.05, 0.03, (30, 30, 30))
    ellipse(0, 0.24, look["mouth"] + 0.02, 0.025 + 0.1 * openness, look["lip"])
    ellipse(0, 0.24, look["mouth"], 0.005 + 0.09 * openness, (20, 10, 30))
    grain = random.normal(0, 3, face.shape)
    return np.clip(face + grain, 0, 255).astype(np.uint8)


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
