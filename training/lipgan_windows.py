"""LipGAN's samples: one frame, a reference, the frame's sound, and a sound that is not its own."""

from collections.abc import Sequence

import numpy as np

from corpus.clips import Clip
from corpus.errors import ClipError
from corpus.sound_features import read_feature
from features.registry import MEL, Window
from hparams import LipGanHParams
from training.augment import Augmentation
from training.augment_sound import SoundAugmentation
from training.windows import BlendshapeWindows, Sample

APART = 6  # frames from a target to its reference, and to a wrong sound of the same clip, at least


class LipGanWindows(BlendshapeWindows):
    """One frame of a clip at a time.

    target, reference: (H, W, 3) uint8; sound, wrong_sound: (rows, columns), what the generator
    hears with the target, and what the judge learns to tell from it; blendshapes,
    reference_blendshapes, wrong_blendshapes: (11,), of the mouths shown and heard. Wrong sounds are
    of another clip, by hp.own_clip_share of them of another moment of this one: never the right
    one. Where the judge learns from hp.batch_negatives there are none, unless of the same clip.
    """

    def __init__(
        self, clips: Sequence[Clip], hp: LipGanHParams, seed: int, window: Window, *,
        vary: bool = False, sounds: Sequence[Clip] = (),
    ):  # fmt: skip
        """vary: change pictures and sounds as hp says. sounds: clips to learn to hear from."""
        chances = (hp.augment, hp.augment_sound) if vary else (0.0, 0.0)
        super().__init__(clips, hp, seed, *chances, sounds=sounds)
        self.window, self.vary = window, vary

    @property
    def distinct(self) -> int:
        return sum(len(clip.frames) for clip in self.clips)

    def cut(self, clip: Clip, random: np.random.Generator) -> Sample:
        target, reference = self.choose(clip, random)
        faces = self.read_faces(clip, np.array([target, reference]))
        if self.augment:
            change = Augmentation.draw(random, self.augment)
            faces = change.moved(change.photometric(faces))
            faces[1:] = change.occlude(faces[1:])
        sample = {
            "target": faces[0],
            "reference": faces[1],
            "sound": self.heard(clip, [target], random)[0],
            "blendshapes": self.shapes(clip, np.array([target])),
            "reference_blendshapes": self.shapes(clip, np.array([reference])),
        }
        if self.hp.own_clip_share or not (self.vary and self.hp.batch_negatives):
            other, moment = self.choose_wrong(clip, target, random)
            sample["wrong_sound"] = self.wrong_sound(other, moment, random)
            sample["wrong_blendshapes"] = self.shapes(other, np.array([moment]))
        return sample | self.sound_alone(random)

    def choose(self, clip: Clip, random: np.random.Generator) -> tuple[int, int]:
        """A target frame and a reference; every usable clip has them (corpus.clips)."""
        frames = self.heard_frames(clip)
        first, last = clip.frames[0], clip.frames[-1]
        frames = frames[(frames - first >= APART) | (last - frames >= APART)]
        target = random.choice(frames)
        far = clip.frames[np.abs(clip.frames - target) >= APART]
        return int(target), int(random.choice(far))

    def heard_frames(self, clip: Clip) -> np.ndarray:
        """The frames to be spoken; the legacy window is never cut short, ours meets silence."""
        if not self.hp.legacy_timing:
            return clip.frames
        return clip.frames[[self.start(frame) >= 0 for frame in clip.frames]]

    def choose_wrong(self, clip: Clip, target: int, random: np.random.Generator):
        """The clip and the frame of a sound that the target does not speak."""
        if len(self.clips) > 1 and random.random() >= self.hp.own_clip_share:
            number = random.integers(len(self.clips))
            other = self.clips[number]
            other = self.clips[number - 1] if other is clip else other
            return other, int(random.choice(other.frames))
        far = clip.frames[np.abs(clip.frames - target) >= APART]
        return clip, int(random.choice(far))

    def wrong_sound(self, clip: Clip, frame: int, random: np.random.Generator) -> np.ndarray:
        try:
            return self.heard(clip, [frame], random)[0]
        except ClipError as error:
            raise ClipError(f"its companion {clip.name}: {error}") from error

    def sounds_of(self, clip: Clip, count: int, random: np.random.Generator):
        frames = random.choice(self.heard_frames(clip), count)
        shapes = np.stack([self.shapes(clip, frames[n : n + 1]) for n in range(count)])
        return self.heard(clip, frames, random), shapes

    def heard(self, clip: Clip, frames: Sequence[int], random: np.random.Generator) -> np.ndarray:
        """(len(frames), rows, columns): what the generator hears with these frames."""
        feature = read_feature(clip, self.window.feature, self.hp)
        cut = [self.window.cut(feature, self.start(frame), self.hp) for frame in frames]
        if self.augment_sound and self.window.feature is MEL:
            # One throat and microphone for all, and only what is heard: a clip is ten times it.
            change = SoundAugmentation.draw(random, self.augment_sound, self.hp)
            cut = np.split(change.apply(np.concatenate(cut, 1), random, self.hp), len(cut), 1)
        return np.stack(cut)

    def start(self, frame: int) -> int:
        """The first column that is heard with a frame."""
        return self.window.start(int(frame), self.hp.fps, self.hp)
