"""Synthetic clips as faces that are aligned as DAVS has them: only what its networks see is drawn.

The pictures are not spoilt: what spoils them is made for faces larger than these.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from corpus.layout import DONE
from corpus.whole_folder import whole_folder
from corpus.words import write_word_files
from models.davs.alignment import BORDER, align, carriers, to_stored
from models.warping import corners
from synthesis.renderer import Renderer
from synthesis.synthetic_clip import SyntheticClip

MARGIN = 2  # pixels drawn about what is kept, for its edges


def write_word_sound(clip: SyntheticClip, root: Path) -> None:
    """<root>/<name>/{mfcc20/, clip.json}: to learn to hear from, beside clips with faces."""
    with whole_folder(root / clip.name) as folder:
        write_word_files(folder, None, clip.sound)
        _describe(folder, {"source": "made, sound alone"} | clip.record)


def write_aligned(clip: SyntheticClip, renderer: Renderer, root: Path, side: int) -> None:
    """<root>/<name>/{align_face256/, mfcc20/, clip.json}; side: pixels of a face, up to 260."""
    with whole_folder(root / clip.name) as folder:
        write_word_files(folder, draw_aligned(clip, renderer, side), clip.sound)
        _describe(folder, {"source": "made", "side": side} | clip.record)


def _describe(folder: Path, described: dict) -> None:
    """The last of a clip's files, which makes it whole."""
    (folder / DONE).write_text(json.dumps(described, ensure_ascii=False) + "\n", encoding="utf-8")


def draw_aligned(clip: SyntheticClip, renderer: Renderer, side: int) -> Iterator[np.ndarray]:
    """Each frame's aligned face, (side, side, 3) BGR uint8; by true points, which do not shake."""
    for frame in range(clip.performance.frames):
        points = carriers(renderer.truth(clip.performance, frame).landmarks)
        yield _draw_face(clip, renderer, frame, to_stored(align(points), side), side)


def _draw_face(
    clip: SyntheticClip, renderer: Renderer, frame: int, to_face: np.ndarray, side: int
) -> np.ndarray:
    """The upright box about the face, drawn as large as needed, then turned."""
    scale = float(np.hypot(*to_face[:, 0]))
    edges = corners(to_face, side) + 0.5  # boxes count from the first pixel's edge
    low, high = edges.min(axis=0) - MARGIN / scale, edges.max(axis=0) + MARGIN / scale
    low, high = np.maximum(low, 0), np.minimum(high, (renderer.width, renderer.height))
    width, height = np.maximum(1, np.round((high - low) * scale)).astype(int)
    box = (*low.tolist(), *high.tolist())
    drawn = renderer.render_crop(clip.performance, frame, box, int(width), int(height))
    to_drawn = (width, height) / (high - low)
    turn = to_face[:, :2] / to_drawn
    # A pixel's middle in the drawing is (pixel + 0.5) / to_drawn + low - 0.5 in the frame.
    moved = to_face[:, 2] + to_face[:, :2] @ (0.5 / to_drawn + low - 0.5)
    matrix = np.column_stack([turn, moved])
    return cv2.warpAffine(drawn, matrix, (side, side), borderValue=(BORDER,) * 3)
