"""Banks of synthetic heads: cut-outs, their faces' outlines and landmarks, painted backgrounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atomic import whole_or_absent

WIDTH, HEIGHT = 256, 288  # pixels of a cut-out; a face in it is about 130 high
BACKGROUND_SIZE = 384
BACKGROUNDS = "grounds.npy"  # as banks that exist call it
HELD_OUT = 8  # one person, one background and one photograph in so many is for validation
FACE_FROM = 0.05  # how far a head is turned to the camera, 1 = frontal, at which it shows a face
AWAY_FROM = -0.35  # ... and at which it shows none; between them nobody can say
# YuNet's boxes of made profiles begin 0.11 of the box's height behind the landmarks (median of 24
# facing 0 to 0.25) and 0.03 (34 facing 0.25 to 0.45); of frontal faces, within 0.01 on every side.
EAR_REACH, PROFILE_FROM = 0.1, 0.5
# iBUG's points of each of the five: eyes, nose, corners of the mouth; the viewer's left first.
FIVE = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47), (30,), (48,), (54,))


@dataclass(frozen=True)
class Face:
    """What is known of a cut-out's face, in its pixels."""

    outline: np.ndarray  # (n, 2): the box of a turned face is that of its turned outline
    landmarks: np.ndarray  # (5, 2)
    facing: float  # 1 = frontal, 0 = in profile, -1 = from behind


@dataclass(frozen=True)
class HeadBank:
    """Heads and backgrounds, read from disk as they are asked for."""

    cutouts: np.ndarray  # (n, HEIGHT, WIDTH, 4) BGRA uint8
    outlines: np.ndarray  # (n, points, 2) float32
    landmarks: np.ndarray  # (n, 5, 2) float32
    facing: np.ndarray  # (n,) float32
    people: np.ndarray  # (n,): who it is
    backgrounds: np.ndarray  # (m, BACKGROUND_SIZE, BACKGROUND_SIZE, 3) BGR uint8

    def face(self, head: int) -> Face:
        return Face(self.outlines[head], self.landmarks[head], float(self.facing[head]))

    def heads(self, held_out: bool) -> np.ndarray:
        """The numbers of the heads for validation, or of those for training."""
        return np.flatnonzero(is_held_out(self.people) == held_out)

    def ground_numbers(self, held_out: bool) -> np.ndarray:
        """The numbers of the backgrounds for validation, or of those for training."""
        return np.flatnonzero(is_held_out(np.arange(len(self.backgrounds))) == held_out)


def is_held_out(number: np.ndarray | int) -> np.ndarray | bool:
    """Whether people, backgrounds or photographs of these numbers are for validation."""
    return number % HELD_OUT == 0


def outline_of(
    landmarks: np.ndarray, box: tuple[float, float, float, float], facing: float
) -> np.ndarray:
    """Points on a face whose bounds are its box, also when they are turned in the picture.

    landmarks: (68, 2); box: as synthesis gives it for them, from mid-forehead to chin. The boxes
    that people draw about profiles, and detectors learn, reach farther back: up to the ear.
    """
    left, top, right, bottom = box
    across = np.array([0.25, 0.5, 0.75])
    forehead = np.column_stack([left + (right - left) * across, np.full(3, top)])
    middle = (left + right) / 2
    back = left if landmarks[30, 0] > middle else right
    reach = EAR_REACH * float(np.clip(1 - facing / PROFILE_FROM, 0, 1)) * (bottom - top)
    ear = [[back + np.sign(back - middle) * reach, landmarks[27, 1]]]
    chin = [[landmarks[8, 0], bottom]]
    return np.concatenate([landmarks, forehead, ear, chin]).astype(np.float32)


def five_of(landmarks: np.ndarray) -> np.ndarray:
    """Eyes, tip of the nose and corners of the mouth from 68 landmarks. (5, 2)"""
    return np.stack([landmarks[list(points)].mean(axis=0) for points in FIVE]).astype(np.float32)


@dataclass(frozen=True)
class Shot:
    """A cut-out on its way into a bank."""

    cutout: np.ndarray  # (HEIGHT, WIDTH, 4) BGRA uint8
    face: Face
    person: int


def write_bank(folder: Path, shots: Iterable[Shot], count: int, backgrounds: np.ndarray) -> None:
    """Write `count` heads as they come, and the backgrounds; the last file makes it whole."""
    faces, people = [], []
    with whole_or_absent(folder / "cutouts.npy") as partial:
        cutouts = np.lib.format.open_memmap(
            partial, "w+", dtype=np.uint8, shape=(count, HEIGHT, WIDTH, 4)
        )
        for at, shot in enumerate(shots):
            cutouts[at] = shot.cutout
            faces.append(shot.face)
            people.append(shot.person)
        cutouts.flush()
    with whole_or_absent(folder / BACKGROUNDS) as partial:
        np.save(partial, backgrounds)
    with whole_or_absent(folder / "faces.npz") as partial:
        np.savez(
            partial,
            outlines=np.stack([face.outline for face in faces]),
            landmarks=np.stack([face.landmarks for face in faces]),
            facing=np.array([face.facing for face in faces], np.float32),
            people=np.array(people),
        )


def read_bank(folder: Path | str) -> HeadBank:
    """The bank in a folder. Raises FileNotFoundError, saying how one is made."""
    folder = Path(folder)
    facts = folder / "faces.npz"
    if not facts.is_file():
        raise FileNotFoundError(
            f"no bank of heads in {folder}; `python -m detector_training.make_heads` makes one"
        )
    with np.load(facts) as stored:
        known = {name: stored[name] for name in stored.files}
    cutouts, backgrounds = (
        np.load(folder / name, mmap_mode="r") for name in ("cutouts.npy", BACKGROUNDS)
    )
    if not len(cutouts) == len(known["people"]):
        raise ValueError(f"{folder} holds files of two banks; make it anew")
    return HeadBank(cutouts=cutouts, backgrounds=backgrounds, **known)
