"""Little trees of words for tests: faces whose mouths open by the word, and noise to hear."""

import json
from pathlib import Path

import cv2
import numpy as np

from corpus.layout import DONE
from corpus.words import FRAMES, write_word_files, write_words

SIDE = 65


def draw_word(word: int, shade: int, side: int = SIDE) -> list[np.ndarray]:
    """A grey face per frame, whose mouth opens once, twice or thrice."""
    faces = []
    for frame in range(FRAMES):
        image = np.full((side, side, 3), shade, np.uint8)
        opening = abs(np.sin(np.pi * (word + 1) * frame / FRAMES))
        middle = (side // 2, round(0.75 * side))
        axes = (side // 8, 1 + round(opening * side / 10))
        cv2.ellipse(image, middle, axes, 0, 0, 360, (20, 20, 60), -1)
        faces.append(image)
    return faces


def say_tones(word: int, rng: np.random.Generator) -> np.ndarray:
    """A tone that comes and goes as the mouth does, in noise."""
    seconds = np.arange(round(FRAMES / 25 * 16000)) / 16000
    swell = np.abs(np.sin(np.pi * (word + 1) * seconds * 25 / FRAMES))
    tone = 0.3 * swell * np.sin(2 * np.pi * (500 + 400 * word) * seconds)
    return (tone + 0.02 * rng.standard_normal(len(tone))).astype(np.float32)


def write_tree(root: Path, words=("no", "yes"), clips: int = 2, side: int = SIDE) -> Path:
    """root/{train,val,test}/<class>/<k>, whole."""
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for word in range(len(words)):
            for number in range(clips):
                folder = root / split / str(word) / str(number)
                folder.mkdir(parents=True)
                faces = draw_word(word, int(rng.integers(90, 220)), side)
                write_word_files(folder, faces, say_tones(word, rng))
                (folder / DONE).write_text(json.dumps({"word": words[word]}))
    write_words(root, words)
    return root
