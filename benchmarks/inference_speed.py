"""How much faster inference is than the plain way, in one run, turn and turn about.

    python -m benchmarks.inference_speed [--frames 48] [--turns 2] [--device cpu]

The plain way: S3FD on every full frame and then the generator, both in fp32 and NCHW, one stage
after the other. Both have random weights; what is detected is replaced by one constant box, so
that both go on alike.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

import audio
import video
from benchmarks.inference_clip import BOX, make_clip
from face_detection.s3fd import MEAN, S3FDDetector
from hparams import HParams
from lipsync import Settings
from lipsync.backends.torch_backend import TorchBackend
from lipsync.plan import make_plan
from lipsync.render import Tally, open_writer, render
from models.devices import resolve_device
from models.generator import Hearing
from models.inputs import generator_input, to_faces
from models.lower_face import cut_face
from models.masked_face import MaskedFace
from models.s3fd import S3FD
from models.talkface import TalkFace

PLAIN_BATCH = 128  # the original's


class ConstantBox:
    """A detector that works as hard as the real one, and always answers BOX."""

    def __init__(self, detector: S3FDDetector, full_height: int) -> None:
        self._detector, self._full_height = detector, full_height
        self.settings = detector.settings

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        self._detector.detect(images)
        scale = images[0].shape[0] / self._full_height
        return [np.array([[*(edge * scale for edge in BOX), 0.99]])] * len(images)


@torch.inference_mode()
def detect_plainly(network: torch.nn.Module, frames: list[np.ndarray], device) -> None:
    """The network alone on each full frame; choosing among its boxes is not even counted."""
    for frame in frames:
        pixels = torch.from_numpy(frame[..., ::-1].copy()).to(device)
        network(
            pixels.permute(2, 0, 1)[None].float() - torch.tensor(MEAN, device=device)[:, None, None]
        )


@torch.inference_mode()
def generate_plainly(network, windows: np.ndarray, faces: np.ndarray, device) -> np.ndarray:
    made = []
    for first in range(0, len(faces), PLAIN_BATCH):
        target = to_faces(torch.from_numpy(faces[first : first + PLAIN_BATCH]).to(device))
        mel = torch.from_numpy(windows[first : first + PLAIN_BATCH])[:, None].to(device)
        made.append((network(mel, generator_input(target, target)) * 255).cpu().numpy())
    return np.concatenate(made).transpose(0, 2, 3, 1)


def run_plainly(clip: Path, detector, generator, device, outfile: Path) -> list[np.ndarray]:
    """Every stage on all frames before the next begins; returns the frames before encoding."""
    frames = list(video.read_frames(clip))
    if detector is not None:
        detect_plainly(detector, frames, device)
    hp = HParams()
    mel = audio.melspectrogram(audio.load_wav(clip, hp.sample_rate), hp)
    windows = audio.mel_windows(mel, 25, hp, frames=len(frames))
    left, top, right, bottom = BOX
    size = (generator.width, generator.height)
    faces = np.stack([cut_face(frame, BOX, *size) for frame in frames])
    made = generate_plainly(generator, windows, faces, device)
    for frame, face in zip(frames, made.round().clip(0, 255).astype(np.uint8), strict=True):
        frame[top:bottom, left:right] = cv2.resize(face, (right - left, bottom - top))
    height, width = frames[0].shape[:2]
    with video.VideoWriter(outfile, width, height, 25, sound=clip) as writer:
        for frame in frames:
            writer.write(frame)
    return frames


def run_ours(clip: Path, detector, backend: TorchBackend, outfile: Path, tally: Tally) -> None:
    settings = Settings(length="video", use_cache=False)
    plan = make_plan(clip, clip, settings, backend, lambda: detector)
    with open_writer(outfile, plan) as writer:
        for frame in render(plan, backend, tally):
            writer.write(frame)


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of CPU time with ffmpeg's, which a busy machine
    disturbs less."""
    begin, cpu_begin = time.perf_counter(), sum(os.times()[:4])
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin, sum(os.times()[:4]) - cpu_begin


def report(name: str, plain: tuple[float, float], ours: tuple[float, float], frames: int) -> None:
    for kind, slow, quick in zip(("clock", "CPU time"), plain, ours, strict=True):
        rates = f"plain {frames / slow:.1f} fps, ours {frames / quick:.1f} fps"
        print(f"{name}, by {kind}: {rates}, {slow / quick:.1f}x", flush=True)


def compare_frames(clip: Path, plain_generator, folder: Path, device) -> int:
    """Greatest difference in grey levels, both with a given box, in fp32 and as rectangles."""
    ours = _backend(device, "fp32")
    settings = Settings(length="video", blend="none", box=BOX)
    plan = make_plan(clip, clip, settings, ours, lambda: None)
    expected = run_plainly(clip, None, plain_generator, device, folder / "plain.mp4")
    return max(
        int(np.abs(frame.astype(int) - plain).max())
        for frame, plain in zip(render(plan, ours), expected, strict=True)
    )


def _generator() -> TalkFace:
    torch.manual_seed(0)
    return TalkFace().eval()


def _backend(device: torch.device, precision: str = "auto") -> TorchBackend:
    method = MaskedFace(_generator(), Hearing("mel80x16"))
    return TorchBackend(method, device=device, precision=precision)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=48, help="of the clip, 1280x720 at 25 fps")
    parser.add_argument("--turns", type=int, default=2, help="how often each way is run")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    device = resolve_device(args.device)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), device, args.frames, args.turns)


def compare(folder: Path, device: torch.device, frames: int, turns: int) -> None:
    clip = make_clip(folder / "clip.mp4", frames)
    s3fd, backend = S3FD().eval(), _backend(device)
    torch.save(s3fd.state_dict(), folder / "s3fd.pth")
    precision = "bf16" if backend.dtype == torch.bfloat16 else "fp32"
    detector = ConstantBox(
        S3FDDetector(folder / "s3fd.pth", device=str(device), precision=precision), 720
    )
    plain = s3fd.to(device), _generator().to(device)
    print(f"{frames} frames of 1280x720, {device}, {precision}, {torch.get_num_threads()} threads")
    difference = compare_frames(clip, plain[1], folder, device)
    print(f"greatest difference in fp32: {difference} grey levels", flush=True)
    for _ in range(turns):
        compare_generators(backend, plain[1], device)
    for _ in range(turns):
        compare_whole(clip, folder, plain, (detector, backend))


def compare_generators(backend: TorchBackend, plain_generator, device) -> None:
    random = np.random.RandomState(0)
    windows = random.standard_normal((PLAIN_BATCH, 80, 16)).astype(np.float32)
    faces = random.randint(0, 256, (PLAIN_BATCH, 96, 96, 3)).astype(np.uint8)
    fed = [{"heard": window, "face": face} for window, face in zip(windows, faces, strict=True)]
    backend.generate(fed[:16])
    report(
        "generator alone",
        measure(lambda: generate_plainly(plain_generator, windows, faces, device)),
        measure(lambda: backend.generate(fed)),
        PLAIN_BATCH,
    )


def compare_whole(clip: Path, folder: Path, plain: tuple, ours: tuple) -> None:
    tally = Tally()
    quick = measure(lambda: run_ours(clip, *ours, folder / "ours.mp4", tally))
    device, made = ours[1].device, []
    slow = measure(lambda: made.extend(run_plainly(clip, *plain, device, folder / "plain.mp4")))
    report("end to end", slow, quick, len(made))
    shares = (f"{stage} {seconds:.2f} s" for stage, seconds in tally.seconds.items())
    print("  stages of ours, which overlap: " + ", ".join(shares))


if __name__ == "__main__":
    main()
