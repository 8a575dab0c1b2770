"""The clips of a preprocessed corpus: which there are, which can be trained on, and why not."""

import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from audio import expert_window_start
from corpus.errors import ClipError, CorpusError
from corpus.filelists import read_filelist
from corpus.layout import SOUND, face_file, face_numbers
from corpus.mel import check_numbers, count_columns, read_mel
from corpus.packed import PackedFaces, packed_path, read_face
from corpus.truth import TRUTH_FILE
from hparams import ClipHParams
from models.inputs import fit_face

log = logging.getLogger(__name__)

# What the published weights were trained on; below a tenth of it a corpus is called small.
PUBLISHED_HOURS = 29


@dataclass(frozen=True)
class Clip:
    """One usable clip. `frames`: the indices that have a face, rising; holes are left out."""

    name: str  # "<folder>/<clip>", as in the filelist
    folder: Path
    frames: np.ndarray
    columns: int  # of its mel
    starts: np.ndarray  # frames where a window of syncnet_T faces begins whose sound is there
    packed: PackedFaces | None = None

    @property
    def sound(self) -> Path:
        """Its WAV file."""
        return self.folder / SOUND

    def read_faces(self, frames: np.ndarray, height: int, width: int) -> np.ndarray:
        """The faces of these frames, BGR uint8 (len(frames), height, width, 3); or ClipError."""
        if self.packed:
            faces = self.packed.read(np.searchsorted(self.frames, frames))
            return np.stack([fit_face(face, height, width) for face in faces])
        files = (face_file(self.folder, frame) for frame in frames)
        return np.stack([read_face(file, height, width) for file in files])

    def read_mel(self) -> np.ndarray:
        """(num_mels, columns). Raises ClipError."""
        return self.packed.read_mel() if self.packed else read_mel(self.folder)


@dataclass(frozen=True)
class Corpus:
    """The usable clips of one filelist, and the reason for each of the others."""

    clips: tuple[Clip, ...]
    unusable: dict[str, str]
    fps: float
    mels_per_second: float

    @property
    def hours(self) -> float:
        """Of faces."""
        return sum(len(clip.frames) for clip in self.clips) / self.fps / 3600

    @property
    def late_share(self) -> float:
        """The share of clips whose faces and sound end more than half a second apart."""
        seconds = [
            (clip.frames[-1] + 1) / self.fps - (clip.columns - 1) / self.mels_per_second
            for clip in self.clips
        ]
        return float(np.mean(np.abs(seconds) > 0.5))

    @property
    def truth_share(self) -> float:
        """The share of clips whose mouths' true shapes are known."""
        return float(np.mean([(clip.folder / TRUTH_FILE).exists() for clip in self.clips]))

    def summary(self, of: str = "faces") -> str:
        """What there is, and what was left out by reason."""
        total = len(self.clips) + len(self.unusable)
        lines = [f"{len(self.clips)} of {total} clips can be used: {self.hours:.2f} h of {of}"]
        for reason, count in Counter(self.unusable.values()).most_common():
            first = next(name for name, why in self.unusable.items() if why == reason)
            lines.append(f"  {count} left out: {reason} (the first: {first})")
        return "\n".join(lines)


def read_corpus(
    data_root: Path, filelist: Path, hp: ClipHParams, *, workers: int = 4, sound_alone: bool = False
) -> Corpus:
    """Look once at every clip of a filelist.

    Clips that lack faces (the truth, where `sound_alone`), sound or length are left out with the
    reason. Raises CorpusError when nothing is left or over half of the clips are unusable.
    """
    names = read_filelist(filelist)
    if not data_root.is_dir():
        raise CorpusError(f"no such folder: {data_root}; --data_root is what preprocess.py wrote")
    examine = examine_sound if sound_alone else examine_clip
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = list(pool.map(lambda name: _clip_or_reason(data_root, name, hp, examine), names))
    clips = tuple(clip for clip in found if isinstance(clip, Clip))
    unusable = {name: why for name, why in zip(names, found, strict=True) if isinstance(why, str)}
    corpus = Corpus(clips, unusable, hp.fps, hp.mels_per_second)
    if 2 * len(unusable) > len(names):
        raise CorpusError(
            f"{filelist}: too few clips of {data_root} are usable\n{corpus.summary()}"
        )
    return corpus


def _clip_or_reason(data_root: Path, name: str, hp: ClipHParams, examine: Callable) -> Clip | str:
    try:
        return examine(data_root / name, name, hp)
    except ClipError as error:
        return str(error)


def examine_clip(folder: Path, name: str, hp: ClipHParams) -> Clip:
    """The clip in a folder; makes its mel.npy if it has none. Raises ClipError."""
    if not folder.is_dir():
        raise ClipError("no such folder")
    file = packed_path(folder, hp.img_height, hp.img_width)
    if file.exists():
        packed, frames = PackedFaces.open(file)
    else:
        packed, frames = None, np.array(face_numbers(folder), np.int32)
    if not len(frames):
        raise ClipError("no faces (N.jpg, numbers without leading zeros)")
    columns = _packed_columns(packed, folder, hp) if packed else count_columns(folder, hp)
    starts = window_starts(frames, columns, hp)
    if not len(starts):
        raise ClipError(f"no {hp.syncnet_T} faces in a row that have sound")
    if starts[-1] - starts[0] < hp.syncnet_T:
        raise ClipError(f"too short for a reference {hp.syncnet_T} frames away from the target")
    return Clip(name, folder, frames, columns, starts, packed)


def _packed_columns(packed: PackedFaces, folder: Path, hp: ClipHParams) -> int:
    shape = packed.read_mel().shape
    check_numbers(packed.numbers(), shape, folder, hp)
    return shape[1]


def examine_sound(folder: Path, name: str, hp: ClipHParams) -> Clip:
    """The clip in a folder that needs no faces, but the truth of its mouths. Raises ClipError."""
    if not folder.is_dir():
        raise ClipError("no such folder")
    if not (folder / TRUTH_FILE).exists():
        raise ClipError(f"no {TRUTH_FILE}, so that nobody knows the mouths of its sound")
    columns = count_columns(folder, hp)
    frames = np.arange(int(columns * hp.fps // hp.mels_per_second), dtype=np.int32)
    starts = window_starts(frames, columns, hp)
    if not len(starts):
        raise ClipError(f"no {hp.syncnet_T} frames of sound")
    return Clip(name, folder, frames, columns, starts)


def window_starts(frames: np.ndarray, columns: int, hp: ClipHParams) -> np.ndarray:
    """The frames from which syncnet_T faces follow each other and whose sound the mel has."""
    span = hp.syncnet_T - 1
    starts = frames[: len(frames) - span]
    starts = starts[frames[span:] - starts == span]
    # Ends rise with the frames: seven looks, where a frame each made half of a start's time.
    ends = partial(_sound_end, hp=hp)
    return starts[: bisect_right(starts, columns, key=ends)]


def _sound_end(frame: int, hp: ClipHParams) -> int:
    """The mel column after the last that the expert hears with the window of this frame."""
    return expert_window_start(int(frame), hp.fps, hp) + hp.mel_step_size


def warn_about(corpus: Corpus, hp: ClipHParams, split: str) -> None:
    """Tell what a corpus will not train well for: small faces, late sound, few hours."""
    if corpus.late_share > 0.2:
        log.warning(
            "%s: in %.0f %% of the clips faces and sound end over 0.5 s apart: was it preprocessed "
            "at another frame rate than %g?", split, 100 * corpus.late_share, hp.fps
        )  # fmt: skip
    height = median_face_height(corpus.clips)
    if height and height < hp.img_height:
        log.warning("%s: the median face is %d pixels high, the networks' %d: blur is learnt",
                    split, height, hp.img_height)  # fmt: skip
    if split == "train" and corpus.hours < PUBLISHED_HOURS / 10:
        log.warning(
            "%.2f h of faces are little: the published weights had %d h of many speakers; one "
            "speaker's half hour gives weak lips, unless begun from trained weights "
            "(--checkpoint_path)", corpus.hours, PUBLISHED_HOURS
        )  # fmt: skip


def median_face_height(clips: Iterable[Clip], sample: int = 50) -> float:
    """Of the first face of some clips, in pixels of the JPEG; 0 where all are packed."""
    clips = list(clips)
    chosen = clips[:: max(1, len(clips) // sample)]
    files = (face_file(clip.folder, clip.frames[0]) for clip in chosen)
    faces = (cv2.imread(str(file)) for file in files if file.exists())
    heights = [len(face) for face in faces if face is not None]
    return float(np.median(heights)) if heights else 0.0
