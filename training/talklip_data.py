"""What TalkLip learns from: sentences with all that is seen, heard and said in them.

Out of our preprocessed clips, or out of the folders that TalkLip's own preparation makes
(`preprocess.py --layout talklip`): video_root, audio_root, bbx_root, word_root.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

import video
from audio import load_wav
from corpus.clips import Clip
from corpus.errors import ClipError, CorpusError
from corpus.filelists import read_filelist
from corpus.transcripts import read_transcript
from face_detection.boxes import middle_box
from features.logfbank import stacked_filterbank
from models.av_hubert.mouths import mouth_levels, mouth_pictures, raw_levels
from models.inputs import fit_face, to_faces
from training.sentences import Sentence

log = logging.getLogger(__name__)

FPS = 25
SAMPLE_RATE = 16000  # Hz
FRAME_SIDE = 160  # px, of LRS2's frames, whose middle a published reader looks at


class Spoken(ABC):
    """One sentence: faces to be generated, mouths to be read, sound and words."""

    name: str
    words: str

    @property
    @abstractmethod
    def length(self) -> int:
        """Frames."""

    @abstractmethod
    def read_faces(self, frames: np.ndarray, height: int, width: int) -> np.ndarray:
        """(n, H, W, 3) BGR uint8. Raises ClipError."""

    @abstractmethod
    def read_mouths(self, view: str, height: int, width: int) -> np.ndarray:
        """(length, 88, 88) uint8: what a reader of this view sees of the true sentence."""

    @abstractmethod
    def read_samples(self) -> np.ndarray:
        """Sound in [-1, 1] at SAMPLE_RATE."""

    def places(self, frames: np.ndarray) -> np.ndarray:
        """Where faces lie in the part that a reader of frames sees: (n, 4), see mouths.py."""
        return np.zeros((len(frames), 4), np.int64)

    def read_sound(self) -> np.ndarray:
        """(104, length) float32: zeros after an early end; what is too long is cut."""
        columns = stacked_filterbank(to_levels(self.read_samples()))[:, : self.length]
        return np.pad(columns, ((0, 0), (0, self.length - columns.shape[1])))


@dataclass(frozen=True)
class CropSentence(Spoken):
    """Out of a clip of preprocess.py. Holes show the face before."""

    sentence: Sentence

    @property
    def name(self) -> str:
        return self.sentence.clip.name

    @property
    def words(self) -> str:
        return self.sentence.words

    @property
    def length(self) -> int:
        return self.sentence.length

    def read_faces(self, frames: np.ndarray, height: int, width: int) -> np.ndarray:
        clip = self.sentence.clip
        numbers = clip.frames[0] + frames
        known = clip.frames[np.searchsorted(clip.frames, numbers, side="right") - 1]
        return clip.read_faces(known, height, width)

    def read_mouths(self, view: str, height: int, width: int) -> np.ndarray:
        if view != "face":
            raise CorpusError(
                "this lip reader looks at whole frames, and clips hold crops: give --video_root, "
                "--audio_root, --bbx_root and --word_root (preprocess.py --layout talklip)"
            )
        return _levels_of(self.read_faces(np.arange(self.length), height, width))

    def read_samples(self) -> np.ndarray:
        clip = self.sentence.clip
        samples = _load(clip.sound)
        return samples[round(int(clip.frames[0]) / FPS * SAMPLE_RATE) :]


@dataclass(frozen=True)
class Trees:
    """The folders of TalkLip's preparation."""

    video_root: Path
    audio_root: Path
    bbx_root: Path
    word_root: Path


@dataclass(frozen=True)
class TreeSentence(Spoken):
    """Out of TalkLip's folders: <id>.mp4, .wav, .npy (frames x 4) and .txt."""

    trees: Trees
    name: str
    words: str
    boxes: np.ndarray  # (frames, 4) left, top, right, bottom

    @classmethod
    def open(cls, trees: Trees, name: str) -> "TreeSentence":
        """Raises ClipError where one of the four is missing or broken."""
        for root, suffix in ((trees.video_root, ".mp4"), (trees.audio_root, ".wav")):
            if not (root / f"{name}{suffix}").is_file():
                raise ClipError(f"no {root / name}{suffix}")
        words = read_transcript(trees.word_root / f"{name}.txt")
        path = trees.bbx_root / f"{name}.npy"
        try:
            boxes = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ClipError(f"{path}: {error}") from error
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
            raise ClipError(f"{path} holds {boxes.shape}, not boxes (frames, 4)")
        return cls(trees, name, words, boxes.round().astype(np.int64))

    @property
    def length(self) -> int:
        return len(self.boxes)

    @cached_property
    def _limits(self) -> tuple[np.ndarray, tuple[int, int]]:
        """The boxes within their frames, and the frames' height and width."""
        info = video.probe(self._video)
        edges = np.array([info.width, info.height, info.width, info.height])
        boxes = np.clip(self.boxes, 0, edges)
        thin = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
        boxes[thin] = middle_box(info.width, info.height)
        return boxes, (info.height, info.width)

    @property
    def _video(self) -> Path:
        return self.trees.video_root / f"{self.name}.mp4"

    def _frames(self) -> list[np.ndarray]:
        frames = _read_video(self._video)
        return frames + [frames[-1]] * (self.length - len(frames))

    def read_faces(self, frames: np.ndarray, height: int, width: int) -> np.ndarray:
        shown, (boxes, _) = self._frames(), self._limits
        crops = (
            shown[n][boxes[n, 1] : boxes[n, 3], boxes[n, 0] : boxes[n, 2]] for n in frames.tolist()
        )
        return np.stack([fit_face(crop, height, width) for crop in crops])

    def read_mouths(self, view: str, height: int, width: int) -> np.ndarray:
        if view == "face":
            return _levels_of(self.read_faces(np.arange(self.length), height, width))
        _, size = self._limits
        if size != (FRAME_SIDE, FRAME_SIDE):
            raise ClipError(
                f"{self._video} is {size[1]}x{size[0]}; a reader of frames was taught on "
                f"{FRAME_SIDE}x{FRAME_SIDE}, framed as LRS2's"
            )
        frames = torch.from_numpy(np.stack(self._frames()[: self.length]))
        return raw_levels(mouth_pictures(frames)[0]).numpy()

    def places(self, frames: np.ndarray) -> np.ndarray:
        boxes, (height, width) = self._limits
        corner = np.array([(width - 88) // 2, (height - 88) // 2] * 2)
        return boxes[frames] - corner

    def read_samples(self) -> np.ndarray:
        return _load(self.trees.audio_root / f"{self.name}.wav")


def find_tree_sentences(trees: Trees, filelist: Path, shortest: int, longest: int) -> list[Spoken]:
    """The sentences of a list; those that lack something are named and left out.

    Raises CorpusError where none is left, or over half are wrong.
    """
    names, found, wrong = read_filelist(filelist), [], {}
    for name in names:
        try:
            sentence = TreeSentence.open(trees, name)
            _check_length(sentence, shortest, longest)
            found.append(sentence)
        except ClipError as error:
            wrong[name] = str(error)
    for name, why in list(wrong.items())[:3]:
        log.warning("left out: %s: %s", name, why)
    if wrong:
        log.warning("%s: %d of %d sentences are left out", filelist, len(wrong), len(names))
    if not found or 2 * len(wrong) > len(names):
        raise CorpusError(
            f"{filelist}: too few sentences can be used, {len(found)} of {len(names)}"
        )
    return found


def crop_sentences(sentences: Sequence[Sentence], shortest: int, longest: int) -> list[Spoken]:
    """Those of our clips that are long enough. Raises CorpusError where none is."""
    found = []
    for sentence in sentences:
        try:
            spoken = CropSentence(sentence)
            _check_length(spoken, shortest, longest)
            found.append(spoken)
        except ClipError as error:
            log.warning("left out: %s: %s", sentence.clip.name, error)
    if not found:
        raise CorpusError(f"no clip has from {shortest} to {longest} frames")
    return found


@lru_cache(maxsize=1)  # faces and mouths of one sentence are asked for one after the other
def _read_video(path: Path) -> list[np.ndarray]:
    try:
        frames = list(video.read_frames(path, FPS))
    except video.MediaError as error:
        raise ClipError(str(error)) from error
    if not frames:
        raise ClipError(f"{path} has no frames")
    return frames


def _check_length(sentence: Spoken, shortest: int, longest: int) -> None:
    if not shortest <= sentence.length <= longest:
        raise ClipError(f"{sentence.length} frames, not {shortest} to {longest}")


def to_levels(samples: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as the levels that AV-HuBERT's features are of."""
    return np.trunc(samples * 32767)


def read_levels(clip: Clip) -> np.ndarray:
    """Of a clip's whole sound, at SAMPLE_RATE. Raises ClipError."""
    return to_levels(_load(clip.sound))


def _load(path: Path) -> np.ndarray:
    try:
        return load_wav(path, SAMPLE_RATE)
    except (video.MediaError, OSError) as error:
        raise ClipError(f"{path}: {error}") from error


def _levels_of(faces: np.ndarray) -> np.ndarray:
    levels = [mouth_levels(to_faces(some)) for some in np.array_split(faces, 1 + len(faces) // 64)]
    return torch.cat(levels).round().to(torch.uint8).numpy()
