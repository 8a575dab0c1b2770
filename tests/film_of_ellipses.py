"""Films of talking ellipses side by side, for tests of who speaks."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from audio import as_16_bit, save_wav
from tests import talking_ellipse
from video import VideoWriter

SIZE = talking_ellipse.SIZE


class PaneDetector:
    """One face in each square pane of a film."""

    settings = {"detector": "panes"}

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        rows, columns = images[0].shape[:2]
        boxes = [(left, 0, left + rows, rows, 0.9) for left in range(0, columns, rows)]
        return [np.array(boxes, float) for _ in images]


def faces_of(opened: Iterable[float]) -> list[np.ndarray]:
    return [talking_ellipse.face(value) for value in opened]


def write_film(path: Path, panes: list[list[np.ndarray]], wav: np.ndarray) -> Path:
    """panes: a row of equally many faces for each place, from the left."""
    sound = path.with_suffix(".wav")
    save_wav(sound, as_16_bit(wav), talking_ellipse.SAMPLE_RATE)
    with VideoWriter(path, SIZE * len(panes), SIZE, 25, sound=sound, crf=10) as writer:
        for row in zip(*panes, strict=True):
            writer.write(np.ascontiguousarray(np.hstack(row)))
    return path
