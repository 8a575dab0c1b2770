"""A bank of drawn heads for tests: ovals with eyes and a mouth on clear ground."""

from pathlib import Path

import cv2
import numpy as np

from detector_training.heads import (
    BACKGROUND_SIZE,
    HEIGHT,
    WIDTH,
    Face,
    Shot,
    five_of,
    outline_of,
    write_bank,
)
from synthesis.figure.posing import face_box
from tests.small_head import landmark_places

PEOPLE = 16
CM = 8.0  # pixels
CENTRE = np.array([WIDTH / 2, HEIGHT / 2])


def draw_shot(person: int, facing: float = 1.0) -> Shot:
    """A person's only head: who they are shows in the colour."""
    rng = np.random.default_rng(person)
    landmarks = (CENTRE + landmark_places() * [CM, -CM]).astype(np.float32)
    cutout = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    skin = (*(float(c) for c in rng.uniform(90, 230, 3)), 255.0)
    dark = (20.0, 20.0, 40.0, 255.0)
    middle = (int(CENTRE[0]), int(CENTRE[1]) - 5)
    cv2.ellipse(cutout, middle, (66, 85), 0, 0, 360, skin, -1)
    cv2.rectangle(cutout, (60, 225), (196, HEIGHT), skin, -1)
    for span in (slice(36, 42), slice(42, 48), slice(48, 60)) if facing > 0 else ():
        cv2.fillConvexPoly(cutout, np.round(landmarks[span]).astype(np.int32), dark)
    five = five_of(landmarks)
    return Shot(cutout, Face(outline_of(landmarks, face_box(landmarks), 1.0), five, facing), person)


def write_toy_bank(folder: Path) -> Path:
    """Sixteen people, two of whom validation keeps; one in training turns away."""
    rng = np.random.default_rng(0)
    backgrounds = rng.integers(0, 255, (PEOPLE, 1, 1, 3), np.uint8)
    backgrounds = np.broadcast_to(backgrounds, (PEOPLE, BACKGROUND_SIZE, BACKGROUND_SIZE, 3))
    shots = (draw_shot(person, -1.0 if person == 5 else 1.0) for person in range(PEOPLE))
    write_bank(folder, shots, PEOPLE, backgrounds)
    return folder
