"""Windows of clips, the samples of training: which one is number n follows from n and the seed."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from torch.utils.data import Dataset

from audio import expert_window_start, mel_window, mel_window_start
from corpus.clips import Clip
from corpus.errors import ClipError, CorpusError
from hparams import LipHParams
from models.inputs import lower_half_rows
from training.augment import Augmentation
from training.augment_sound import SoundAugmentation
from training.blendshapes import shapes_in, unknown

log = logging.getLogger(__name__)

# A clip that cannot be read is replaced by another, this often for one sample. Where every second
# clip is broken, it takes some thousand samples until a run stops, and a few where all are.
REDRAWS = 10
# Of a clip without pictures, at once: to read one costs more than to cut a window from it.
WINDOWS_OF_A_SOUND = 12

Sample = dict[str, np.ndarray]


class Windows(Dataset, ABC):
    """An endless stream of samples, one clip after the other in an order that changes by epoch.

    A subclass says how one sample is cut from one clip. Nothing here depends on who asks or in
    which order, so that workers, processes and resumed runs all see the same stream.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        hp: LipHParams,
        seed: int,
        augment: float = 0.0,
        augment_sound: float = 0.0,
    ):
        if not clips:
            raise CorpusError("no clips to draw windows from")
        self.clips, self.hp, self.seed = tuple(clips), hp, seed
        self.augment, self.augment_sound = augment, augment_sound
        self._broken: set[str] = set()

    def __getitem__(self, number: int) -> Sample:
        for draw in range(REDRAWS):
            random = np.random.default_rng([self.seed, number, draw])
            clip = self.clip_of(number) if draw == 0 else self.any_clip(random)
            try:
                return self.cut(clip, random)
            except ClipError as error:
                problem = f"{clip.name}: {error}"
                if problem not in self._broken:
                    log.warning("left out: %s", problem)
                self._broken.add(problem)
        raise CorpusError(
            f"{REDRAWS} clips drawn one after the other cannot be read, the last {problem}; "
            "preprocess the corpus again"
        )

    def __len__(self) -> int:
        """Clips, each of which an epoch draws from once."""
        return len(self.clips)

    @property
    def distinct(self) -> int:
        """Windows that differ from each other."""
        return sum(len(clip.starts) for clip in self.clips)

    @property
    def windows_per_sample(self) -> int:
        """Windows in one sample."""
        return 1

    @abstractmethod
    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        """One sample of this clip. Raises ClipError where the clip turns out to be broken."""

    def clip_of(self, number: int) -> Clip:
        epoch, position = divmod(number, len(self.clips))
        return self.clips[_order(len(self.clips), self.seed, epoch)[position]]

    def any_clip(self, random: np.random.Generator) -> Clip:
        return self.clips[random.integers(len(self.clips))]

    def read_faces(self, clip: Clip, frames: np.ndarray) -> np.ndarray:
        """(len(frames), H, W, 3) uint8 at the networks' size."""
        return clip.read_faces(frames, self.hp.img_height, self.hp.img_width)

    def read_mel(self, clip: Clip, random: np.random.Generator) -> np.ndarray:
        """(num_mels, columns), changed where that is wanted."""
        mel = clip.read_mel()
        if self.augment_sound:
            augmentation = SoundAugmentation.draw(random, self.augment_sound, self.hp)
            mel = augmentation.apply(mel, random, self.hp)
        return mel

    def run_of(self, start: int) -> np.ndarray:
        """The frames of the window that begins at `start`."""
        return start + np.arange(self.hp.syncnet_T)

    def expert_mel(self, mel: np.ndarray, start: int) -> np.ndarray:
        """What the expert hears with the window that begins at `start`: (num_mels, 16)."""
        return mel_window(mel, expert_window_start(int(start), self.hp.fps, self.hp), self.hp)

    def mouths(self, clip: Clip, frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """What the expert sees in these frames: lower halves, changed where that is wanted."""
        faces = self.read_faces(clip, frames)
        first_row = self.hp.img_height - lower_half_rows(self.hp.img_height)
        if not self.augment:
            return faces[:, first_row:]
        return Augmentation.draw(random, self.augment).everything(faces, random, first_row)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


class GeneratorWindows(Windows):
    """Targets, references from elsewhere in the clip, and the sound of both of its uses.

    targets, references: (5, H, W, 3) uint8; frame_mels: (5, num_mels, 16), what the generator
    hears for each target; mel: (num_mels, 16), what the expert hears for the five together.
    """

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        start, elsewhere = self.choose(clip, random)
        faces = self.read_faces(clip, np.concatenate((self.run_of(start), self.run_of(elsewhere))))
        targets, references = faces[: self.hp.syncnet_T], faces[self.hp.syncnet_T :]
        mel = clip.read_mel()
        if self.augment:
            augmentation = Augmentation.draw(random, self.augment)
            targets = augmentation.photometric(targets)
            references = augmentation.occlude(augmentation.photometric(references))
        return {
            "targets": targets,
            "references": references,
            "frame_mels": self.frame_mels(mel, self.run_of(start)),
            "mel": self.expert_mel(mel, start).copy(),
        }

    def choose(self, clip: Clip, random: np.random.Generator) -> tuple[int, int]:
        """The first target frame and the first reference frame; the two windows share no frame."""
        starts, apart = clip.starts, self.hp.syncnet_T
        targets = starts[(starts - starts[0] >= apart) | (starts[-1] - starts >= apart)]
        start = random.choice(targets)
        return int(start), int(random.choice(starts[np.abs(starts - start) >= apart]))

    def frame_mels(self, mel: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """(len(frames), num_mels, 16): what the generator hears for each of these frames."""
        begins = [mel_window_start(int(frame), self.hp.fps, self.hp) for frame in frames]
        return np.stack([mel_window(mel, begin, self.hp) for begin in begins])


class BlendshapeWindows(Windows):
    """What learns blendshapes along; with `sounds`, clips without pictures, also from those."""

    def __init__(self, *clips_and_numbers, sounds: Sequence[Clip] = (), **more_numbers):
        super().__init__(*clips_and_numbers, **more_numbers)
        self.sounds = tuple(sounds)

    @abstractmethod
    def sounds_of(self, clip: Clip, count: int, random: np.random.Generator):
        """So many windows of a clip's sound, and the blendshapes of their mouths, one row each."""

    def shapes(self, clip: Clip, frames: np.ndarray) -> np.ndarray:
        """The mouths' in these frames, as one vector; NaN where unknown or not wanted."""
        return shapes_in(clip.folder, frames) if self.hp.blendshape_wt else unknown(frames)

    def sound_alone(self, random: np.random.Generator) -> Sample:
        """sounds: (n, bands, columns), sounds_blendshapes: (n, shapes), of the mouths; or {}."""
        parts = [
            self._sounds_of(self.sounds[random.integers(len(self.sounds))], count, random)
            for count in _shares(self.hp.sound_windows if self.sounds else 0)
        ]
        if not parts:
            return {}
        mels, shapes = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return {"sounds": mels, "sounds_blendshapes": shapes}

    def _sounds_of(self, clip: Clip, count: int, random: np.random.Generator):
        try:
            return self.sounds_of(clip, count, random)
        except ClipError as error:
            raise ClipError(f"its companion {clip.name}: {error}") from error


def _shares(count: int) -> list[int]:
    """`count` as a sum of so many windows of one sound, the last of the rest."""
    full, rest = divmod(count, WINDOWS_OF_A_SOUND)
    return [WINDOWS_OF_A_SOUND] * full + [rest] * bool(rest)


class ExpertWindows(BlendshapeWindows):
    """What an expert learns from: five mouths at a time, and their sound."""

    def sounds_of(self, clip: Clip, count: int, random: np.random.Generator):
        mel, starts = self.read_mel(clip, random), random.choice(clip.starts, count)
        mels = np.stack([self.expert_mel(mel, start) for start in starts])
        return mels, np.stack([self.shapes(clip, self.run_of(start)) for start in starts])


class ExpertPairs(ExpertWindows):
    """Sound and mouths that belong together or, half of the time, do not.

    mouths: (5, H / 2, W, 3) uint8; mel: (num_mels, 16); in_sync: 1 or 0. Wrong mouths begin at
    another frame of the same clip, by hp.other_clip_share of them in another clip.
    audio_blendshapes, video_blendshapes: (55,), those of the mouths that spoke the sound, and of
    those that are shown.
    """

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        start = random.choice(clip.starts)
        in_sync = random.random() < 0.5
        shown_clip, shown = (clip, start) if in_sync else self.choose_wrong(clip, start, random)
        return {
            "mouths": self.mouths(shown_clip, self.run_of(shown), random),
            "mel": self.expert_mel(self.read_mel(clip, random), start).copy(),
            "in_sync": np.float32(in_sync),
            "audio_blendshapes": self.shapes(clip, self.run_of(start)),
            "video_blendshapes": self.shapes(shown_clip, self.run_of(shown)),
        } | self.sound_alone(random)

    def choose_wrong(self, clip: Clip, start: int, random: np.random.Generator) -> tuple[Clip, int]:
        """The clip and the first frame of mouths that do not speak what is heard."""
        if len(self.clips) > 1 and random.random() < self.hp.other_clip_share:
            others = [self.any_clip(random) for _ in range(4)]
            clip = next((other for other in others if other is not clip), clip)
        return clip, int(random.choice(clip.starts[clip.starts != start]))


class ExpertContrast(ExpertWindows):
    """Several windows of one clip with their sounds, to be told apart from each other.

    mouths: (K, 5, H / 2, W, 3) uint8; mel: (K, num_mels, 16); starts: (K,), where the same
    frame comes twice if the clip has fewer than K windows; the blendshapes: (K, 55), as above.
    """

    @property
    def windows_per_sample(self) -> int:
        return self.hp.infonce_windows

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        starts = np.resize(random.permutation(clip.starts), self.windows_per_sample)
        frames, places = np.unique([self.run_of(start) for start in starts], return_inverse=True)
        mouths = self.mouths(clip, frames, random)
        mel = self.read_mel(clip, random)
        shapes = np.stack([self.shapes(clip, self.run_of(start)) for start in starts])
        return {
            "mouths": mouths[places.reshape(self.windows_per_sample, -1)],
            "mel": np.stack([self.expert_mel(mel, start) for start in starts]),
            "starts": starts.astype(np.int64),
            "audio_blendshapes": shapes,
            "video_blendshapes": shapes,
        } | self.sound_alone(random)
