"""Pictures of a run: grids of reference | masked | generated | truth, and a video with sound."""

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from corpus.clips import Clip
from corpus.errors import ClipError
from models.inputs import to_images
from training.engine.runtime import Runtime
from training.generator_terms import GeneratorBatch
from training.windows import GeneratorWindows, Windows
from video import MediaError, VideoWriter

log = logging.getLogger(__name__)

GRIDS = 4
VIDEO_FRAMES = 75
FRAMES_AT_ONCE = 25
# Frame numbers and true faces (n, H, W, 3) uint8 -> generated ones.
Speak = Callable[[np.ndarray, np.ndarray], np.ndarray]


@torch.inference_mode()
def draw_samples(
    generator: nn.Module, windows: GeneratorWindows, runtime: Runtime, folder: Path
) -> None:
    """Write grids of the first validation windows, and a video of the first clip.

    The video shows the generated face beside the true one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(min(GRIDS, len(windows.clips))):
        sample = {name: torch.from_numpy(v)[None] for name, v in windows[number].items()}
        grid = draw_sample_grid(generator, GeneratorBatch.of(runtime.move(sample)), runtime)
        cv2.imwrite(str(folder / f"{number}.jpg"), grid, [cv2.IMWRITE_JPEG_QUALITY, 95])
    try:
        write_sample_video(
            generator, windows, windows.clips[0], runtime, folder / "sample_video.mp4"
        )
    except (ClipError, MediaError) as error:
        log.warning("no sample video of %s: %s", windows.clips[0].name, error)


def draw_sample_grid(generator: nn.Module, batch: GeneratorBatch, runtime: Runtime) -> np.ndarray:
    """One window: a row a frame, columns reference, masked, generated, truth. BGR uint8"""
    with runtime.autocast():
        generated = generator(batch.frame_mels, batch.faces)
    masked, references = batch.faces.split(3, dim=1)
    columns = (references, masked, generated, batch.targets)
    images = [to_images(faces[0].transpose(0, 1)) for faces in columns]  # each (T, H, W, 3)
    return np.concatenate([np.concatenate(frames, axis=1) for frames in zip(*images, strict=True)])


def write_sample_video(
    generator: nn.Module, windows: GeneratorWindows, clip: Clip, runtime: Runtime, path: Path
) -> None:
    """The clip's first run of faces, at most three seconds, spoken by the generator.

    The reference is the face in the middle of the clip. Raises ClipError or MediaError.
    """
    reference, mel = windows.read_faces(clip, middle_frame(clip)), clip.read_mel()

    def speak(frames: np.ndarray, truth: np.ndarray) -> np.ndarray:
        sample = {
            "targets": truth,
            "references": np.repeat(reference, len(frames), axis=0),
            "frame_mels": windows.frame_mels(mel, frames),
            "mel": windows.expert_mel(mel, int(frames[0])),
        }
        tensors = {name: torch.from_numpy(np.array(v))[None] for name, v in sample.items()}
        batch = GeneratorBatch.of(runtime.move(tensors))
        with runtime.autocast():
            generated = generator(batch.frame_mels, batch.faces)
        return to_images(generated[0].transpose(0, 1))

    write_spoken_video(speak, windows, clip, path)


def middle_frame(clip: Clip) -> np.ndarray:
    """(1,): what a sample video's reference is taken from."""
    return clip.frames[[len(clip.frames) // 2]]


def write_spoken_video(speak: Speak, windows: Windows, clip: Clip, path: Path) -> None:
    """The clip's first run of faces, at most three seconds, as `speak` makes them | as they were.

    Raises ClipError or MediaError.
    """
    frames = _first_run(clip.frames)[:VIDEO_FRAMES]
    hp, sound = windows.hp, clip.sound
    start, end = int(frames[0]) / hp.fps, (int(frames[-1]) + 1) / hp.fps
    with VideoWriter(
        path, 2 * hp.img_width, hp.img_height, hp.fps,
        sound=sound if sound.exists() else None, sound_start=start, sound_end=end,
    ) as writer:  # fmt: skip
        for first in range(0, len(frames), FRAMES_AT_ONCE):
            some = frames[first : first + FRAMES_AT_ONCE]
            truth = windows.read_faces(clip, some)
            for pair in zip(speak(some, truth), truth, strict=True):
                writer.write(np.concatenate(pair, axis=1))


def _first_run(frames: np.ndarray) -> np.ndarray:
    """The frames up to the first hole."""
    holes = np.flatnonzero(np.diff(frames) != 1)
    return frames[: holes[0] + 1] if len(holes) else frames
