"""A face crop's way back into the frame: feathered lower face, in the frame's colours, or whole."""

from functools import lru_cache

import cv2
import numpy as np

from models.generator import Patch, Place
from models.inputs import fit_face

# The rows by which a generated face's colours are set right: the generator saw these very pixels.
COLOUR_ROWS = (0.25, 0.48)
COLOUR_BLUR = 0.12  # of the width: what differs from side to side is light, finer things are not
MOST_COLOUR = 32.0  # levels that are added or taken away, at most
MASK_SIZE = 256  # pixels of the drawn mask, which is then stretched to the face
# In parts of the face crop, whose generated half begins at 0.5. Above it the generator has seen
# the very pixels that it is to make; so the seam may lie a little above the middle.
TOP_FADE = (0.44, 0.60)
BOTTOM_FADE = (0.90, 1.00)
HALF_WIDTH_AT_NOSE, HALF_WIDTH_AT_CHIN, SIDE_FADE = 0.47, 0.36, 0.12


def crop(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box; a view."""
    left, top, right, bottom = box
    return frame[top:bottom, left:right]


def cut_face(
    frame: np.ndarray, box: tuple[int, int, int, int], width: int, height: int
) -> np.ndarray:
    """The pixels of a box, as large as the generator takes them: (height, width, 3)."""
    return fit_face(crop(frame, box), height, width)


def face_patch(frame: np.ndarray, face: np.ndarray, place: Place) -> Patch:
    """A generated face in its box of the frame.

    blend "none" gives the whole rectangle as it is, "feather" only what face_mask says, in the
    frame's colours.
    """
    left, top, right, bottom = place.box
    if place.blend == "feather":
        face = in_colours_of(crop(frame, place.box), face)
    pixels = cv2.resize(face, (right - left, bottom - top))
    if place.blend == "none" and place.strength == 1:
        return Patch(left, top, pixels)
    mask = face_mask(right - left, bottom - top, place.blend)
    return Patch(left, top, pixels, mask * np.float32(place.strength))


def in_colours_of(region: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The generated face, uint8, in the colours of the picture that it goes to.

    Below the eyes both show the same skin. Where the generated one is redder there, or darker on
    one side, the rest of it is so too; what it adds there is taken off every column.
    """
    height, width = face.shape[:2]
    first, last = (round(share * height) for share in COLOUR_ROWS)
    top, bottom = (round(share * len(region)) for share in COLOUR_ROWS)
    given = cv2.resize(
        region[top : max(bottom, top + 1)], (width, last - first), interpolation=cv2.INTER_AREA
    )
    added = given.mean(axis=0, dtype=np.float32) - face[first:last].mean(axis=0, dtype=np.float32)
    added = cv2.GaussianBlur(
        added[None], (0, 0), COLOUR_BLUR * width, borderType=cv2.BORDER_REPLICATE
    )
    added = added.clip(-MOST_COLOUR, MOST_COLOUR)
    return (face + added + 0.5).clip(0, 255).astype(np.uint8)


def face_mask(width: int, height: int, blend: str) -> np.ndarray:
    """(height, width) float32 in [0, 1]: how much of each pixel comes from the generator."""
    if blend == "none":
        return np.ones((height, width), np.float32)
    return cv2.resize(_lower_face(), (width, height), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=1)
def _lower_face() -> np.ndarray:
    """From below the eyes to the chin, narrower towards the chin, all edges soft."""
    at = (np.arange(MASK_SIZE) + 0.5) / MASK_SIZE
    down, across = at[:, None], np.abs(at[None, :] - 0.5)
    vertical = _step(down, *TOP_FADE) * (1 - _step(down, *BOTTOM_FADE))
    towards_chin = ((down - 0.5) / 0.5).clip(0, 1) ** 2
    edge = HALF_WIDTH_AT_NOSE + (HALF_WIDTH_AT_CHIN - HALF_WIDTH_AT_NOSE) * towards_chin
    sides = 1 - _step(across, edge - SIDE_FADE, edge)
    return (vertical * sides).astype(np.float32)


def _step(values: np.ndarray, begin, end) -> np.ndarray:
    """0 before `begin`, 1 after `end`, smooth between."""
    x = ((values - begin) / (end - begin)).clip(0, 1)
    return x * x * (3 - 2 * x)
