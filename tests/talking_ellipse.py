"""A face that is an ellipse, its mouth open as its voice is loud, and an expert that sees it."""

import wave
from pathlib import Path

import cv2
import numpy as np
import torch

from evaluation import Expert
from hparams import HParams
from tests.made_once import made_once
from video import VideoWriter

SIZE = 96
SAMPLE_RATE = 16000


class LoudnessExpert(torch.nn.Module):
    """Embeds how the mouth's opening, or the loudness, changes over five frames.

    What goes up and what goes down lie on axes of their own, so the cosine is in [0, 1], as the
    trained expert's is.
    """

    def embed_mouths(self, mouths: torch.Tensor) -> torch.Tensor:
        dark = (mouths.unflatten(1, (5, 3)).mean(dim=2)[..., 8:40, 30:66] < 0.25).float()
        return _unit(dark.mean(dim=(2, 3)))

    def embed_sound(self, mel: torch.Tensor) -> torch.Tensor:
        steps = mel[:, 0, :, 1:16].mean(dim=1).unflatten(1, (5, 3))
        return _unit(steps.mean(dim=2))


def _unit(courses: torch.Tensor) -> torch.Tensor:
    swings = courses - courses.mean(dim=1, keepdim=True)
    return torch.nn.functional.normalize(torch.cat([swings.relu(), (-swings).relu()], 1), dim=1)


def expert() -> Expert:
    return Expert(LoudnessExpert(), HParams())


def openings(frames: int, seed: int = 0) -> np.ndarray:
    """How far the mouth is open in each frame, in [0, 1]: an aimless walk, smoothed."""
    steps = np.random.default_rng(seed).uniform(0, 1, frames + 2)
    return np.convolve(steps, [0.25, 0.5, 0.25], "valid")


def voice(opened: np.ndarray, fps: float = 25, seed: int = 0) -> np.ndarray:
    """Noise that is as loud as the mouth is open: mono at 16 kHz."""
    samples = round(len(opened) / fps * SAMPLE_RATE)
    times = (np.arange(samples) / SAMPLE_RATE - 0.5 / fps) * fps
    loudness = 10 ** (2 * np.interp(times, np.arange(len(opened)), opened) - 2.5)
    noise = np.random.default_rng(seed + 1).normal(size=samples)
    return (loudness * noise * 0.2).clip(-1, 1).astype(np.float32)


def face(opened: float) -> np.ndarray:
    """A pale ellipse with eyes and a dark mouth: BGR uint8 (96, 96, 3)."""
    image = np.full((SIZE, SIZE, 3), 90, np.uint8)
    cv2.ellipse(image, (48, 48), (36, 46), 0, 0, 360, (150, 180, 220), -1, cv2.LINE_AA)
    for column in (34, 62):
        cv2.circle(image, (column, 36), 4, (60, 50, 40), -1, cv2.LINE_AA)
    mouth = (12, round(2 + 12 * opened))
    cv2.ellipse(image, (48, 72), mouth, 0, 0, 360, (20, 20, 60), -1, cv2.LINE_AA)
    return image


def write_sound(path: Path, wav: np.ndarray) -> Path:
    """A 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((wav * 32767).astype("<i2").tobytes())
    return path


@made_once
def write_video(path: Path, opened: np.ndarray, sound: Path | None, fps: float = 25) -> Path:
    """The ellipse in the middle of a larger picture; its box is BOX."""
    with VideoWriter(path, 160, 128, fps, sound=sound) as writer:
        for value in opened:
            frame = np.full((128, 160, 3), 90, np.uint8)
            frame[16:112, 32:128] = face(value)
            writer.write(frame)
    return path


BOX = (32.0, 16.0, 128.0, 102.0)  # with the default pad of 10 below, the 96x96 of the face


class FixedBox:
    """A detector that sees the ellipse where write_video puts it, or nothing in plain pictures."""

    def __init__(self):
        self.settings = {"detector": "fixed box"}

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        return [self._find(image) for image in images]

    def _find(self, image: np.ndarray) -> np.ndarray:
        if image.std() < 5:
            return np.empty((0, 5))
        scale = image.shape[0] / 128
        return np.array([[*(edge * scale for edge in BOX), 0.99]])
