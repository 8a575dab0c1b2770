"""How good is an expert? Loss, accuracy and offsets on the clips of a preprocessed corpus.

python -m evaluation.expert_quality --data_root D --filelist D/filelists/test.txt

Wrong pairs are all other starts of the same clip. Right and wrong weigh the same.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from corpus.clips import Clip, read_corpus
from corpus.errors import CorpusError
from evaluation import Expert, read_expert
from evaluation.describe import mean_with_interval
from models.pretrained import EXPERT
from training.losses import bce_of_cosine

MOST_SHIFT = 15  # frames to each side
SPAN = 25  # windows, one a frame: one second
SHIFTED = 6  # frames, to either side: whole clips with a sound that does not fit
FEWEST_SHIFTS = 11  # that a second must be compared with, to count


def cosines_of(clip: Clip, expert: Expert) -> np.ndarray:
    """(n, n): the mouths of each start (rows) with the sound of each start (columns)."""
    hp = expert.hp
    span = range(int(clip.frames[0]), int(clip.frames[-1]) + 1)
    pictures = clip.read_faces(clip.frames, hp.img_height, hp.img_width)
    faces = dict(zip(clip.frames.tolist(), pictures, strict=True))
    blank = np.zeros_like(next(iter(faces.values())))
    mouths = expert.embed_faces([faces.get(frame, blank) for frame in span])
    mouths = mouths[torch.from_numpy(clip.starts - span.start)]
    mel = clip.read_mel()
    sounds = torch.cat([expert.embed_sound(mel, range(s, s + 1)) for s in clip.starts.tolist()])
    return (mouths.float() @ sounds.float().T).cpu().numpy()


def right_and_wrong(cosines: np.ndarray) -> tuple[float, float, float, float]:
    """Of one clip: loss, accuracy, mean cosine of right pairs and of wrong pairs."""
    right = np.diag(cosines).copy()
    wrong = cosines[~np.eye(len(cosines), dtype=bool)]
    losses = [
        float(bce_of_cosine(torch.from_numpy(some), torch.full((len(some),), truth)))
        for some, truth in ((right, 1.0), (wrong, 0.0))
    ]
    hits = (right > 0.5).mean() + (wrong < 0.5).mean()
    return sum(losses) / 2, hits / 2, right.mean(), wrong.mean()


def offsets_of(cosines: np.ndarray, starts: np.ndarray) -> list[int]:
    """The shift that fits best in each second of a clip; seconds do not overlap."""
    at = {int(start): place for place, start in enumerate(starts)}
    found = []
    for first in range(0, len(starts) - SPAN + 1, SPAN):
        second = starts[first : first + SPAN]
        if second[-1] - second[0] != SPAN - 1:
            continue
        means = {}
        for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
            pairs = [(at[s], at[s + shift]) for s in second.tolist() if s + shift in at]
            if len(pairs) >= SPAN // 2:
                means[shift] = np.mean([cosines[row, column] for row, column in pairs])
        if len(means) >= FEWEST_SHIFTS:
            found.append(max(means, key=means.get))
    return found


def clip_means(cosines: np.ndarray) -> tuple[float, list[float]]:
    """The similarity of a whole clip as it is, and as far off as SHIFTED to either side."""
    shifts = [shift for shift in (-SHIFTED, SHIFTED) if abs(shift) < len(cosines)]
    return np.diag(cosines).mean(), [np.diag(cosines, shift).mean() for shift in shifts]


def dividing_line(true: np.ndarray, shifted: np.ndarray) -> str:
    """From which mean similarity on a voice is best called a face's own (fits_from)."""
    lines = np.unique(np.round(np.concatenate((true, shifted)), 2))
    over = [((true >= line).mean(), (shifted < line).mean()) for line in lines]
    parted = np.array([sum(pair) for pair in over])
    equals = np.flatnonzero(parted == parted.max())
    best = equals[len(equals) // 2]
    return (
        f"fits from {lines[best]:.2f} on: {over[best][0]:.1%} of {len(true)} clips as they are, "
        f"and {over[best][1]:.1%} of those {SHIFTED} frames off are under it"
    )


def report(rows: np.ndarray, offsets: list[int]) -> str:
    names = ("loss", "accuracy", "cosine in sync", "cosine off sync")
    lines = []
    for name, column in zip(names, rows.T, strict=True):
        _, mean, low, high = mean_with_interval(column)
        lines.append(f"{name:<16} {mean:.4f} ({low:.4f} to {high:.4f})")
    near = np.abs(offsets) <= 1
    lines.append(f"offset within a frame in {near.mean():.1%} of {len(near)} seconds")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_root", type=Path, required=True, help="what preprocess.py wrote")
    parser.add_argument("--filelist", type=Path, required=True, help="clips, one a line")
    parser.add_argument("--syncnet_checkpoint_path", type=Path, default=EXPERT)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    try:
        expert = read_expert(args.syncnet_checkpoint_path, args.device)
        corpus = read_corpus(args.data_root, args.filelist, expert.hp)
    except (CorpusError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(corpus.summary())
    rows, offsets, true, shifted = [], [], [], []
    for clip in corpus.clips:
        cosines = cosines_of(clip, expert)
        rows.append(right_and_wrong(cosines))
        offsets += offsets_of(cosines, clip.starts)
        as_is, off = clip_means(cosines)
        true.append(as_is)
        shifted += off
    print(report(np.array(rows), offsets))
    print(dividing_line(np.array(true), np.array(shifted)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
