"""How well is lip motion heard? Errors and contacts on clips whose lips are known.

python -m evaluation.hearing_quality --data_root sounds --filelist sounds/filelists/sounds_val.txt

Made and recorded voices by themselves, and of each those that are clean: hardly noise, no room.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from corpus.clips import Clip, read_corpus
from corpus.errors import ClipError, CorpusError
from corpus.truth import TRUTH_FILE, read_truth
from hparams import ClipHParams
from models.checkpoint import load
from models.lip_hearing import COLUMNS_PER_SECOND, LipHearing
from models.lip_motion import FPS
from models.pretrained import LIP_HEARING
from training.engine.runtime import Runtime
from training.hearing_losses import HearingScore
from training.lip_truth import read_lip_truth

CLEAN_NOISE = -40.0  # dB against the speech, at most
SHOWN = ("shut", "tucked", "falsely_shut", "heard_error", "jawOpen", "mouthClose", "mouthPucker")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.hearing_quality", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data_root", type=Path, required=True, help="clips of --sound_only")
    parser.add_argument("--filelist", type=Path, required=True, help="clips, one a line")
    parser.add_argument("--weights", type=Path, default=LIP_HEARING)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        network = load(args.weights, "lip_hearing")
        corpus = read_corpus(args.data_root, args.filelist, ClipHParams(), sound_alone=True)
        groups = score_clips(network, corpus.clips)
    except (CorpusError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(corpus.summary("sound"))
    runtime = Runtime(torch.device("cpu"))
    for name, score in sorted(groups.items()):
        print(report(name, score, runtime))
    return 0


def score_clips(network: LipHearing, clips: tuple[Clip, ...]) -> dict[str, HearingScore]:
    """By group; a clip whose lips nobody knows is named and left out."""
    groups: dict[str, HearingScore] = defaultdict(HearingScore)
    for clip in clips:
        try:
            predicted, batch = _hear(network, clip)
        except ClipError as error:
            print(f"left out: {clip.name}: {error}", file=sys.stderr)
            continue
        kind = "recorded" if batch["recorded"] else "made"
        for group in (kind, f"{kind}, clean") if is_clean(clip.folder) else (kind,):
            groups[group].add(network, predicted, batch)
    return groups


def is_clean(folder: Path) -> bool:
    """Whether the sound was left nearly as it was spoken."""
    conditions = (read_truth(folder / TRUTH_FILE) or {}).get("conditions", {})
    still = conditions.get("noise_level", 0.0) <= CLEAN_NOISE
    return still and conditions.get("reverberation", 1.0) == 0


@torch.inference_mode()
def _hear(network: LipHearing, clip: Clip) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    truth, mel = read_lip_truth(clip.folder), clip.read_mel()
    names = ("lips", "near_contact", "shut_bursts", "tucked_ends")
    batch = {name: torch.from_numpy(getattr(truth, name))[None] for name in names}
    batch |= {"known": torch.ones(1, len(truth.lips)), "recorded": torch.tensor([truth.recorded])}
    places = (np.arange(len(truth.lips)) + 0.5) / FPS * COLUMNS_PER_SECOND
    predicted = network(torch.from_numpy(mel)[None], torch.from_numpy(places).float())
    return predicted, batch


def report(name: str, score: HearingScore, runtime: Runtime) -> str:
    values = score.read(runtime)
    lines = [name]
    for shown in SHOWN:
        key = next((key for key in (f"{shown}_recorded", shown) if key in values), None)
        if key:
            lines.append(f"  {shown:<14} {values[key]:.3f} of {score.counts[key]}" if key in
                         score.counts else f"  {shown:<14} {values[key]:.3f}")  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
