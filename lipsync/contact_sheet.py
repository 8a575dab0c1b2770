"""A contact sheet: the face of every frame as it was, and below it as it has become."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

import video
from lipsync.plan import Plan
from lipsync.preview import stack_pictures, write_preview
from models.generator import Generator

COLUMNS = 15
MOST_FRAMES = 150  # of a longer video some are left out, evenly
FACE_HEIGHT = 88  # pixels of one small picture, and about its width
MARGIN = 64  # pixels at the left, for the time


def write_contact_sheet(plan: Plan, result: Path, target: Path, generator: Generator) -> Path:
    """Write the sheet of a finished video as a PNG. Raises video.MediaError."""
    write_preview(target, draw_contact_sheet(plan, result, generator))
    return target


def draw_contact_sheet(plan: Plan, result: Path, generator: Generator) -> np.ndarray:
    """Lines of COLUMNS faces, each line twice: given, then made. BGR uint8 (H, W, 3)"""
    pairs = list(_faces(plan, result, generator))
    if not pairs:
        raise video.MediaError(
            f"{plan.source.info.path}: no face in any frame, so no contact sheet"
        )
    lines = []
    for first in range(0, len(pairs), COLUMNS):
        numbers, given, made = zip(*pairs[first : first + COLUMNS], strict=True)
        line = np.vstack([np.hstack(given), np.hstack(made)])
        lines.append(np.hstack([_time(numbers[0], plan.source.fps, len(line)), line]))
    return stack_pictures(lines)


def _faces(
    plan: Plan, result: Path, generator: Generator
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(frame of the result, face given, face made) of the frames to show."""
    every = max(1, -(-plan.frame_count // MOST_FRAMES))
    given = islice(plan.source.played(plan.settings.loop), plan.frame_count)
    made = video.read_frames(result)
    for number, ((shown, before), after) in enumerate(zip(given, made, strict=False)):
        places = plan.places_at(shown)
        if number % every or not places:
            continue
        pictures = (generator.view(frame, places[0]) for frame in (before, after))
        yield number, *(cv2.resize(p, (FACE_HEIGHT, FACE_HEIGHT), interpolation=cv2.INTER_AREA)
                        for p in pictures)  # fmt: skip


def _time(frame: int, fps: Fraction, height: int) -> np.ndarray:
    """The picture that stands before a line: its first frame's time, and what the rows are."""
    label = np.zeros((height, MARGIN, 3), np.uint8)
    texts = (f"{float(frame / fps):.2f} s", "given", "made")
    for text, y in zip(texts, (14, height // 4 + 8, height * 3 // 4 + 4), strict=True):
        cv2.putText(label, text, (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1)
    return label
