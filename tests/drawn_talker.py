"""A drawn face that the cascades find, and clips of it, so that tests need no real media."""

import wave
from pathlib import Path

import cv2
import numpy as np

import video
from tests.made_once import made_once


def draw_face(width: int = 100, left: int = 100, top: int = 60) -> np.ndarray:
    """A plain frontal face on grey, 1.3 times as high as wide, in a picture of 320x240."""
    image = np.full((240, 320, 3), 120, np.uint8)
    height, middle = width * 1.3, left + width / 2

    def patch(x, y, half_width, half_height, grey):
        centre = round(middle + x * width), round(top + y * height)
        axes = round(half_width * width), round(half_height * height)
        cv2.ellipse(image, centre, axes, 0, 0, 360, (grey,) * 3, -1, cv2.LINE_AA)

    patch(0, 0.5, 0.5, 0.5, 190)
    for side in (-1, 1):
        patch(side * 0.2, 0.36, 0.13, 0.02, 60)  # brow
        patch(side * 0.2, 0.43, 0.12, 0.05, 90)  # eye
        patch(side * 0.2, 0.43, 0.05, 0.035, 30)
    patch(0, 0.6, 0.09, 0.02, 130)  # nose
    patch(0, 0.56, 0.04, 0.09, 215)
    patch(0, 0.78, 0.17, 0.035, 100)  # mouth
    return cv2.GaussianBlur(image, (5, 5), 0)


def write_tone(path: Path, seconds: float, sample_rate: int = 22050) -> Path:
    """A wav file of a 300 Hz tone."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = (8000 * np.sin(2 * np.pi * 300 * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    return path


@made_once
def write_clip(
    path: Path, frames: int = 30, fps: float = 25, *, face=lambda frame: True, sound: bool = True
) -> Path:
    """A clip of the drawn face, which moves by a pixel every other frame, with a tone.

    face(frame) says in which frames it is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = write_tone(path.with_suffix(".wav"), frames / fps) if sound else None
    with video.VideoWriter(path, 320, 240, fps, sound=tone, preset="ultrafast") as writer:
        for frame in range(frames):
            shown = draw_face(left=100 + frame // 2) if face(frame) else draw_face(1, 0, 0)
            writer.write(shown)
    if tone:
        tone.unlink()
    return path
