"""The sync score of a given video before it is lip-synced, and of the result, for people."""

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np

import video
from evaluation.metrics.similarity import Similarity, measure_similarity, similarity_of_faces
from face_detection import Detector
from lipsync.plan import Given
from synchrony.expert import Expert

log = logging.getLogger(__name__)

Item = TypeVar("Item")


def print_given(given: Given, expert: Expert, *, auto_offset: bool) -> float:
    """Print the given face's score; with auto_offset, say by how many seconds to shift."""
    found = similarity_of_given(given, expert)
    print(f"{given.source.info.path} with {given.sound}, as given:\n{found.in_words()}\n")
    if not auto_offset or not found.trusted_offset:
        return 0.0
    delay = found.trusted_offset / found.fps
    log.info("the sound is shifted by %+.0f ms", delay * 1000)
    return delay


def print_result(path: Path, expert: Expert, detector: Detector) -> None:
    """Print the score of a finished video."""
    found = measure_similarity(path, path, expert, detector)
    print(f"{path}, the result:\n{found.in_words()}\n")


def similarity_of_given(given: Given, expert: Expert) -> Similarity:
    """How well the speech fits the given video's own face, cut and turned as it will be.

    Where several faces are to speak, the first is judged. Raises video.MediaError.
    """
    start, end = given.sound_span
    wav = video.read_sound(given.sound, expert.hp.sample_rate, start=start, end=end)
    return similarity_of_faces(
        at_frame_rate(_faces(given), given.source.fps, expert.hp.fps), wav, expert
    )


def _faces(given: Given) -> Iterator[np.ndarray | None]:
    for number, frame in enumerate(given.source.frames()):
        boxes = given.faces.at(number)
        yield (
            frame[boxes[0].top : boxes[0].bottom, boxes[0].left : boxes[0].right] if boxes else None
        )


def at_frame_rate(
    items: Iterable[Item], fps: Fraction | float, wanted: Fraction | float
) -> Iterator[Item]:
    """Items of a stream at another frame rate: repeated or left out, the nearest in time."""
    ratio = Fraction(fps) / Fraction(wanted)
    count = 0
    for number, item in enumerate(items):
        while round(count * ratio) == number:
            yield item
            count += 1
