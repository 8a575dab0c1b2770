"""What TalkLip is shown of sentences: a few runs of frames to be generated, and the rest to read.

"Seeing What You Said" (Wang et al., CVPR 2023): runs of five frames that cover 8 % of a sentence.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch

from corpus.errors import ClipError, CorpusError
from hparams import TalkLipHParams
from models.av_hubert.decoder import PADDING
from models.av_hubert.tokens import Tokens
from training.talklip_data import Spoken

log = logging.getLogger(__name__)

RUN = 5  # frames in a row
LEAST_APART = 5  # frames from one run's first to the next one's
SHORTEST = 3 * RUN  # frames of a sentence: a run, and a reference elsewhere
REDRAWS = 10

Sample = dict[str, np.ndarray]


class TalkLipSentences:
    """Sentence n and the frames picked in it follow from n and the seed.

    targets, references: (N, H, W, 3) uint8; frames: (N,) of the targets; places: (N, 4), where a
    reader of whole frames sees them; mouths: (T, 88, 88) uint8; sound: (104, T); tokens: (L,).
    """

    windows_per_sample = 1

    def __init__(
        self, sentences: Sequence[Spoken], hp: TalkLipHParams, tokens: Tokens, view: str, seed: int
    ):
        self.sentences, self.hp, self.tokens = tuple(sentences), hp, tokens
        self.view, self.seed = view, seed
        self._broken: set[str] = set()

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def distinct(self) -> int:
        """Sentences, each with frames picked anew whenever it is taken."""
        return len(self.sentences)

    def __getitem__(self, number: int) -> Sample:
        epoch, place = divmod(number, len(self.sentences))
        place = np.random.default_rng([self.seed, epoch]).permutation(len(self.sentences))[place]
        random = np.random.default_rng([self.seed, number, 1])
        for _ in range(REDRAWS):
            sentence = self.sentences[place]
            try:
                return self.take(sentence, random)
            except ClipError as error:
                if sentence.name not in self._broken:
                    log.warning("left out: %s: %s", sentence.name, error)
                self._broken.add(sentence.name)
                place = random.integers(len(self.sentences))
        raise CorpusError(f"{REDRAWS} sentences drawn one after the other cannot be read")

    def take(self, sentence: Spoken, random: np.random.Generator) -> Sample:
        frames, references = pick_frames(sentence.length, self.hp.picked_share, random)
        return self.cut(sentence, frames, references)

    def cut(self, sentence: Spoken, frames: np.ndarray, references: np.ndarray) -> Sample:
        height, width = self.hp.img_height, self.hp.img_width
        faces = sentence.read_faces(np.concatenate((frames, references)), height, width)
        return {
            "targets": faces[: len(frames)],
            "references": faces[len(frames) :],
            "frames": frames,
            "places": sentence.places(frames),
            "mouths": sentence.read_mouths(self.view, height, width),
            "sound": sentence.read_sound(),
            "tokens": np.array(self.tokens.encode(sentence.words), np.int64),
        }

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        """Sentences padded to the longest; what was picked lies one after the other.

        columns: (N,) the place of each picked frame in the padded sentences, clip x T + frame;
        lengths: (B,) frames.
        """
        lengths = [sample["sound"].shape[1] for sample in samples]
        longest, words = max(lengths), max(len(sample["tokens"]) for sample in samples)
        batch = {
            name: torch.from_numpy(np.concatenate([sample[name] for sample in samples]))
            for name in ("targets", "references", "places")
        }
        columns = [sample["frames"] + clip * longest for clip, sample in enumerate(samples)]
        batch["columns"] = torch.from_numpy(np.concatenate(columns))
        batch["lengths"] = torch.tensor(lengths)
        batch["mouths"] = _stacked([sample["mouths"] for sample in samples], longest, 0)
        sounds = [np.ascontiguousarray(sample["sound"].T) for sample in samples]
        batch["sound"] = _stacked(sounds, longest, 0.0).transpose(1, 2)
        batch["tokens"] = _stacked([sample["tokens"] for sample in samples], words, PADDING)
        return batch


class UnseenTalkLipSentences(TalkLipSentences):
    """In order, every int(0.12 T)-th frame, with the first one as the reference."""

    def __getitem__(self, number: int) -> Sample:
        sentence = self.sentences[number]
        frames = np.arange(0, sentence.length, max(1, int(0.12 * sentence.length)))
        return self.cut(sentence, frames, np.zeros_like(frames))


def pick_frames(
    length: int, share: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Runs that cover `share` of a sentence, and for each run another one as its references.

    Runs begin at frame 1 or later, LEAST_APART from each other at the least.
    """
    wanted = max(1, int(share * length / RUN + 0.5))
    starts: list[int] = []
    for start in random.permutation(np.arange(1, length - RUN + 1)).tolist():
        if len(starts) == wanted:
            break
        if all(abs(start - other) >= LEAST_APART for other in starts):
            starts.append(start)
    frames = np.concatenate([np.arange(start, start + RUN) for start in sorted(starts)])
    others = random.integers(0, length - RUN + 1, len(starts))
    return frames, np.concatenate([np.arange(other, other + RUN) for other in others])


def _stacked(arrays: list[np.ndarray], length: int, filling: float) -> torch.Tensor:
    """(B, length, ...) with `filling` after those that end earlier."""
    whole = np.full((len(arrays), length, *arrays[0].shape[1:]), filling, arrays[0].dtype)
    for row, array in zip(whole, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(whole)
