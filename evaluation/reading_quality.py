"""How well are lips read in clips, as they are and as a TalkLip generator makes them?

python -m evaluation.reading_quality --reader R.pth --data_root D --filelist D/filelists/test.txt
    [--generator TALKLIP.pth] [--syncnet_checkpoint_path FILE] [--sheet out.png]

The generator paints every frame of a sentence, from the first one as reference. Read with a reader
that it was not taught by: its own may be pleased by what no other can read.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from atomic import whole_or_absent
from audio import expert_window_start, mel_window
from corpus.clips import Clip, read_corpus
from corpus.errors import ClipError, CorpusError
from evaluation.describe import RESAMPLES, mean_with_interval
from hparams import ClipHParams, TalkLipHParams
from models.av_hubert.mouths import mouths_of_faces, normalised
from models.av_hubert.open_reader import Reader, open_reader
from models.av_hubert.search import read_encoded
from models.checkpoint import load
from models.inputs import generator_input, lower_half, to_faces, to_images
from models.pretrained import EXPERT, LIP_READER
from models.talklip import TalkLipGenerator
from training.generator_terms import laplacian_variance
from training.losses import sync_cosine
from training.sentences import Sentence, find_sentences
from training.talklip_data import CropSentence
from training.talklip_windows import Sample, UnseenTalkLipSentences
from training.word_errors import WordErrors

APART = 5  # frames from one window that the sync expert judges to the next
SHEET_FRAMES = range(10, 74, 7)


class Bench:
    """A reader, and where given a generator with its judge, over sentences."""

    def __init__(self, reader: Reader, generator: TalkLipGenerator | None, judge, beam: int):
        self.reader, self.generator, self.judge, self.beam = reader, generator, judge, beam
        height, width = reader.face
        if generator is not None:
            height, width = generator.height, generator.width
        hp = TalkLipHParams(img_height=height, img_width=width)
        self.samples = UnseenTalkLipSentences((), hp, reader.tokens, reader.view, 0)
        self.hp = hp
        self.words: dict[str, list[WordErrors]] = defaultdict(list)
        self.numbers: dict[str, list[float]] = defaultdict(list)
        self.sheet: list[np.ndarray] = []

    @torch.inference_mode()
    def add(self, sentence: Sentence) -> None:
        """Read one sentence, true and made. Raises ClipError."""
        spoken = CropSentence(sentence)
        frames = np.arange(spoken.length)
        sample = self.samples.cut(spoken, frames, np.zeros_like(frames))
        true = normalised(torch.from_numpy(sample["mouths"]))[None]
        self.words["true"].append(self.errors(true, sentence.words))
        if self.generator is None:
            return
        targets = to_faces(torch.from_numpy(sample["targets"]))
        made = self.paint(sample, targets)
        self.words["made"].append(self.errors(mouths_of_faces(made), sentence.words))
        self.compare(sentence.clip, targets, made)

    def errors(self, mouths: torch.Tensor, words: str) -> WordErrors:
        """mouths: (1, T, 88, 88)"""
        encoded = self.reader.network.encoder(mouths=mouths[None])[0]
        best = read_encoded(self.reader.network, encoded, beam=self.beam)[0]
        tokens, errors = self.reader.tokens, WordErrors()
        errors.add(tokens.decode(best.tokens), tokens.decode(tokens.encode(words)))
        return errors

    def paint(self, sample: Sample, targets: torch.Tensor) -> torch.Tensor:
        """(T, 3, H, W) in [0, 1]"""
        references = to_faces(torch.from_numpy(sample["references"]))
        heard = self.generator.hear(torch.from_numpy(sample["sound"])[None])[0]
        codes = self.generator.audio_map(heard)
        return self.generator.paint(codes, generator_input(targets, references))

    def compare(self, clip: Clip, targets: torch.Tensor, made: torch.Tensor) -> None:
        """Pictures and sync, a number a clip."""
        off = (made - targets).abs()
        add = {"L1": off.mean(), "L1 of the lower half": lower_half(off).mean()}
        for name, faces in (("true", targets), ("made", made)):
            add[f"sharpness, {name}"] = laplacian_variance(lower_half(faces)[:, :, None])
            if self.judge is not None:
                add[f"sync, {name}"] = self.sync(clip, faces)
        for name, value in add.items():
            self.numbers[name].append(float(value))
        shown = [frame for frame in SHEET_FRAMES if frame < len(made)]
        rows = [np.hstack(to_images(faces[shown])) for faces in (targets, made)]
        self.sheet.append(np.vstack(rows))

    def sync(self, clip: Clip, faces: torch.Tensor) -> torch.Tensor:
        """The judge's mean cosine of windows all over the clip."""
        mel, hp = clip.read_mel(), self.hp
        first, length = int(clip.frames[0]), hp.syncnet_T
        starts = [int(n) for n in clip.starts[::APART] if n - first + length <= len(faces)]
        columns = [expert_window_start(start, hp.fps, hp) for start in starts]
        heard = np.stack([mel_window(mel, column, hp) for column in columns])
        seen = torch.stack([faces[n - first : n - first + length].transpose(0, 1) for n in starts])
        return sync_cosine(self.judge, torch.from_numpy(heard)[:, None], seen).mean()

    def report(self) -> str:
        lines = [f"{len(self.words['true'])} sentences"]
        for name, errors in self.words.items():
            words = rate_with_interval(errors, "wrong_words", "words")
            characters = rate_with_interval(errors, "wrong_characters", "characters")
            lines.append(f"{name}: {words} of words wrong, {characters} of characters")
        for name, values in self.numbers.items():
            _, mean, low, high = mean_with_interval(np.array(values))
            digits = 4 if mean < 2 else 1
            low, high = (mean, mean) if low is None else (low, high)
            lines.append(f"{name:<21} {mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        return "\n".join(lines)


def rate_with_interval(errors: Sequence[WordErrors], wrong: str, of: str) -> str:
    """Wrong ones of all, and where that lies in 95 % of draws of as many sentences."""
    counts = np.array([[getattr(one, wrong), getattr(one, of)] for one in errors])
    random = np.random.default_rng(0)
    drawn = counts[random.integers(len(counts), size=(RESAMPLES, len(counts)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1].clip(1), (0.025, 0.975))
    wrong_ones, all_ones = counts.sum(axis=0)
    return f"{wrong_ones / max(1, all_ones):.1%} ({low:.1%} to {high:.1%})"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.reading_quality", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--reader", type=Path, default=LIP_READER, help="a lip reader of ours, of crops of faces")
    add("--data_root", type=Path, required=True, help="clips with words, by preprocess.py")
    add("--filelist", type=Path, required=True, help="clips, one a line")
    add("--generator", type=Path, help="a TalkLip generator, whose faces are read too")
    add("--syncnet_checkpoint_path", type=Path, default=EXPERT, help="judges the sync of faces")
    add("--beam", type=int, default=20, help="readings that are followed at a time")
    add("--sheet", type=Path, help="PNG: of each of some sentences, true frames above made ones")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        bench = open_bench(args)
        corpus = read_corpus(args.data_root, args.filelist, ClipHParams())
        for sentence in find_sentences(corpus.clips, sys.maxsize, args.filelist.name):
            try:
                bench.add(sentence)
            except ClipError as error:
                print(f"left out: {sentence.clip.name}: {error}", file=sys.stderr)
        if not bench.words:
            raise CorpusError(f"{args.filelist}: no clip of it can be read")
        if args.sheet and bench.sheet:
            with whole_or_absent(args.sheet) as partial:
                picture = np.vstack(bench.sheet[:: max(1, len(bench.sheet) // 6)][:6])
                partial.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(bench.report())
    return 0


def open_bench(args: argparse.Namespace) -> Bench:
    generator = load(args.generator, "talklip") if args.generator else None
    judge = load(args.syncnet_checkpoint_path, "expert") if generator else None
    return Bench(open_reader(args.reader), generator, judge, args.beam)


if __name__ == "__main__":
    sys.exit(main())
