"""Scenes composed on the fly: heads of a bank on backgrounds, occluded, degraded; and truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from detector_training.backgrounds import (
    add_clutter,
    paint_scene_background,
    read_photographs,
    shift_colours,
)
from detector_training.degrade import degrade
from detector_training.heads import AWAY_FROM, FACE_FROM, Face, HeadBank, is_held_out
from detector_training.headwear import SHARE as HEADWEAR_SHARE
from detector_training.headwear import dress
from detector_training.negatives import SHARE as NEGATIVES_SHARE
from detector_training.negatives import add_negatives
from detector_training.occluders import Brush, draw_occluder, write_words
from detector_training.real_frames import RealFrame, cut_frame
from models.face_finder import LANDMARKS

MOST_HEADS = 10
REAL_SHARE = 0.06  # of the scenes, where there are frames of videos
SMALLEST, LARGEST = 16.0, 430.0  # heights of faces in pixels
LEAST_ASKED = 20.0  # pixels: a detector may find a smaller one or not
SHOWN, HIDDEN_SHARE = 0.5, 0.12  # of a face: above the one it is asked for, below the other not
SHOWN_LANDMARKS = 3  # of the five, without which a face is not asked for
LEAST_CONTRAST = 4.0  # levels, deviation over a face made small: without it nobody sees the face
BACKLIT_SHARE = 0.1  # of the heads are darker than all about them
COVER_SHARE = 0.22  # of the faces get something before them
MOST_OVERLAP = 0.5  # of a face by a later one, over the smaller of the two
TORSO_ROWS = 200  # by which a cut-out is continued downwards, where the camera cut it
MIRRORED = (1, 0, 2, 4, 3)  # which landmark is which in a mirror


@dataclass
class SceneTruth:
    """The faces of a scene; those that nobody can tell are there to be left out of the count."""

    boxes: list[np.ndarray] = field(default_factory=list)  # each (4,)
    landmarks: list[np.ndarray] = field(default_factory=list)  # each (5, 2); NaN where unknown
    asked: list[bool] = field(default_factory=list)  # False: neither right nor wrong

    def add(self, box: np.ndarray, landmarks: np.ndarray, asked: bool) -> None:
        self.boxes.append(np.asarray(box, np.float32))
        self.landmarks.append(np.asarray(landmarks, np.float32))
        self.asked.append(asked)


@dataclass(frozen=True)
class Placed:
    """A head as it lies in a scene."""

    number: int  # of its pixels in `owner`
    outline: np.ndarray  # (n, 2) in the scene
    landmarks: np.ndarray  # (5, 2)
    facing: float
    area: float  # of the face in pixels, were all of it seen

    @property
    def box(self) -> np.ndarray:
        return np.concatenate([self.outline.min(axis=0), self.outline.max(axis=0)])


class Composer:
    """Makes scenes of `size` x `size` of a bank's heads; the same numbers give the same scenes.

    held_out: of the people and backgrounds that are kept for validation. real: frames of videos,
    which REAL_SHARE of the scenes are.
    """

    def __init__(
        self,
        bank: HeadBank,
        size: int,
        seed: int,
        *,
        held_out: bool = False,
        real: Sequence[RealFrame] = (),
    ) -> None:
        self.bank, self.size, self.seed, self.real = bank, size, seed, real
        self._heads = bank.heads(held_out)
        self._backgrounds = bank.ground_numbers(held_out)
        if not len(self._heads) or not len(self._backgrounds):
            part = "validation" if held_out else "training"
            raise ValueError(f"the bank of heads has none for {part}; make one of more people")
        photographs = enumerate(read_photographs())
        self._photographs = [one for at, one in photographs if is_held_out(at) == held_out]

    def compose(self, number: int) -> tuple[np.ndarray, SceneTruth]:
        """Scene `number`: a BGR uint8 picture and the faces in it."""
        rng = np.random.default_rng((self.seed, number))
        image = paint_scene_background(self.size, self._background(rng), self._photographs, rng)
        image = np.ascontiguousarray(image)
        if self.real and rng.random() < REAL_SHARE:
            image, box = cut_frame(self.real[rng.integers(len(self.real))], image, rng)
            unknown = np.full((LANDMARKS, 2), np.nan)
            return degrade(image, rng), SceneTruth([box], [unknown], [True])
        owner = np.zeros(image.shape[:2], np.uint8)
        if rng.random() < 0.2:
            add_clutter(image, rng)
        if rng.random() < NEGATIVES_SHARE:
            add_negatives(image, rng)
        placed = self._paste_heads(image, owner, rng)
        self._cover(image, owner, placed, rng)
        if rng.random() < 0.1:
            write_words(image, rng)
        image = degrade(image, rng)
        return image, truth_of(placed, owner, image)

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        return self.bank.backgrounds[rng.choice(self._backgrounds)]

    def _paste_heads(
        self, image: np.ndarray, owner: np.ndarray, rng: np.random.Generator
    ) -> list[Placed]:
        placed: list[Placed] = []
        for height in draw_heights(rng):
            for _ in range(4):
                centre = _draw_centre(height, self.size, rng)
                if not any(_overlap(centre, height, other.box) > MOST_OVERLAP for other in placed):
                    placed.append(self._paste(image, owner, len(placed) + 1, centre, height, rng))
                    break
        return placed

    def _paste(self, image, owner, number, centre, height, rng) -> Placed:
        head = int(rng.choice(self._heads))
        face, cutout = self.bank.face(head), self.bank.cutouts[head]
        dressed = rng.random() < HEADWEAR_SHARE
        cutout = dress(cutout, face, rng) if dressed else np.asarray(cutout)
        if rng.random() < 0.1:
            cutout = scramble(cutout, face, rng)
            face = Face(face.outline, face.landmarks, facing=-1.0)
        warp = _draw_warp(face, centre, height, rng)
        backlit = rng.random() < BACKLIT_SHARE
        cutout = shift_colours(cutout, rng, rng.uniform(0.2, 0.65) if backlit else 1.0)
        lay(image, owner, cutout, warp, number)
        outline = cv2.transform(face.outline[None], warp)[0]
        landmarks = cv2.transform(face.landmarks[None], warp)[0]
        if warp[0, 0] * warp[1, 1] - warp[0, 1] * warp[1, 0] < 0:
            landmarks = landmarks[list(MIRRORED)]
        area = float(cv2.contourArea(cv2.convexHull(outline.astype(np.float32))))
        return Placed(number, outline, landmarks, face.facing, area)

    def _cover(self, image, owner, placed: list[Placed], rng: np.random.Generator) -> None:
        brush = Brush(image, owner)
        for head in placed:
            if rng.random() < COVER_SHARE:
                box = head.box
                middle, height = (box[:2] + box[2:]) / 2, float(box[3] - box[1])
                draw_occluder(brush, middle, height, self._background(rng), rng)


def draw_heights(rng: np.random.Generator) -> np.ndarray:
    """The heights of a scene's faces, of none to MOST_HEADS; the smaller, farther ones first."""
    count = 0 if rng.random() < 0.08 else min(1 + int(rng.exponential(2.4)), MOST_HEADS)
    typical = np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST / max(count, 1) ** 0.5)))
    heights = typical * np.exp(rng.normal(0, 0.35, count))
    return np.sort(np.clip(heights, SMALLEST, LARGEST))


def _draw_centre(height: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Anywhere that leaves something to see; large faces nearer to the middle."""
    margin = min(0.25, max(-0.02, height / size * 0.25 - 0.06))
    return rng.uniform(margin, 1 - margin, 2) * size


def _overlap(centre: np.ndarray, height: float, box: np.ndarray) -> float:
    """Of a face to be and one that is there, over the smaller one."""
    half = np.array([0.38, 0.5]) * height
    shared = np.minimum(centre + half, box[2:]) - np.maximum(centre - half, box[:2])
    smaller = min(np.prod(2 * half), np.prod(box[2:] - box[:2]))
    return float(np.prod(shared.clip(0)) / max(smaller, 1e-6))


def _draw_warp(
    face: Face, centre: np.ndarray, height: float, rng: np.random.Generator
) -> np.ndarray:
    """From cut-out to scene: size, roll up to 45 degrees, half of them mirrored, a little skew."""
    low, high = face.outline.min(axis=0), face.outline.max(axis=0)
    scale = height / (high[1] - low[1])
    uniform = rng.random() < 0.3
    roll = rng.uniform(-0.8, 0.8) if uniform else float(np.clip(rng.normal(0, 0.22), -0.8, 0.8))
    stretch = np.exp(rng.normal(0, 0.05))
    sides = np.diag([scale * stretch * rng.choice([-1, 1]), scale / stretch])
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    matrix = turn @ (np.eye(2) + rng.normal(0, 0.03, (2, 2))) @ sides
    shift = centre - matrix @ ((low + high) / 2)
    return np.column_stack([matrix, shift])


def lay(
    image: np.ndarray, owner: np.ndarray, cutout: np.ndarray, warp: np.ndarray, number: int
) -> None:
    """Lay a BGRA cut-out over a picture, in place; `owner` becomes `number` where it is seen."""
    cutout = cv2.copyMakeBorder(cutout, 0, TORSO_ROWS, 0, 0, cv2.BORDER_REPLICATE)
    scale = float(np.sqrt(abs(np.linalg.det(warp[:, :2]))))
    if scale < 0.6:  # warping alone would skip pixels
        shrink = max(scale * 1.2, 0.02)
        cutout = cv2.resize(cutout, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        warp = np.column_stack([warp[:, :2] / shrink, warp[:, 2]])
    rows, columns = cutout.shape[:2]
    corners = np.array([[[0, 0], [columns, 0], [0, rows], [columns, rows]]], np.float32)
    corners = cv2.transform(corners, warp)[0]
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int), owner.shape[::-1])
    if right <= left or bottom <= top:
        return
    warp = np.column_stack([warp[:, :2], warp[:, 2] - (left, top)])
    piece = cv2.warpAffine(cutout, warp, (int(right - left), int(bottom - top)))
    cover = piece[..., 3:].astype(np.float32) / 255
    part = image[top:bottom, left:right]
    part[:] = (part + (piece[..., :3].astype(np.float32) - part) * cover).astype(np.uint8)
    owner[top:bottom, left:right][piece[..., 3] > 127] = number


def scramble(cutout: np.ndarray, face: Face, rng: np.random.Generator) -> np.ndarray:
    """The face in pieces, in a wrong order: skin, eyes and mouths alone are no face."""
    (left, top), (right, bottom) = face.outline.min(axis=0), face.outline.max(axis=0)
    rows, columns = int(bottom - top) // 3, int(right - left) // 3
    out = cutout.copy()
    left, top = max(int(left), 0), max(int(top), 0)
    places = [
        (top + row * rows, left + column * columns) for row in range(3) for column in range(3)
    ]
    order = np.roll(rng.permutation(9), int(rng.integers(9)))
    for (y, x), source in zip(places, order, strict=True):
        from_y, from_x = places[source]
        piece = cutout[from_y : from_y + rows, from_x : from_x + columns, :3]
        target = out[y : y + piece.shape[0], x : x + piece.shape[1], :3]
        target[:] = piece[: target.shape[0], : target.shape[1]]
    return out


def truth_of(placed: list[Placed], owner: np.ndarray, image: np.ndarray) -> SceneTruth:
    """Which of the heads show a face, and which of these can be asked for."""
    truth = SceneTruth()
    for head in placed:
        if head.facing <= AWAY_FROM:
            continue
        seen = _seen_share(head, owner)
        if seen < HIDDEN_SHARE:
            continue
        asked = (
            head.facing >= FACE_FROM
            and seen >= SHOWN
            and head.box[3] - head.box[1] >= LEAST_ASKED
            and _seen_landmarks(head, owner) >= SHOWN_LANDMARKS
            and _contrast(head.box, image) >= LEAST_CONTRAST
        )
        truth.add(head.box, head.landmarks, bool(asked))
    return truth


def _seen_landmarks(head: Placed, owner: np.ndarray) -> int:
    column, row = head.landmarks.round().astype(int).T
    within = (column >= 0) & (row >= 0) & (column < owner.shape[1]) & (row < owner.shape[0])
    return int((owner[row[within], column[within]] == head.number).sum())


def _contrast(box: np.ndarray, image: np.ndarray) -> float:
    """Deviation of the grey levels of a face's 8x8 parts: noise is averaged, features are left."""
    left, top = np.floor(box[:2]).astype(int).clip(0)
    right, bottom = np.minimum(np.ceil(box[2:]).astype(int), image.shape[1::-1])
    if right - left < 2 or bottom - top < 2:
        return 0.0
    part = cv2.resize(image[top:bottom, left:right], (8, 8), interpolation=cv2.INTER_AREA)
    return float(part.mean(axis=2).std())


def _seen_share(head: Placed, owner: np.ndarray) -> float:
    """How much of a face neither the picture's edge nor anything before it hides."""
    rows, columns = owner.shape
    left, top = np.floor(head.box[:2]).astype(int).clip(0)
    right, bottom = np.minimum(np.ceil(head.box[2:]).astype(int) + 1, (columns, rows))
    if right <= left or bottom <= top:
        return 0.0
    within = np.zeros((bottom - top, right - left), np.uint8)
    hull = cv2.convexHull(np.round(head.outline - (left, top)).astype(np.int32))
    cv2.fillConvexPoly(within, hull, 1)
    own = (owner[top:bottom, left:right] == head.number) & (within > 0)
    return float(own.sum() / max(head.area, 1.0))
