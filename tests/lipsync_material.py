"""Small networks, clips and detectors for the tests of inference."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import torch
from torch import nn

from hparams import HParams
from lipsync.backends.torch_backend import TorchBackend
from lipsync.source import Frame
from models.checkpoint import save_checkpoint
from models.generator import Generator, Hearing, Place
from models.masked_face import MaskedFace
from models.talkface import TalkFace
from tests.deterministic import fill
from tests.made_once import made_once
from video import NativeFrame, VideoWriter

WIDTH, HEIGHT = 96, 80
FACE = (30, 20, 66, 70)  # left, top, right, bottom of the painted face in frame 0


@made_once
def save_tiny_generator(path: Path) -> Path:
    """A generator of 32x32 faces with deterministic weights."""
    hp = HParams().with_overrides("img_size=32,multiplier=0.0625")
    network = TalkFace(32, 32, 0.0625)
    state = {"state_dict": fill(network.state_dict()), "hparams": hp.to_dict()}
    save_checkpoint(path, state)
    return path


def face_frame(number: int, *, with_face: bool = True) -> np.ndarray:
    """A frame with an ellipse that moves to the right, one pixel every eighth frame.

    Without a face the ellipse is there, but grey: its going alone would look like a cut.
    """
    frame = np.full((HEIGHT, WIDTH, 3), (90, 70, 50), np.uint8)
    frame[:, ::8] += 20
    left, top, right, bottom = FACE
    centre = ((left + right) // 2 + number // 8, (top + bottom) // 2)
    axes = ((right - left) // 2, (bottom - top) // 2)
    colour = (140, 170, 220) if with_face else (150, 150, 150)
    cv2.ellipse(frame, centre, axes, 0, 0, 360, colour, -1)
    return frame


@made_once
def make_face_video(path: Path, frames: int = 30, fps=25, faceless=(), sound=None) -> Path:
    """In an .mkv its colours are coded as BGR, so that methods get them to the level."""
    coding = {"codec": "ffv1", "pix_fmt": "bgr0"} if path.suffix == ".mkv" else {}
    with VideoWriter(path, WIDTH, HEIGHT, fps, crf=5, sound=sound, **coding) as writer:
        for number in range(frames):
            writer.write(face_frame(number, with_face=number not in faceless))
    return path


@made_once
def make_sound(path: Path, seconds: float = 1.0, source: str = "sine=300") -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"{source}:d={seconds}", str(path)]
    subprocess.run(command, check=True)
    return path


class EllipseDetector:
    """Finds the painted face by its colour."""

    settings = {"detector": "ellipse"}

    def __init__(self) -> None:
        self.looked = 0

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        self.looked += len(images)
        return [self._detect_one(image) for image in images]

    def _detect_one(self, image: np.ndarray) -> np.ndarray:
        rows, columns = np.nonzero(image[..., 2] > 170)
        if len(rows) < 100:
            return np.zeros((0, 5))
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        return np.array([[*box, 0.99]])


def backend(network: nn.Module | None = None, **choices) -> TorchBackend:
    """A network like TalkFace, or Painter, on the CPU in float32."""
    choices = {"device": torch.device("cpu"), "precision": "fp32"} | choices
    return TorchBackend(MaskedFace(network or Painter(), Hearing("mel80x16")), **choices)


def shown(frames: Iterable[Frame]) -> Iterator[np.ndarray]:
    """What is seen of rendered frames: BGR uint8, also of native ones."""
    for frame in frames:
        yield frame.bgr() if isinstance(frame, NativeFrame) else frame


def looks_only_into_its_region(method: Generator, frame: np.ndarray, place: Place, heard) -> bool:
    """Whether what it is fed and paints is the same where nothing else of the frame is known."""
    left, top, right, bottom = method.region(place, frame.shape[1::-1])
    assert (left, top, right, bottom) != (0, 0, *frame.shape[1::-1])
    alone = np.random.default_rng(1).integers(0, 255, frame.shape, np.uint8)
    alone[top:bottom, left:right] = frame[top:bottom, left:right]
    fed, fed_alone = (method.feed(picture, place, heard) for picture in (frame, alone))
    with torch.inference_mode():
        inputs = {name: torch.from_numpy(np.array(value)[None]) for name, value in fed.items()}
        made = {name: value.numpy()[0] for name, value in method.forward(inputs).items()}
    patch, patch_alone = (method.patch(picture, place, made) for picture in (frame, alone))
    rows, columns = patch.pixels.shape[:2]
    inside = top <= patch.top and left <= patch.left
    inside &= patch.top + rows <= bottom and patch.left + columns <= right
    same = all(np.array_equal(fed[name], fed_alone[name]) for name in fed)
    return inside and same and np.array_equal(patch.pixels, patch_alone.pixels)


def generate(runs: TorchBackend, windows: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Faces that say what is heard, (n, H, W, 3) uint8."""
    fed = [{"heard": window, "face": face} for window, face in zip(windows, faces, strict=True)]
    return np.stack([made["face"] for made in runs.generate(fed)])


class Painter(nn.Module):
    """In place of a generator: paints every face in one grey, 40."""

    height = width = 32

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(40 / 255))

    def forward(self, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        return self.level.expand(len(face), 3, self.height, self.width)
