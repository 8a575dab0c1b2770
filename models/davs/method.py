"""DAVS as a method of lip-syncing: a whole aligned face is painted, and its alignment undone.

Each frame is its own identity, so that pose and look stay the frame's; what its mouth says is not
in the identity code, if training has done its work.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import nn

from models.davs.alignment import BORDER, SEEN, align, to_seen
from models.davs.whole import DAVS
from models.generator import (
    Arrays,
    Edges,
    Generator,
    Hearing,
    Patch,
    Place,
    Tensors,
    Video,
    Watched,
    Watcher,
)
from models.inputs import to_faces, to_levels
from models.landmarks import LandmarkNet, find_landmarks
from models.steadying import fill_gaps, steadied
from models.warping import corners, region_of, soft_square, spread

STEADY_SECONDS = 0.08  # standard deviation over which eyes and mouth are smoothed
EDGE = 0.15  # of the side, over which the painted face fades into the frame
# Of the 68 landmarks: the eyes' outlines and the mouth's corners.
LEFT_EYE, RIGHT_EYE, MOUTH = slice(36, 42), slice(42, 48), [48, 54]


class Speaker(nn.Module):
    """The parts of DAVS that paint a face from a sound."""

    def __init__(self, davs: DAVS):
        super().__init__()
        self.mfcc_encoder, self.ID_encoder = davs.mfcc_encoder, davs.ID_encoder
        self.Decoder = davs.Decoder

    forward, paint = DAVS.forward, DAVS.paint


class DAVSMethod(Generator):
    """Hears 200 ms about a frame, sees the aligned face, paints all of it."""

    hearing = Hearing("mfcc12x20")

    def __init__(self, davs: DAVS, landmarks: LandmarkNet):
        self.network, self.landmarks = Speaker(davs), landmarks
        self.companions = (landmarks,)

    def watch(self, video: Video) -> "EyesAndMouth":
        return EyesAndMouth(self.landmarks, video)

    def feed(self, frame: np.ndarray, place: Place, heard: np.ndarray) -> Arrays:
        return {"heard": heard, "face": cut_seen(frame, place)}

    def forward(self, inputs: Tensors) -> Tensors:
        heard = inputs["heard"]
        faces = to_faces(inputs["face"]).to(heard.dtype).flip(1)  # BGR to RGB
        return {"face": to_levels(self.network(heard, faces).flip(1))}

    def patch(self, frame: np.ndarray, place: Place, made: Arrays) -> Patch | None:
        to_square = place_of(place)
        region = region_of(to_square, SEEN, frame)
        if region is None:
            return None
        pixels = spread(made["face"], to_square, SEEN, region)
        fade = soft_square(SEEN, EDGE if place.blend == "feather" else 0.0)
        weights = spread(fade, to_square, SEEN, region, outside=0.0)
        return Patch(region[0], region[1], pixels, weights * np.float32(place.strength))

    def view(self, frame: np.ndarray, place: Place) -> np.ndarray:
        return cut_seen(frame, place)

    def outline(self, place: Place) -> np.ndarray:
        return corners(place_of(place), SEEN)

    def show(self, inputs: Arrays, made: Arrays) -> dict[str, np.ndarray]:
        return {"aligned": inputs["face"], "generated": made["face"]}


def place_of(place: Place) -> np.ndarray:
    """From the frame to the aligned face of 256x256. (2, 3)"""
    return to_seen(align(place.notes.reshape(3, 2)))


def cut_seen(frame: np.ndarray, place: Place) -> np.ndarray:
    """The aligned face, (256, 256, 3) BGR uint8; grey beyond the frame."""
    return cv2.warpAffine(frame, place_of(place), (SEEN, SEEN), borderValue=(BORDER,) * 3)


def carriers(points: np.ndarray) -> np.ndarray:
    """Middles of eyes and mouth out of 68 landmarks, the first pixel's middle being 0. (3, 2)"""
    eyes = points[LEFT_EYE].mean(axis=0), points[RIGHT_EYE].mean(axis=0)
    return np.stack([*eyes, points[MOUTH].mean(axis=0)]) - 0.5


class EyesAndMouth(Watcher):
    """Follows the three points by which one face is aligned."""

    def __init__(self, landmarks: LandmarkNet, video: Video):
        self.landmarks, self.video = landmarks, video
        self.rows: dict[int, np.ndarray] = {}

    def see(
        self, numbers: Sequence[int], frames: Sequence[np.ndarray], boxes: Sequence[Edges]
    ) -> None:
        points, _ = find_landmarks(self.landmarks, frames, boxes)
        found = [carriers(face).ravel() for face in points]
        self.rows |= dict(zip(numbers, found, strict=True))

    def forget(self, frames: int) -> None:
        self.rows = {at - frames: row for at, row in self.rows.items() if at >= frames}

    def settle(self) -> Watched:
        rows = steadied(fill_gaps(self.rows), self.video, STEADY_SECONDS)
        return Watched(rows.astype(np.float32))
