"""A live session: a face and a method, fed with sound, giving frames and the sound of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync.live.camera import Camera, CameraStage
from lipsync.live.ear import Ear
from lipsync.live.stage import GivenStage, Stage
from lipsync.live.tape import Tape, as_samples
from lipsync.paste import paste
from lipsync.pipeline import LipSync
from lipsync.settings import Settings
from lipsync.watching import Progress
from models.pretrained import LIP_WARP

MOST_SECONDS = 10  # of sound at a time: each of its frames is held until it is returned
FADE_SECONDS = 0.005  # of what is heard when a speaker is interrupted: no click


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """One frame, with the sound that belongs to it."""

    number: int
    seconds: Fraction  # when it is shown and its sound begins, on the clock of the fed sound
    image: np.ndarray  # BGR uint8 (H, W, 3)
    sound: np.ndarray  # float32 mono, as it was fed
    repeated: bool = False  # the picture before, again: there was no time for a new one


class LiveSession:
    """Gives a frame as soon as the sound that it hears is there, 0.2 s after its middle.

    While nobody speaks, feed silence: the given video goes on, forwards and backwards, with a
    mouth at rest. Player does so by itself.
    """

    def __init__(
        self,
        face: str | Path | Camera,
        checkpoint: str | Path | LipSync = LIP_WARP,
        *,
        sample_rate: int = 16000,
        settings: Settings | None = None,
        device: str = "auto",
        precision: str = "auto",
        progress: Progress | None = None,
    ) -> None:
        """Finds the face and looks at the whole video once; what it found is kept for next time.

        checkpoint: the generator's weights, or LipSync(weights, live=True) for many sessions.
        Raises ValueError (CheckpointError, MediaError, NoFaceError) or OSError.
        """
        if not 8000 <= sample_rate <= 192000:
            raise ValueError(f"the sound's rate must be from 8000 to 192000 Hz, not {sample_rate}")
        if not isinstance(checkpoint, LipSync):
            checkpoint = LipSync(checkpoint, device=device, precision=precision, live=True)
        maker, settings = checkpoint, settings or Settings()
        self.backend, self.sample_rate = maker.backend, sample_rate
        self.stage: Stage
        if isinstance(face, Camera):
            self.stage = CameraStage(face, settings, maker)
        else:
            self.stage = GivenStage(face, settings, maker, progress)
        self.fps, self.size = self.stage.fps, self.stage.size
        self._ear, self._sound = Ear(self.backend, self.fps, sample_rate), Tape()
        self.next_frame = 0  # the number of the one that comes next
        self._image: np.ndarray | None = None

    @property
    def delay_seconds(self) -> float:
        """How long after its middle a frame can be made: what the method hears ahead."""
        return float(self._ear.after)

    @property
    def fed_seconds(self) -> Fraction:
        """How much sound there has been."""
        return Fraction(self._sound.end, self.sample_rate)

    def feed(self, samples: np.ndarray, *, hurry: bool = False) -> list[LiveFrame]:
        """The frames that more sound makes possible: none, one, or many.

        samples: mono at the session's rate, float in [-1, 1] or int16. hurry: repeat the picture
        before instead of making new ones. Raises ValueError.
        """
        samples = as_samples(samples)
        if len(samples) > MOST_SECONDS * self.sample_rate:
            raise ValueError(
                f"{len(samples) / self.sample_rate:.1f} s of sound at a time; feed at most "
                f"{MOST_SECONDS} s"
            )
        self._ear.add(samples)
        self._sound.add(samples)
        frames = range(self.next_frame, self._ear.ready)
        self.next_frame = frames.stop
        images, repeated = self._repeated(frames) if hurry else self._made(frames)
        made = [
            LiveFrame(frame, frame / self.fps, image, self._sound_of(frame), repeated)
            for frame, image in zip(frames, images, strict=True)
        ]
        self._sound.forget(self._first_sample(self.next_frame))
        return made

    def finish(self) -> list[LiveFrame]:
        """The frames of the last sound, which still wait for what they hear ahead."""
        begun = math.ceil(Fraction(self._sound.end, self.sample_rate) * self.fps)
        seconds = (
            (begun + 1) / self.fps + self._ear.after - Fraction(self._sound.end, self.sample_rate)
        )
        frames = self.feed(np.zeros(math.ceil(seconds * self.sample_rate), np.float32))
        return [frame for frame in frames if frame.number < begun]

    def interrupt(self) -> None:
        """Silence from the next frame on: what was fed and not yet shown is taken back."""
        self._sound.mute(
            self._first_sample(self.next_frame), fade=round(FADE_SECONDS * self.sample_rate)
        )
        self._ear.mute(self.next_frame)

    def show(self, picture: np.ndarray) -> None:
        """A camera's newest picture, BGR uint8 of the session's size; shown with the sound fed
        so far. Raises ValueError for another size, or where the session has a video of its own.
        """
        if not self.needs_pictures:
            raise ValueError("this session shows a given face; LiveSession(Camera(...)) takes one")
        self.stage.show(picture, self.fed_seconds)

    @property
    def needs_pictures(self) -> bool:
        """Whether show() must be given a camera's pictures."""
        return isinstance(self.stage, CameraStage)

    def hold(self) -> None:
        """Keep the given video's frames in memory: its file is no longer needed."""
        if isinstance(self.stage, GivenStage):
            self.stage.hold()

    def close(self) -> None:
        """End what decodes the given video."""
        self.stage.close()

    def _made(self, frames: Sequence[int]) -> tuple[list[np.ndarray], bool]:
        images = []
        for first in range(0, len(frames), self.backend.batch_size):
            images += self._make(frames[first : first + self.backend.batch_size])
        return images, False

    def _make(self, frames: Sequence[int]) -> list[np.ndarray]:
        generator, heard = self.backend.generator, self._ear.heard(frames)
        shown = [self.stage.at(frame) for frame in frames]
        faces = [(at, place) for at, (_, places) in enumerate(shown) for place in places]
        inputs = [generator.feed(shown[at][0], place, heard[at]) for at, place in faces]
        for (at, place), made in zip(faces, self.backend.generate(inputs), strict=True):
            patch = generator.patch(shown[at][0], place, made)
            if patch is not None:
                paste(shown[at][0], patch)
        self._image = shown[-1][0]
        return [image for image, _ in shown]

    def _repeated(self, frames: Sequence[int]) -> tuple[list[np.ndarray], bool]:
        if self._image is None and len(frames):
            return self._made(frames)
        return [self._image] * len(frames), True

    def _sound_of(self, frame: int) -> np.ndarray:
        return self._sound.cut(self._first_sample(frame), self._first_sample(frame + 1))

    def _first_sample(self, frame: int) -> int:
        return round(frame / self.fps * self.sample_rate)
