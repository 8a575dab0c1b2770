"""What a method of lip-syncing says of itself: all that lipsync/ knows of any of them.

A method hears (Hearing, encode_speech), may look at the video before it begins (Watcher), is fed
from one face in one frame (feed), computes for many faces at a time (forward) and puts what comes
out into the frame (patch). Arrays are numpy, pictures BGR uint8, boxes (left, top, right, bottom),
half-open, in pixels of the frame. docs/methods.md says how to add one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
import torch
from torch import nn

Edges = tuple[int, int, int, int]  # left, top, right, bottom
Arrays = dict[str, np.ndarray]
Tensors = dict[str, torch.Tensor]

BLENDS = ("feather", "none")  # soft edges, or the whole of what is made, as the original did


@dataclass(frozen=True)
class Hearing:
    """What a method hears: by frame a window out of features.WINDOWS, or a whole speech.

    The name of a feature out of features.FEATURES, in place of a window's, says that the speech
    is encoded whole.
    """

    name: str
    numbers: Mapping[str, object] = field(default_factory=dict)  # hyperparameters of the feature


@dataclass(frozen=True)
class Place:
    """One face in one frame, and what was noted of it when the video was planned."""

    box: Edges
    strength: float = 1.0  # share of the new mouth, over 0 up to 1: less near pauses and in doubt
    blend: str = BLENDS[0]
    notes: np.ndarray | None = None  # this frame's numbers, by the method's own watcher
    shared: object = None  # what the watcher keeps for all frames
    options: Mapping[str, object] = field(default_factory=dict)  # the method's, all of them
    path: int = 0  # which of the faces that are made anew


@dataclass(frozen=True)
class Video:
    """What is known of the given pictures before a watcher sees them."""

    frame_count: int  # that will be shown, at most; each is seen once
    fps: Fraction
    size: tuple[int, int]  # width and height
    cuts: tuple[int, ...] = ()  # frames at which a new shot begins, where they are known
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Watched:
    """What is kept of one face of a whole video: a few numbers a frame, never the frames."""

    notes: np.ndarray  # (frames, k) float32, from frame 0 to the last that was seen, or on
    trust: np.ndarray | None = None  # (frames,) in [0, 1]: less fades the change out
    shared: object = None  # of a size that does not grow with the video, as reference crops
    # (frames, k): what the lips do, lip motion or a code of the method's own, where it sees them.
    lips: np.ndarray | None = None


class Watcher(ABC):
    """Looks at one face of one video, before the first frame is made."""

    @abstractmethod
    def see(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> None:
        """Look at the face in some frames, whose numbers rise from call to call.

        Called in inference mode, with no more frames at a time than the device takes: where that
        is found out by failing, again with fewer, so that only what succeeds may be kept.
        """

    @abstractmethod
    def settle(self) -> Watched:
        """What stays, once all frames were seen: smoothed over time, filled where no face was.

        Of pictures that go on without end it is asked again and again, and of the latest alone.
        """

    def forget(self, frames: int) -> None:
        """Drop the first frames; the one after them counts as frame 0 from now on."""
        raise ValueError("this generator looks at whole videos; live pictures it can't follow")


@dataclass(frozen=True, eq=False)
class Patch:
    """New pixels for a part of a frame, wholly inside it."""

    left: int
    top: int
    pixels: np.ndarray  # (h, w, 3) uint8, or float32 as the frame
    weights: np.ndarray | None = None  # (h, w) float32, the new pixels' share; None: all theirs


class Generator(ABC):
    """A method with its networks, on whatever device a backend has put them."""

    hearing: Hearing
    network: nn.Module  # what `forward` runs, in the backend's precision
    companions: tuple[nn.Module, ...] = ()  # what hears whole speeches and looks; always float32
    # Seconds of sound before and after a frame's middle that encode_speech hears; None: all of it.
    reach: tuple[float, float] | None = None
    shares: ClassVar[type | None] = None  # what Watched.shared is, if a dataclass of arrays
    lip_motion: ClassVar[bool] = False  # encode_speech gives lip motion: (frames, 15)
    sees_lips: ClassVar[bool] = False  # watch_lips tells a code of them that `feed` takes as heard
    crop_side: ClassVar[int] = 0  # pixels of what `alone` gives; 0: it paints no face of its own
    on_sheet: ClassVar[tuple[str, ...]] = ()  # captions out of `show` that --sheet has rows of
    options: ClassVar[Mapping[str, object]] = {}  # what can be chosen of a video: name, default

    def chosen(self, options: Mapping[str, object]) -> dict[str, object]:
        """All options with these in the defaults' place. Raises ValueError for a name not known."""
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise ValueError(f"this generator has no option {name!r}; it has: {known}")
        return {**self.options, **options}

    def watch(self, video: Video) -> Watcher | None:
        """Who looks at one face of a video before it begins; None where nobody needs to."""
        return None

    def watch_lips(self, video: Video) -> Watcher | None:
        """Who looks at the face of another video whose lips are to drive this one's mouth."""
        return self.watch(video)

    def encode_speech(self, sound: torch.Tensor, seconds: np.ndarray) -> np.ndarray:
        """What each frame is given of a speech heard whole: (frames, ...) float32.

        sound: (bands, columns) float32 on the device; seconds: (frames,) of the frames' middles,
        which may lie outside the sound. Only asked where `hearing` has no window.
        """
        raise TypeError(f"{type(self).__name__} hears windows and encodes no speech")

    @abstractmethod
    def feed(self, frame: np.ndarray, place: Place, heard: np.ndarray) -> Arrays:
        """What `forward` needs for one face, by name; all faces' arrays have the same shapes."""

    @abstractmethod
    def forward(self, inputs: Tensors) -> Tensors:
        """Compute a batch: every tensor has the faces on its first axis, also the results.

        Floats come in the backend's precision, integers as they were fed.
        """

    @abstractmethod
    def patch(self, frame: np.ndarray, place: Place, made: Arrays) -> Patch | None:
        """What one face's share of the results makes of the frame, its strength taken in.

        None leaves the frame as it is. The frame is not painted on; it may be float32 in levels.
        """

    def alone(self, made: Arrays) -> np.ndarray:
        """What was painted of one face, by itself: (crop_side, crop_side, 3)."""
        raise TypeError(f"{type(self).__name__} paints no face of its own")

    def region(self, place: Place, size: tuple[int, int]) -> Edges:
        """The part of a frame of that width and height that `feed` and `patch` look at.

        No other pixel of the frames that they are given is sure to be there. Every patch lies in
        it.
        """
        return (0, 0, *size)

    @abstractmethod
    def view(self, frame: np.ndarray, place: Place) -> np.ndarray:
        """The part of a frame that shows this method's work, for previews and contact sheets."""

    def outline(self, place: Place) -> np.ndarray:
        """Corners of what is cut out of the frame, in its pixels. (n, 2) float"""
        left, top, right, bottom = place.box
        right, bottom = right - 1, bottom - 1
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)

    def show(self, inputs: Arrays, made: Arrays) -> dict[str, np.ndarray]:
        """Pictures of what goes in and comes out for one face, by caption, for a preview."""
        return {}
