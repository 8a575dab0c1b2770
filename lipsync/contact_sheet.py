"""A contact sheet: the face of every frame as it was, and below it as it has become."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

import video
from lipsync.backends.torch_backend import TorchBackend
from lipsync.plan import Plan
from lipsync.preview import stack_pictures, write_preview
from lipsync.watching import Progress
from models.generator import Arrays, Generator

COLUMNS = 15
MOST_FRAMES = 150  # of a longer video some are left out, evenly
FACE_HEIGHT = 88  # pixels of one small picture, and about its width
MARGIN = 64  # pixels at the left, for the time


@dataclass(frozen=True, eq=False)
class _Face:
    """One face of one frame of the result."""

    frame: int
    given: np.ndarray
    made: np.ndarray
    inputs: Arrays  # what it was made from, where more than those two is to be shown


def write_contact_sheet(
    plan: Plan,
    result: Path,
    target: Path,
    backend: TorchBackend,
    progress: Progress | None = None,
) -> Path:
    """Write the sheet of a finished video as a PNG. Raises video.MediaError."""
    write_preview(target, draw_contact_sheet(plan, result, backend, progress))
    return target


def draw_contact_sheet(
    plan: Plan, result: Path, backend: TorchBackend, progress: Progress | None = None
) -> np.ndarray:
    """Lines of COLUMNS faces, each line given, made, and what else the method shows. BGR uint8"""
    faces = list(_faces(plan, result, backend.generator, progress))
    if not faces:
        raise video.MediaError(
            f"{plan.source.info.path}: no face in any frame, so no contact sheet"
        )
    lines = []
    for first in range(0, len(faces), COLUMNS):
        some = faces[first : first + COLUMNS]
        rows = {"given": [face.given for face in some], "made": [face.made for face in some]}
        rows |= _more_rows(some, backend)
        pictures = np.vstack([np.hstack([_small(image) for image in row]) for row in rows.values()])
        label = _label(some[0].frame, plan.source.fps, tuple(rows))
        lines.append(np.hstack([label, pictures]))
    return stack_pictures(lines)


def _faces(
    plan: Plan, result: Path, generator: Generator, progress: Progress | None
) -> Iterator[_Face]:
    """The faces of the frames to show, the first of each."""
    every = max(1, -(-plan.frame_count // MOST_FRAMES))
    given = islice(plan.source.played(plan.settings.loop), plan.frame_count)
    made = video.read_frames(result, plan.source.fps)
    for number, ((shown, before), after) in enumerate(zip(given, made, strict=False)):
        if progress:
            progress("sheet", number + 1, plan.frame_count)
        places = plan.places_at(shown)
        if number % every or not places:
            continue
        views = (_small(generator.view(frame, places[0])) for frame in (before, after))
        inputs = {}
        if generator.on_sheet:
            inputs = generator.feed(before, places[0], plan.heard(number, places[0]))
        yield _Face(number, *views, inputs)


def _more_rows(faces: list[_Face], backend: TorchBackend) -> dict[str, list[np.ndarray]]:
    """What the method shows beside given and made, by caption."""
    generator = backend.generator
    if not generator.on_sheet:
        return {}
    inputs = [face.inputs for face in faces]
    results = backend.generate(inputs)
    shown = [generator.show(fed, made) for fed, made in zip(inputs, results, strict=True)]
    return {name: [pictures[name] for pictures in shown] for name in generator.on_sheet}


def _small(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return cv2.resize(image, (FACE_HEIGHT, FACE_HEIGHT), interpolation=cv2.INTER_AREA)


def _label(frame: int, fps: Fraction, rows: tuple[str, ...]) -> np.ndarray:
    """The picture that stands before a line: its first frame's time, and what the rows are."""
    label = np.zeros((len(rows) * FACE_HEIGHT, MARGIN, 3), np.uint8)
    texts = {14: f"{float(frame / fps):.2f} s"}
    texts |= {row * FACE_HEIGHT + FACE_HEIGHT // 2 + 6: name for row, name in enumerate(rows)}
    for y, text in texts.items():
        cv2.putText(label, text, (4, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1)
    return label
