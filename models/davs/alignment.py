"""How DAVS cuts out a face: turned and scaled so that eyes and mouth lie where they always lie.

"Talking Face Generation by Adversarially Disentangled Audio-Visual Representation" (Zhou et al.,
AAAI 2019). A face of 260x260 has its eyes near (97, 114) and (166, 115) and its mouth near
(132, 194); networks see 256x256 of it.
"""

import cv2
import numpy as np

# Left eye, right eye and middle of the mouth in a picture of 356 wide and 436 high.
TARGETS = 2.0 * np.array([(70, 112), (110, 112), (90, 150)])
PICTURE = (356, 436)  # width, height
LEFT, TOP, SIDE = 44, 104, 268  # the part of it that is kept
ALIGNED, SEEN = 260, 256  # pixels of a side: as stored, and as networks see it
OFFSET = 2  # of what they see in what is stored; training draws it from 0 to 4
BORDER = 127
MOUTH_ROWS, MOUTH_COLUMNS = (170, 234), (64, 192)  # of what networks see
STEADY_SECONDS = 0.08  # standard deviation over which a video's points are smoothed
# Of the 68 landmarks: the eyes' outlines and the mouth's corners.
LEFT_EYE, RIGHT_EYE, MOUTH = slice(36, 42), slice(42, 48), [48, 54]


def carriers(points: np.ndarray) -> np.ndarray:
    """Middles of eyes and mouth out of 68 landmarks, the first pixel's middle being 0. (3, 2)"""
    eyes = points[LEFT_EYE].mean(axis=0), points[RIGHT_EYE].mean(axis=0)
    return np.stack([*eyes, points[MOUTH].mean(axis=0)]) - 0.5


def mouth_box(size: int) -> tuple[slice, slice]:
    """Rows and columns of the mouth in a face that networks see, of any size."""
    return tuple(
        slice(*(round(edge * size / SEEN) for edge in edges))
        for edges in (MOUTH_ROWS, MOUTH_COLUMNS)
    )


def align(points: np.ndarray, *, eyes_twice: bool = False) -> np.ndarray:
    """The similarity that brings a face's points onto TARGETS, for cv2. (2, 3)

    points: (5, 2) x and y of eyes, nose and mouth corners, or (3, 2) of eyes and mouth. DAVS's
    training data were aligned with each eye counted twice, its test pictures not: faces of the
    former are 2 to 3 % larger.
    """
    points = np.asarray(points, float)
    if len(points) == 5:
        points = np.vstack([points[:2], points[3:].mean(axis=0)])
    order = [0, 1, 0, 1, 2] if eyes_twice else [0, 1, 2]
    middle, aim = points[order].mean(axis=0), TARGETS[order].mean(axis=0)
    given, wanted = points[order] - middle, TARGETS[order] - aim
    if not given.std() > 0:
        raise ValueError("a face whose points all lie in one place cannot be aligned")
    first, _, second = np.linalg.svd(given.T @ wanted)
    turn = wanted.std() / given.std() * (first @ second).T
    return np.column_stack([turn, aim - turn @ middle])


def cut_aligned(
    frame: np.ndarray, points: np.ndarray, *, eyes_twice: bool = False, side: int = ALIGNED
) -> np.ndarray:
    """The aligned face as it is stored, (260, 260, 3) BGR uint8; grey beyond the frame."""
    matrix = align(points, eyes_twice=eyes_twice)
    picture = cv2.warpAffine(frame, matrix, PICTURE, borderValue=(BORDER,) * 3)
    kept = picture[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    smooth = cv2.INTER_LINEAR if side == ALIGNED else cv2.INTER_AREA
    return cv2.resize(kept, (side, side), interpolation=smooth)


def to_seen(matrix: np.ndarray, offset: tuple[int, int] = (OFFSET, OFFSET)) -> np.ndarray:
    """From the frame straight to the 256x256 that networks see, by what `align` gave. (2, 3)"""
    return _to_kept(matrix, ALIGNED, offset)


def to_stored(matrix: np.ndarray, side: int = ALIGNED) -> np.ndarray:
    """From the frame to the face as it is stored, of any side, by what `align` gave. (2, 3)"""
    return _to_kept(matrix, side, (0, 0))


def _to_kept(matrix: np.ndarray, side: int, offset: tuple[int, int]) -> np.ndarray:
    scale = side / SIDE
    turned = matrix[:, :2] * scale
    # Middles of pixels lie at half numbers, of which cv2 counts the first as 0.
    moved = (matrix[:, 2] - (LEFT, TOP) + 0.5) * scale - 0.5 - offset
    return np.column_stack([turned, moved])
