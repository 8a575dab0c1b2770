"""The sync score of a given video before it is lip-synced, and its sound put right."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np

import video
from audio import save_wav
from evaluation.metrics.expert import Expert
from evaluation.metrics.similarity import Similarity, similarity_of_faces
from lipsync.plan import Plan

SHIFTED_RATE = 48000  # Hz

Item = TypeVar("Item")


def similarity_of_plan(plan: Plan, expert: Expert) -> Similarity:
    """How well the speech fits the given video's own face, cut and turned as the plan says.

    Where several faces are to speak, the first is judged. Raises video.MediaError.
    """
    start, end = plan.sound_span
    wav = video.read_sound(plan.sound, expert.hp.sample_rate, start=start, end=end)
    return similarity_of_faces(
        at_frame_rate(_faces(plan), plan.source.fps, expert.hp.fps), wav, expert
    )


def _faces(plan: Plan) -> Iterator[np.ndarray | None]:
    for number, frame in enumerate(plan.source.frames()):
        boxes = plan.faces.at(number)
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


def write_shifted_sound(plan: Plan, seconds: float, target: Path) -> Path:
    """The plan's sound, later by `seconds` (earlier if below 0), as a mono WAV file.

    It begins with the video: with silence, or without its first moments.
    """
    start, end = plan.sound_span
    samples = video.read_sound(plan.sound, SHIFTED_RATE, start=start + max(-seconds, 0.0), end=end)
    silence = np.zeros(round(max(seconds, 0.0) * SHIFTED_RATE), np.float32)
    wav = np.concatenate([silence, samples])
    save_wav(target, (wav * 32767).astype("<i2"), SHIFTED_RATE)
    return target
