"""How well a DAVS tells words, finds a sound's lips among others, and forgets words in faces.

python -m evaluation.words --checkpoint_path runs/davs/checkpoint_best.pth --data_root words/

Words by lips, by sound, by both; retrieval by Euclidean distance between codes, both ways; and how
well a linear reader tells the word by the identity's code, which should not know it.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from corpus.words import SPLITS, WordClip, WordCorpus, read_word_corpus
from hparams import DavsHParams
from models.checkpoint import load
from models.davs import DAVS
from models.devices import resolve_device
from models.inputs import to_faces
from training.word_windows import WordWindows

AMONG = (1, 5, 10, 50)  # of the nearest, that the right one is found
AT_ONCE = 32  # clips
MIDDLE = 5  # of the twelve frames, whose identity is probed
SAME = 1e-6  # between squared distances: no more than float32 tells
RIDGE = 10.0  # of the linear reader, whose inputs have a deviation of 1


@dataclass(frozen=True, eq=False)
class Codes:
    """What the networks say of the clips of a split."""

    words: np.ndarray  # (n,)
    sounds: np.ndarray  # (n, 12, 256)
    lips: np.ndarray
    identities: np.ndarray  # (n, 256), of one frame
    by_sound: np.ndarray  # (n, words) logits
    by_lips: np.ndarray


@torch.inference_mode()
def encode(network: DAVS, corpus: WordCorpus, device: torch.device) -> Codes:
    """The codes of all clips of a split, the frames about the middle of each."""
    rows: list[list[np.ndarray]] = []
    for batch in _batches(network, corpus.clips):
        faces = to_faces(batch["faces"]).flip(-3).to(device)
        sounds = network.mfcc_encoder(batch["heard"].to(device)[:, :, None])
        lips = network.lip_feature_encoder(faces)
        identity = network.ID_encoder(faces[:, MIDDLE])[0]
        told = (network.model_fusion(codes) for codes in (sounds, lips))
        values = (batch["word"], sounds, lips, identity, *told)
        rows.append([value.float().cpu().numpy() for value in values])
    words, *others = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Codes(words.astype(int), *others)


def _batches(
    network: DAVS, clips: tuple[WordClip, ...], *, faces: bool = True
) -> Iterator[dict[str, torch.Tensor]]:
    hp = DavsHParams(img_size=network.size, fusion_frames=network.fusion_frames)
    windows = WordWindows(clips, hp, seed=0, vary=False, faces=faces)
    random = np.random.default_rng(0)  # nothing is drawn from it
    for first in range(0, len(clips), AT_ONCE):
        samples = [windows.cut(clip, random) for clip in clips[first : first + AT_ONCE]]
        yield {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}


def accuracies(codes: Codes) -> dict[str, float]:
    """Shares of the words that are told right; both: by the sum of the logits."""
    told = {"lips": codes.by_lips, "sound": codes.by_sound, "both": codes.by_lips + codes.by_sound}
    return {by: float((logits.argmax(axis=1) == codes.words).mean()) for by, logits in told.items()}


def retrieval(asked: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Of each row its own among all others', by distance of unit vectors. (n, ...) each

    R@k: share whose own is among the k nearest; median and mean rank, counted from 1. Among as
    near ones the own stands in the middle: who has one code for all finds nothing.
    """
    asked, found = (_unit(codes.reshape(len(codes), -1)) for codes in (asked, found))
    distances = 2 - 2 * asked @ found.T
    own = np.diagonal(distances)[:, None]
    nearer, as_near = (
        (distances < own - SAME).sum(axis=1),
        (abs(distances - own) <= SAME).sum(axis=1),
    )
    ranks = nearer + (as_near - 1) / 2
    scores = {f"R@{k}": float((ranks < k).mean()) for k in AMONG}
    return scores | {
        "median": float(np.floor(np.median(ranks)) + 1),
        "mean": float(ranks.mean() + 1),
    }


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def linear_reader(
    codes: np.ndarray, words: np.ndarray, unseen: np.ndarray, right: np.ndarray, count: int
) -> float:
    """Share of unseen codes whose word a linear reader tells that learnt on the others' words."""
    mean, spread = codes.mean(axis=0), codes.std(axis=0) + 1e-6
    known, asked = ((_with_one((part - mean) / spread)) for part in (codes, unseen))
    targets = np.eye(count)[words]
    inner = known.T @ known + RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(inner, known.T @ targets)
    return float(((asked @ weights).argmax(axis=1) == right).mean())


def _with_one(rows: np.ndarray) -> np.ndarray:
    return np.column_stack([rows, np.ones(len(rows))])


def score_sound(network: DAVS, root: Path, split: str, device: torch.device) -> dict:
    """Words by sound alone, of clips that need no faces. Raises CorpusError, ValueError."""
    corpus = read_word_corpus(root, split, sound_alone=True)
    _refuse_other_words(network, corpus, root)
    right = []
    with torch.inference_mode():
        for batch in _batches(network, corpus.clips, faces=False):
            told = network.model_fusion(network.mfcc_encoder(batch["heard"].to(device)[:, :, None]))
            right += (told.argmax(dim=1).cpu() == batch["word"]).tolist()
    return {
        "clips": len(right),
        "words": network.words,
        "chance": 1 / network.words,
        "accuracy": {"sound": float(np.mean(right))},
    }


def _refuse_other_words(network: DAVS, corpus: WordCorpus, root: Path) -> None:
    if len(corpus.words) != network.words:
        raise ValueError(f"{root} has {len(corpus.words)} words, the network knows {network.words}")


def score(network: DAVS, root: Path, split: str, device: torch.device) -> dict:
    """All scores of a split; the linear readers learn on train. Raises CorpusError, ValueError."""
    corpus, train = (read_word_corpus(root, name) for name in (split, "train"))
    _refuse_other_words(network, corpus, root)
    unseen, known = (encode(network, part, device) for part in (corpus, train))
    readers = {
        name: linear_reader(a, known.words, b, unseen.words, network.words)
        for name, a, b in (
            ("identity", known.identities, unseen.identities),
            ("lips", known.lips[:, MIDDLE], unseen.lips[:, MIDDLE]),
        )
    }
    return {
        "clips": len(corpus.clips),
        "words": network.words,
        "chance": 1 / network.words,
        "accuracy": accuracies(unseen),
        "retrieval": {
            "sound to video": retrieval(unseen.sounds, unseen.lips),
            "video to sound": retrieval(unseen.lips, unseen.sounds),
        },
        "linear reader of one frame": readers,
    }


def describe(found: dict) -> str:
    """The scores as lines."""
    accuracy = found["accuracy"]
    lines = [
        f"{found['clips']} clips of {found['words']} words; chance {found['chance']:.1%}",
        "words told right: " + ", ".join(f"by {by} {share:.1%}" for by, share in accuracy.items()),
    ]
    if accuracy.keys() == {"sound"}:
        return "\n".join(lines)
    for way, scores in found["retrieval"].items():
        shares = ", ".join(f"R@{k} {scores[f'R@{k}']:.1%}" for k in AMONG)
        ranks = f"rank median {scores['median']:g}, mean {scores['mean']:.1f}"
        lines.append(f"{way}: {shares} (chance of R@1 {1 / found['clips']:.2%}), {ranks}")
    readers = found["linear reader of one frame"]
    lines.append(
        "a linear reader of one frame tells the word by its identity code "
        f"{readers['identity']:.1%}, by its lip code {readers['lips']:.1%}"
    )
    return "\n".join(lines)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.words",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--checkpoint_path", type=Path, required=True, help="a DAVS")
    add("--data_root", type=Path, required=True, help="clips of words: <split>/<class>/<k>/")
    add("--sound_alone", action="store_true", help="words by sound, of clips without faces")
    add("--split", choices=SPLITS, default="test")
    add("--json", type=Path, help="write the scores to this file too")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        device = resolve_device(args.device)
        network = load(args.checkpoint_path, "davs", device).eval()
        score_all = score_sound if args.sound_alone else score
        found = score_all(network, args.data_root, args.split, device)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1) + "\n")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(describe(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
