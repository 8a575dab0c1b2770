"""How good is a generator? Pictures and sync on the clips of a preprocessed corpus.

python -m evaluation.generator_quality --data_root D --filelist D/filelists/test.txt
    [--checkpoint_path FILE] [--syncnet_checkpoint_path FILE] [--sheet out.png]

Judge with an expert that the generator was not trained against. Each clip gives --windows windows
of five frames, spoken three ways: what was said, from a reference elsewhere in the clip; words
of another clip, from the very frame as in inference; and silence.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from atomic import whole_or_absent
from corpus.clips import Clip, read_corpus
from corpus.errors import CorpusError
from evaluation.describe import mean_with_interval
from hparams import HParams
from models.checkpoint import load
from models.inputs import generator_input, lower_half, to_faces, to_images
from models.pretrained import EXPERT, GENERATOR
from training.generator_terms import laplacian_variance
from training.losses import sync_cosine
from training.session import VALIDATION_SEED
from training.windows import GeneratorWindows

SILENCE = -4.0  # of the mel
SHEET_ROWS = 12


class Bench:
    """A generator and a judge, and the windows of a list of clips."""

    def __init__(self, generator, judge, windows: GeneratorWindows):
        self.generator, self.judge, self.windows = generator, judge, windows

    @torch.inference_mode()
    def measure(self, clip: Clip, other: Clip, random: np.random.Generator):
        """One window's numbers by name, and its pictures."""
        windows = self.windows
        start, elsewhere = windows.choose(clip, random)
        far = clip.starts[np.abs(clip.starts - start) >= windows.hp.syncnet_T]
        frames = np.concatenate([windows.run_of(start), windows.run_of(elsewhere)])
        faces = to_faces(windows.read_faces(clip, frames)).transpose(0, 1)[None]
        true, reference = faces[:, :, :5], faces[:, :, 5:]
        own, new = self._sound(clip, start), self._sound(other, random.choice(other.starts))
        wrong = self._sound(clip, random.choice(far))
        spoken = self._speak(own[0], true, reference)
        dubbed = self._speak(new[0], true, true)
        silent = self._speak(torch.full_like(own[0], SILENCE), true, true)
        values = {
            "L1": (spoken - true).abs().mean(),
            "L1 of the lower half": (lower_half(spoken) - lower_half(true)).abs().mean(),
            "true, right sound": self._cosine(own, true),
            "true, wrong sound": self._cosine(wrong, true),
            "spoken, right sound": self._cosine(own, spoken),
            "spoken, wrong sound": self._cosine(wrong, spoken),
            "dubbed, new sound": self._cosine(new, dubbed),
            "dubbed, sound of the video": self._cosine(own, dubbed),
            "true, new sound": self._cosine(new, true),
            "sharpness, true": laplacian_variance(lower_half(true)),
            "sharpness, spoken": laplacian_variance(lower_half(spoken)),
            "sharpness, dubbed": laplacian_variance(lower_half(dubbed)),
            "movement, true": _movement(true),
            "movement, dubbed": _movement(dubbed),
            "movement, silent": _movement(silent),
        }
        shown = (reference, true, spoken, dubbed, silent)
        return {name: float(value) for name, value in values.items()}, shown

    def _sound(self, clip: Clip, start: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What the generator hears (5, 1, 80, 16) and what the judge hears (1, 1, 80, 16)."""
        mel, windows = clip.read_mel(), self.windows
        each = windows.frame_mels(mel, windows.run_of(int(start)))
        together = windows.expert_mel(mel, int(start)).copy()
        return torch.from_numpy(each)[:, None], torch.from_numpy(together)[None, None]

    def _speak(self, mels: torch.Tensor, faces: torch.Tensor, references: torch.Tensor):
        return self.generator(mels[None], generator_input(faces, references))

    def _cosine(self, sound: tuple[torch.Tensor, torch.Tensor], faces: torch.Tensor):
        return sync_cosine(self.judge, sound[1], faces).mean()


def _movement(faces: torch.Tensor) -> torch.Tensor:
    """Mean change of the lower half from frame to frame, in grey levels of 255."""
    lower = lower_half(faces)
    return 255 * (lower[:, :, 1:] - lower[:, :, :-1]).abs().mean()


def _sheet_row(shown: tuple[torch.Tensor, ...]) -> np.ndarray:
    """Frames 0, 2 and 4 of each way, side by side."""
    blocks = [np.hstack(to_images(faces[0].transpose(0, 1)[::2])) for faces in shown]
    gap = np.full((blocks[0].shape[0], 6, 3), 255, np.uint8)
    return np.hstack([part for block in blocks for part in (block, gap)])


def report(rows: list[dict[str, float]]) -> str:
    lines = []
    for name in rows[0]:
        _, mean, low, high = mean_with_interval(np.array([row[name] for row in rows]))
        digits = 4 if mean < 2 else 1
        lines.append(f"{name:<27} {mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_root", type=Path, required=True, help="what preprocess.py wrote")
    parser.add_argument("--filelist", type=Path, required=True, help="clips, one a line")
    parser.add_argument("--checkpoint_path", type=Path, default=GENERATOR)
    parser.add_argument("--syncnet_checkpoint_path", type=Path, default=EXPERT, help="the judge")
    parser.add_argument("--windows", type=int, default=2, help="of each clip")
    parser.add_argument(
        "--sheet", type=Path, help="PNG: reference, true, spoken, dubbed, silent, 3 frames each"
    )
    args = parser.parse_args(argv)
    try:
        bench = open_bench(args)
    except (CorpusError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    random = np.random.default_rng(VALIDATION_SEED)
    clips = bench.windows.clips
    rows, pictures = [], []
    for clip in clips * args.windows:
        other = clips[random.integers(len(clips))]
        values, shown = bench.measure(clip, other, random)
        rows.append(values)
        pictures.append(shown)
    print(report(rows))
    if args.sheet:
        chosen = pictures[:: max(1, len(pictures) // SHEET_ROWS)][:SHEET_ROWS]
        sheet = np.vstack([_sheet_row(shown) for shown in chosen])
        with whole_or_absent(args.sheet) as partial:
            partial.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    return 0


def open_bench(args: argparse.Namespace) -> Bench:
    """Networks and clips. Raises CorpusError, CheckpointError or FileNotFoundError."""
    generator = load(args.checkpoint_path, "generator")
    hp = HParams().with_overrides(f"img_height={generator.height},img_width={generator.width}")
    corpus = read_corpus(args.data_root, args.filelist, hp)
    print(corpus.summary())
    windows = GeneratorWindows(corpus.clips, hp, VALIDATION_SEED)
    return Bench(generator, load(args.syncnet_checkpoint_path, "expert"), windows)


if __name__ == "__main__":
    sys.exit(main())
