"""Pictures of a LipGAN training: a grid of reference | masked | generated | truth, a video."""

import logging
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import default_collate

from corpus.clips import Clip
from corpus.errors import ClipError
from models.inputs import to_images
from training.engine.runtime import Runtime
from training.lipgan_terms import LipGanBatch
from training.lipgan_windows import LipGanWindows
from training.samples import middle_frame, write_spoken_video
from video import MediaError

log = logging.getLogger(__name__)

ROWS = 12


@torch.inference_mode()
def draw_samples(
    generator: nn.Module, windows: LipGanWindows, runtime: Runtime, folder: Path
) -> None:
    """Write a grid of the first validation samples, and a video of the first clip."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = draw_sample_grid(generator, windows, runtime)
    cv2.imwrite(str(folder / "grid.jpg"), grid, [cv2.IMWRITE_JPEG_QUALITY, 95])
    try:
        write_sample_video(
            generator, windows, windows.clips[0], runtime, folder / "sample_video.mp4"
        )
    except (ClipError, MediaError) as error:
        log.warning("no sample video of %s: %s", windows.clips[0].name, error)


def draw_sample_grid(generator: nn.Module, windows: LipGanWindows, runtime: Runtime) -> np.ndarray:
    """A row a sample: reference, masked, generated, truth. BGR uint8"""
    samples = [windows[number] for number in range(min(ROWS, len(windows.clips)))]
    spoken = LipGanBatch.of(runtime.move(default_collate(samples)))
    with runtime.autocast():
        generated = generator(spoken.sound, spoken.face)
    reference, masked = spoken.face.split(3, dim=1)
    columns = (reference, masked, generated, spoken.target)
    return np.concatenate([np.concatenate(to_images(faces)) for faces in columns], axis=1)


def write_sample_video(
    generator: nn.Module, windows: LipGanWindows, clip: Clip, runtime: Runtime, path: Path
) -> None:
    """The clip's first run of faces, at most three seconds, spoken from the face in its middle.

    Raises ClipError or MediaError.
    """
    reference = windows.read_faces(clip, middle_frame(clip))

    def speak(frames: np.ndarray, truth: np.ndarray) -> np.ndarray:
        sounds = windows.heard(clip, frames, np.random.default_rng(0))
        sample = {
            "target": truth,
            "reference": np.repeat(reference, len(frames), axis=0),
            "sound": sounds,
            "wrong_sound": sounds,
        }
        batch = {name: torch.from_numpy(values) for name, values in sample.items()}
        spoken = LipGanBatch.of(runtime.move(batch))
        with runtime.autocast():
            generated = generator(spoken.sound, spoken.face)
        return to_images(generated)

    write_spoken_video(speak, windows, clip, path)
