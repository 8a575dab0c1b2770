"""Sheets of a DAVS in training: for a clip its identity, what it should be, and what is painted."""

from pathlib import Path

import cv2
import numpy as np
import torch

from models.inputs import to_images
from training.davs_networks import Faces, Painting
from training.engine.runtime import Runtime
from training.word_windows import FaceWindows

SHEETS = 4


@torch.inference_mode()
def draw_faces(painting: Painting, windows: FaceWindows, runtime: Runtime, folder: Path) -> None:
    """<folder>/0.jpg, ...: rows truth, by sound, by lips; the identity before each."""
    folder.mkdir(parents=True, exist_ok=True)
    for sheet in range(min(SHEETS, len(windows))):
        # Far apart in the order of the clips, so that they are of several speakers.
        sample = windows[sheet * max(1, len(windows) // SHEETS)]
        batch = {name: torch.from_numpy(np.array(value))[None] for name, value in sample.items()}
        true = Faces.of(runtime.move(batch))
        with runtime.autocast():
            made = painting(true)
        identity = to_images(true.identity[0].flip(0))
        rows = [
            np.concatenate([identity, *to_images(faces[0].flip(1))], axis=1)
            for faces in (true.sequence, *made.both())
        ]
        picture = np.concatenate(rows)
        cv2.imwrite(str(folder / f"{sheet}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
