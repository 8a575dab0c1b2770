"""How many training windows a core loads in a second: the original's way, folders, packed files.

python -m benchmarks.training_data [--data_root CORPUS --filelist LIST]
"""

import argparse
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.io import wavfile
from scipy.signal import get_window, lfilter

from audio import mel_filters
from corpus.clips import Clip, read_corpus
from corpus.pack import pack_clip
from hparams import HParams
from training.windows import GeneratorWindows

CLIP_SECONDS = 6


def published_way(clip: Clip, hp: HParams, random: np.random.Generator) -> tuple:
    """One sample as the original makes it: list the folder, read the whole sound, its whole mel.

    The windows are those of GeneratorWindows; only the way to them differs.
    """
    names = sorted(clip.folder.glob("*.jpg"), key=lambda path: int(path.stem))
    start, other = random.choice(len(names) - 8, 2, replace=False)
    faces = []
    for first in (start, other):
        for name in names[first : first + hp.syncnet_T]:
            faces.append(cv2.resize(cv2.imread(str(name)), (hp.img_width, hp.img_height)))
    mel = plain_mel(wavfile.read(clip.folder / "audio.wav")[1].astype(np.float32) / 2**15, hp)
    begin = int(80 * start / hp.fps)
    sounds = [mel[:, begin + shift : begin + shift + 16] for shift in (0, 3, 6, 9, 12)]
    return np.stack(faces).astype(np.float32) / 255, sounds


def plain_mel(wav: np.ndarray, hp: HParams) -> np.ndarray:
    """The whole sound's log-mel by numpy and scipy, as the original computes it."""
    wav = np.pad(lfilter([1, -hp.preemphasis], [1], wav), hp.n_fft // 2, mode="reflect")
    columns = np.lib.stride_tricks.sliding_window_view(wav, hp.n_fft)[:: hp.hop_size]
    magnitudes = np.abs(np.fft.rfft(columns * get_window("hann", hp.win_size), axis=1))
    bands = mel_filters(hp).numpy() @ magnitudes.T
    decibels = 20 * np.log10(np.maximum(1e-5, bands)) - hp.ref_level_db
    share = (decibels - hp.min_level_db) / -hp.min_level_db
    return np.clip(2 * hp.max_abs_value * share - hp.max_abs_value, -4, 4)


def samples_per_second(draw: Callable[[int], object], seconds: float) -> float:
    """Of one core, after a few to warm up; the best of three turns."""
    for number in range(4):
        draw(number)
    best = 0.0
    for turn in range(3):
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds / 3:
            draw(1000 * turn + count)
            count += 1
        best = max(best, count / (time.perf_counter() - began))
    return best


def synthetic_corpus(root: Path, clips: int = 8) -> Path:
    """Clips of noise with ordinary faces' sizes; returns the filelist."""
    random = np.random.default_rng(0)
    names = []
    for number in range(clips):
        names.append(f"made/{number:05d}")
        _make_clip(root / names[-1], random)
    filelist = root / "list.txt"
    filelist.write_text("\n".join(names))
    return filelist


def _make_clip(folder: Path, random: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    smooth = cv2.resize(random.integers(0, 255, (12, 10, 3), np.uint8), (120, 150))
    for frame in range(25 * CLIP_SECONDS):
        grain = random.integers(-6, 6, smooth.shape)
        face = np.clip(smooth + grain, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{frame}.jpg"), face)
    sound = random.integers(-9000, 9000, 16000 * CLIP_SECONDS).astype("<i2")
    with wave.open(str(folder / "audio.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(sound.tobytes())


def measure(root: Path, filelist: Path, seconds: float) -> dict[str, float]:
    """Windows a second of each way, and how many times the first one's."""
    hp = HParams()
    random = np.random.default_rng(0)
    loose = read_corpus(root, filelist, hp)
    windows = GeneratorWindows(loose.clips, hp, seed=0)
    rates = {
        "published way": samples_per_second(
            lambda n: published_way(loose.clips[n % len(loose.clips)], hp, random), seconds
        ),
        "folders of JPEGs": samples_per_second(windows.__getitem__, seconds),
    }
    for clip in loose.clips:
        pack_clip(clip.folder, hp)
    packed = GeneratorWindows(read_corpus(root, filelist, hp).clips, hp, seed=0)
    rates["packed files"] = samples_per_second(packed.__getitem__, seconds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data_root", type=Path, help="a corpus; without it one is made; is packed"
    )
    parser.add_argument("--filelist", type=Path, help="its clips to use")
    parser.add_argument("--seconds", type=float, default=9.0, help="spent on each way")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        root = args.data_root or Path(folder)
        rates = measure(root, args.filelist or synthetic_corpus(root), args.seconds)
    slowest = rates["published way"]
    for name, rate in rates.items():
        print(f"{name:<18} {rate:8.1f} windows/s a core  x{rate / slowest:.1f}")


if __name__ == "__main__":
    main()
