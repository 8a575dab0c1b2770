"""DAVS as a method of lip-syncing: a whole aligned face is painted, and its alignment undone.

Each frame is its own identity, so that pose and look stay the frame's; what its mouth says is not
in the identity code, if training has done its work. Sound drives the mouth, or another's lips.
"""

import logging
from functools import partial
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.davs.alignment import SEEN, mouth_box
from models.davs.tuning import Kept, tune
from models.davs.watching import EyesAndMouth, Lips, cut_seen, place_of
from models.davs.whole import DAVS, PICTURE_GAIN
from models.generator import Arrays, Edges, Generator, Hearing, Patch, Place, Tensors, Video
from models.inputs import to_faces, to_levels
from models.landmarks import LandmarkNet
from models.warping import corners, region_of, soft_square, spread

log = logging.getLogger(__name__)

EDGE = 0.15  # of the side, over which the painted face fades into the frame
TINT = 24  # pixels, the standard deviation over which the frame's own colours are taken


class Speaker(nn.Module):
    """The parts of DAVS that paint a face from a sound."""

    def __init__(self, davs: DAVS):
        super().__init__()
        self.size = davs.size
        self.mfcc_encoder, self.ID_encoder = davs.mfcc_encoder, davs.ID_encoder
        self.Decoder = davs.Decoder

    forward, paint = DAVS.forward, DAVS.paint


class DAVSMethod(Generator):
    """Hears 200 ms about a frame or sees other lips, sees the aligned face, paints all of it."""

    hearing = Hearing("mfcc12x20")
    sees_lips: ClassVar[bool] = True
    crop_side: ClassVar[int] = SEEN
    options: ClassVar = {"tune_steps": 0}  # of Adam, on some of the faces it is given

    def __init__(self, davs: DAVS, landmarks: LandmarkNet):
        self.network, self.landmarks = Speaker(davs), landmarks
        self.lips = davs.lip_feature_encoder
        self.companions = (landmarks, self.lips)
        self.kept = Kept(self.network)

    def watch(self, video: Video) -> EyesAndMouth:
        self.kept.put_back()
        steps = int(video.options.get("tune_steps", 0))
        return EyesAndMouth(self.landmarks, video, partial(self._tune, steps) if steps else None)

    def watch_lips(self, video: Video) -> Lips:
        return Lips(self.landmarks, lambda faces: PICTURE_GAIN * self._read_lips(faces))

    def feed(self, frame: np.ndarray, place: Place, heard: np.ndarray) -> Arrays:
        """heard: (20, 12) of sound, or (256,) the code of other lips."""
        return {"heard": heard, "face": cut_seen(frame, place.notes)}

    def forward(self, inputs: Tensors) -> Tensors:
        heard = inputs["heard"]
        faces = self._fit(inputs["face"]).to(heard.dtype)
        if heard.dim() == 2:
            made = self.network.paint(faces, heard)
        else:
            made = self.network(heard, faces)
        return {"face": to_levels(made.flip(1))}

    def patch(self, frame: np.ndarray, place: Place, made: Arrays) -> Patch | None:
        to_square = place_of(place.notes)
        region = region_of(to_square, SEEN, frame.shape[1::-1])
        if region is None:
            return None
        face = tinted(self.alone(made), cut_seen(frame, place.notes))
        pixels = spread(face, to_square, SEEN, region)
        fade = soft_square(SEEN, EDGE if place.blend == "feather" else 0.0)
        weights = spread(fade, to_square, SEEN, region, outside=0.0)
        return Patch(region[0], region[1], pixels, weights * np.float32(place.strength))

    def region(self, place: Place, size: tuple[int, int]) -> Edges:
        # A pixel beyond, between which and the square's own its edge is cut.
        to_square = place_of(place.notes)
        return region_of(to_square, SEEN, size, reach=2 / SEEN) or (0, 0, 1, 1)

    def alone(self, made: Arrays) -> np.ndarray:
        face = made["face"]
        return face if len(face) == SEEN else cv2.resize(face, (SEEN, SEEN))

    def view(self, frame: np.ndarray, place: Place) -> np.ndarray:
        return cut_seen(frame, place.notes)

    def outline(self, place: Place) -> np.ndarray:
        return corners(place_of(place.notes), SEEN)

    def show(self, inputs: Arrays, made: Arrays) -> dict[str, np.ndarray]:
        return {"aligned": inputs["face"], "generated": made["face"]}

    def _fit(self, faces: torch.Tensor | np.ndarray) -> torch.Tensor:
        """BGR levels (n, 256, 256, 3) -> RGB (n, 3, size, size), as large as the network's."""
        faces = to_faces(faces).flip(1)
        if self.network.size == SEEN:
            return faces
        return F.interpolate(faces, (self.network.size,) * 2, mode="area")

    def _read_lips(self, faces: np.ndarray) -> torch.Tensor:
        device = self.lips.fc.weight.device
        return self.lips(self._fit(faces).to(device)[:, None])[:, 0]

    def _tune(self, steps: int, faces: np.ndarray) -> None:
        """To these faces, whose own lips say what they are to be painted with."""
        self.kept.keep()
        with torch.no_grad():
            speech = self._read_lips(faces)
        losses = tune(self.network, self._fit(faces).to(speech.device), speech, steps)
        log.info("tuned to the face: its loss fell from %.4f to %.4f", losses[0], losses[-1])


def tinted(made: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The painted face in the given one's colours, which a mouth that moves does not change.

    What differs over TINT pixels is taken from all but the mouth, about it as from its edges.
    """
    off = given.astype(np.float32) - made
    known = np.ones((SEEN, SEEN), np.float32)
    known[mouth_box(SEEN)] = 1e-3
    blurred = cv2.GaussianBlur(off * known[..., None], (0, 0), TINT)
    share = cv2.GaussianBlur(known, (0, 0), TINT)
    return np.clip(made + blurred / share[..., None] + 0.5, 0, 255).astype(np.uint8)
