"""Clips of words as DAVS is given them: which frames, where they are cut, what is changed."""

from collections.abc import Sequence

import cv2
import numpy as np

from corpus.words import HEARD, WordClip
from hparams import DavsHParams
from models.davs.alignment import ALIGNED, OFFSET, SEEN
from training.augment import Augmentation
from training.windows import Sample, Windows

FIRST, LAST = HEARD[0], HEARD[-1]
STEP = 2  # frames from one that is read to the next
MIDDLE = 3  # where 12 frames begin that lie about the word's middle
SLOWEST, FASTEST = 20, 24  # frames between the first and the last of them, by chance
COLOURING, LOUDNESS = 1.0, 0.15  # standard deviations of what is done to MFCC


class WordWindows(Windows):
    """A sample is one clip: its twelve frames with their sound, and its word.

    "vary" draws where frames begin and how the face is cut; without it they are the middle's.
    """

    def __init__(
        self, clips: Sequence[WordClip], hp: DavsHParams, seed: int, *, vary: bool,
        faces: bool = True, sound: bool = True, sounds: Sequence[WordClip] = (),
    ):  # fmt: skip
        chances = (hp.augment, hp.augment_sound) if vary else (0.0, 0.0)
        super().__init__(clips, hp, seed, *chances)
        self.vary, self.with_faces, self.with_sound = vary, faces, sound
        self.sounds = tuple(sounds)  # of which each sample has a few more to hear

    @property
    def distinct(self) -> int:
        return len(self.clips)

    def cut(self, clip: WordClip, random: np.random.Generator) -> Sample:
        """{"word", "faces" (12, size, size, 3) uint8, "heard" (12, 20, 12)}, as they are wanted."""
        frames, look = self.frames(random), self.look(random)
        sample = {"word": np.int64(clip.word)}
        if self.with_faces:
            sample["faces"] = look(clip, frames)
        if self.with_sound:
            sample["heard"] = self.hear(clip, frames, random)
        if self.hp.viseme_wt:
            sample["visemes"] = clip.read_visemes(frames)
        if self.sounds:
            more = random.choice(len(self.sounds), self.hp.more_sounds)
            clips = [self.sounds[number] for number in more]
            moments = [self.frames(random) for _ in clips]
            pairs = list(zip(clips, moments, strict=True))
            sample["more_heard"] = np.stack([self.hear(*pair, random) for pair in pairs])
            if self.hp.viseme_wt:
                sample["more_visemes"] = np.stack([one.read_visemes(when) for one, when in pairs])
            sample["more_words"] = np.array([one.word for one in clips], np.int64)
        return sample

    def frames(self, random: np.random.Generator) -> np.ndarray:
        """The twelve frames, STEP apart; by chance as if said faster or slower."""
        count = self.hp.fusion_frames
        span = STEP * (count - 1)
        if self.augment and random.random() < self.augment:
            span = int(random.integers(min(SLOWEST, span), min(FASTEST, LAST - FIRST) + 1))
        first = MIDDLE
        if self.vary:
            first = int(random.integers(FIRST, LAST - span + 1))
        return np.round(first + np.linspace(0, span, count)).astype(int)

    def look(self, random: np.random.Generator):
        """How all pictures of a clip are read: cut and changed alike."""
        offset = random.integers(0, 2 * OFFSET + 1, 2) if self.vary else (OFFSET, OFFSET)
        change = Augmentation.draw(random, self.augment)

        def read(clip: WordClip, frames: Sequence[int]) -> np.ndarray:
            faces = [cut_seen(face, offset, self.hp.img_size) for face in clip.read_faces(frames)]
            return change.photometric(np.stack(faces))

        return read

    def hear(self, clip: WordClip, frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """(frames, 20, 12) float32."""
        heard = clip.read_heard(frames)
        if self.augment_sound and random.random() < self.augment_sound:
            # A microphone or another throat adds to each coefficient the same throughout.
            heard = heard * random.normal(1, LOUDNESS) + random.normal(0, COLOURING, 12)
        return heard.astype(np.float32)


class FaceWindows(WordWindows):
    """The same with what painting needs: who it is, and the frames that identity is judged by."""

    def cut(self, clip: WordClip, random: np.random.Generator) -> Sample:
        """Also {"identity" (size, size, 3), "watched" (20, ...), "sequence" (6,) of the twelve}."""
        frames, look = self.frames(random), self.look(random)
        most = self.hp.fusion_frames - self.hp.judge_frames
        start = int(random.integers(most + 1)) if self.vary else most // 2
        room = LAST - FIRST + 1 - self.hp.identity_frames
        first = FIRST + (int(random.integers(room + 1)) if self.vary else room // 2)
        one = int(random.integers(FIRST, LAST + 1)) if self.vary else FIRST
        # Read together, so that all are cut and changed alike.
        watched = first + np.arange(self.hp.identity_frames)
        pictures = look(clip, [*frames, *watched, one])
        return {
            "word": np.int64(clip.word),
            "faces": pictures[: len(frames)],
            "watched": pictures[len(frames) : -1],
            "identity": pictures[-1],
            "sequence": start + np.arange(self.hp.judge_frames),
            "heard": self.hear(clip, frames, random),
        }


def cut_seen(face: np.ndarray, offset: Sequence[int], size: int) -> np.ndarray:
    """What networks see of a stored face of any side. offset: pixels right and down, of 260."""
    scale = len(face) / ALIGNED
    left, top = (round(pixels * scale) for pixels in offset)
    span = round(SEEN * scale)
    seen = face[top : top + span, left : left + span]
    if span == size:
        return seen
    return cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA)
