"""A clip's faces and sound as files."""

from pathlib import Path

import cv2
import numpy as np

from audio import melspectrogram, save_wav
from corpus.layout import MEL, SOUND, face_file
from hparams import ClipHParams

JPEG_QUALITY = 95


def at_most(crop: np.ndarray, side: int) -> np.ndarray:
    """The crop, shrunk where a side is longer than that; 0 keeps all."""
    height, width = crop.shape[:2]
    scale = side / max(height, width)
    if not side or scale >= 1:
        return crop
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA)


def write_face(folder: Path, number: int, face: np.ndarray) -> None:
    """N.jpg of frame N; face: BGR uint8 (H, W, 3)."""
    coded = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    face_file(folder, number).write_bytes(coded)  # imwrite would fail without a word


def write_heard(folder: Path, samples: np.ndarray, hp: ClipHParams) -> None:
    """audio.wav, and the mel of what it holds, to the last bit; samples: int16 at sample_rate."""
    save_wav(folder / SOUND, samples, hp.sample_rate)
    np.save(folder / MEL, melspectrogram(samples.astype(np.float32) / 32768, hp))
