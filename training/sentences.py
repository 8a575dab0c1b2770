"""Sentences with the mouths that say them, the samples of learning to read lips.

Which clip is sample n follows from n and the seed; the clips of one batch are of like length.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate

from corpus.clips import Clip
from corpus.errors import ClipError, CorpusError
from corpus.transcripts import read_words
from hparams import LipReaderHParams
from models.av_hubert.decoder import PADDING
from models.av_hubert.mouths import WINDOW, mouth_levels
from models.av_hubert.tokens import Tokens
from models.inputs import to_faces
from models.lip_motion import NAMES
from training.lip_truth import read_lip_truth

log = logging.getLogger(__name__)

Sample = dict[str, np.ndarray]

# The stages of a curriculum, in order.
LIPS, SEEING, ADAPTING, READING = "lips", "seeing", "adapting", "reading"
BATCHES_TOGETHER = 20  # whose clips are sorted by length; more: less padding, less chance
REDRAWS = 10  # clips drawn one after the other, until a run ends
SHIFT = 0.03  # of a crop, by which its window is moved at most
TIME_WARP = 0.15  # share by which lip motion is made slower or faster, at most


@dataclass(frozen=True)
class Sentence:
    """A clip and what is said in it."""

    clip: Clip
    words: str

    @property
    def length(self) -> int:
        """In frames, holes included."""
        return int(self.clip.frames[-1] - self.clip.frames[0]) + 1


def find_sentences(clips: Sequence[Clip], longest: int, name: str) -> list[Sentence]:
    """Those clips of which somebody knows what is said; the others are named and left out.

    Raises CorpusError where none is left.
    """
    found, wrong = [], {}
    for clip in clips:
        try:
            sentence = Sentence(clip, read_words(clip.folder))
            if sentence.length > longest:
                raise ClipError(f"longer than longest={longest} frames")
            found.append(sentence)
        except ClipError as error:
            wrong[clip.name] = str(error)
    if wrong:
        first, why = next(iter(wrong.items()))
        log.warning(
            "%s: %d clips are not read from, the first: %s: %s", name, len(wrong), first, why
        )
    if not found:
        raise CorpusError(f"{name}: of no clip it is known what is said: {why}")
    return found


def tell_unknown(tokens: Tokens, said: dict[str, str]) -> None:
    """Name the characters that cannot be read; they count as one unknown token.

    said: the words by the names of sentences.
    """
    strange = {name: tokens.unknown_characters(words) for name, words in said.items()}
    strange = {name: characters for name, characters in strange.items() if characters}
    if strange:
        name, characters = next(iter(strange.items()))
        log.warning(
            "%d sentences have characters that the reader has no token for, the first, %s: %s",
            len(strange), name, " ".join(sorted(characters)),
        )  # fmt: skip


class StagedSentences(Dataset):
    """Sample n of the stage that its step belongs to.

    lips: lip motion of `heard`, clips whose truth is known, with its words; seeing: a few frames
    and their lip motion; adapting: the number of a clip and of a look at it, and its words;
    reading: whole clips, their lip motion where it is known, their words.
    """

    windows_per_sample = 1

    def __init__(
        self, seen: Sequence[Sentence], heard: Sequence[Sentence], hp: LipReaderHParams,
        tokens: Tokens, seed: int,
    ):  # fmt: skip
        self.hp, self.tokens, self.seed = hp, tokens, seed
        self.sets = dict.fromkeys((SEEING, ADAPTING, READING), tuple(seen))
        self.sets[LIPS] = tuple(heard or seen)
        self._broken: set[str] = set()

    def __len__(self) -> int:
        """Sentences with pictures, each of which an epoch draws from once."""
        return len(self.sets[READING])

    @property
    def distinct(self) -> int:
        return len(self)

    def __getitem__(self, number: int) -> Sample:
        stage = stage_of(number // self.hp.batch_size, self.hp)
        random = np.random.default_rng([self.seed, number])
        sentences = self.sets[stage]
        order = _order(self, stage, number // len(sentences))
        for draw in range(REDRAWS):
            place = order[number % len(order)] if draw == 0 else random.integers(len(sentences))
            try:
                if stage == ADAPTING:
                    return self.take_number(place, random)
                return self.take(sentences[place], stage, random)
            except ClipError as error:
                problem = f"{sentences[place].clip.name}: {error}"
                if problem not in self._broken:
                    log.warning("left out: %s", problem)
                self._broken.add(problem)
        raise CorpusError(f"{REDRAWS} clips in a row cannot be read, the last {problem}")

    def take(self, sentence: Sentence, stage: str, random: np.random.Generator | None) -> Sample:
        """One sample; random: of its changes, None for none. Raises ClipError."""
        sample = {"tokens": np.array(self.tokens.encode(sentence.words), np.int64)}
        if stage == LIPS:
            lips = read_lip_truth(sentence.clip.folder).lips
            return sample | {"lips": lips if random is None else _warped(lips, random)}
        first, count = 0, sentence.length
        if stage == SEEING and random is not None:
            count = min(count, self.hp.seeing_frames)
            first = int(random.integers(sentence.length - count + 1))
        frames = sentence.clip.frames[0] + np.arange(first, first + count)
        sample["mouths"] = self.mouths_in(sentence.clip, frames, random)
        return sample | {"lips": _lips_in(sentence.clip, frames)}

    def take_number(self, place: int, random: np.random.Generator) -> Sample:
        """Which clip it is and which look at it, for codes that are kept of them."""
        sentence = self.sets[ADAPTING][place]
        look = int(random.integers(self.hp.looks))
        return {
            "tokens": np.array(self.tokens.encode(sentence.words), np.int64),
            "lips": np.full((sentence.length, len(NAMES)), np.nan, np.float32),
            "look": np.array([place, look]),
        }

    def name_of(self, place: int) -> str:
        return self.sets[ADAPTING][place].clip.name

    def look_at(self, place: int, look: int) -> np.ndarray:
        """The mouths of a clip at one of its looks, each with changes of its own. Raises ClipError.

        (frames, 88, 88) uint8
        """
        clip = self.sets[ADAPTING][place].clip
        frames = np.arange(clip.frames[0], clip.frames[-1] + 1)
        return self.mouths_in(clip, frames, np.random.default_rng([self.seed, place, look]))

    def mouths_in(
        self, clip: Clip, frames: np.ndarray, random: np.random.Generator | None
    ) -> np.ndarray:
        """(frames, 88, 88) uint8, mirrored, moved and of another light now and then."""
        # A hole shows the face before it.
        known = clip.frames[np.searchsorted(clip.frames, frames, side="right") - 1]
        numbers, places = np.unique(known, return_inverse=True)
        size = self.hp.img_height, self.hp.img_width
        faces = to_faces(clip.read_faces(numbers, *size))
        window, contrast, light = WINDOW, 1.0, 0.0
        if random is not None and random.random() < self.hp.augment:
            down, across = random.uniform(-SHIFT, SHIFT, 2)
            window = (WINDOW[0] + down, 1 + min(0.0, down), WINDOW[2] + across, WINDOW[3] + across)
            contrast, light = random.uniform(0.8, 1.25), random.uniform(-25, 25)
        levels = mouth_levels(faces, window)[torch.from_numpy(places)]
        if random is not None and random.random() < 0.5:
            levels = levels.flip(-1)
        return (levels * contrast + light).round().clamp(0, 255).to(torch.uint8).numpy()

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        """Padded to the longest: mouths with 0, lips with NaN, tokens with PADDING.

        frames: (B,), how many of each there are.
        """
        filling = {"tokens": PADDING, "lips": np.nan, "mouths": 0, "look": 0}
        batch = {}
        for name in samples[0]:
            longest = max(len(sample[name]) for sample in samples)
            padded = [_padded(sample[name], longest, filling[name]) for sample in samples]
            batch[name] = default_collate(padded)
        batch["frames"] = torch.tensor([len(sample["lips"]) for sample in samples])
        return batch


class UnseenSentences(StagedSentences):
    """The same clips one after the other, whole and unchanged, as mouths and as lip motion."""

    def __getitem__(self, number: int) -> Sample:
        sentence = self.sets[READING][number]
        sample = self.take(sentence, READING, None)
        if np.isnan(sample["lips"]).any():
            sample["lips"][:] = np.nan
        return sample


def stage_of(step: int, hp: LipReaderHParams) -> str:
    """Of the curriculum: lip motion is read; mouths are seen; what reads gets used to what is seen,
    which stands still; mouths are read, and all learns.
    """
    for stage, steps in (
        (LIPS, hp.lips_steps), (SEEING, hp.seeing_steps), (ADAPTING, hp.adapting_steps)
    ):  # fmt: skip
        if step < steps:
            return stage
        step -= steps
    return READING


def _order(dataset: StagedSentences, stage: str, epoch: int) -> np.ndarray:
    """A pass over the sentences, those of like length beside each other, batches in any order."""
    if dataset.__dict__.get("_ordered", (None,))[0] != (stage, epoch):
        sentences, size = dataset.sets[stage], dataset.hp.batch_size
        random = np.random.default_rng([dataset.seed, epoch, len(sentences)])
        order = random.permutation(len(sentences))
        lengths = np.array([sentences[place].length for place in order])
        together = np.arange(len(order)) // (size * BATCHES_TOGETHER)
        order = order[np.lexsort((lengths, together))]
        whole = len(order) // size * size
        batches = random.permutation(order[:whole].reshape(-1, size))
        dataset._ordered = (stage, epoch), np.concatenate((batches.ravel(), order[whole:]))
    return dataset._ordered[1]


def _warped(lips: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same lip motion said slower or faster."""
    speed = random.uniform(1 - TIME_WARP, 1 + TIME_WARP)
    times = np.arange(0, len(lips) - 1, speed)
    before = times.astype(int)
    share = (times - before)[:, None].astype(np.float32)
    return lips[before] * (1 - share) + lips[before + 1] * share


def _lips_in(clip: Clip, frames: np.ndarray) -> np.ndarray:
    """(frames, 15), NaN where nobody knows."""
    unknown = np.full((len(frames), len(NAMES)), np.nan, np.float32)
    try:
        lips = read_lip_truth(clip.folder).lips
    except ClipError:
        return unknown
    return lips[frames] if frames[-1] < len(lips) else unknown


def _padded(values: np.ndarray, length: int, filling: float) -> np.ndarray:
    width = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, width, constant_values=filling)
