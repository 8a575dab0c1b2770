"""What a face looks like, as a few numbers that tell it from the others of its film."""

import cv2
import numpy as np

SIDE = 8  # of a thumbnail of the face; its levels are the numbers
NUMBERS = 3 * SIDE * SIDE


def describe_faces(image: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 5) boxes and scores of an image -> (n, 5 + NUMBERS): each with its look, of length 1."""
    looks = [_look_of(image, face) for face in faces]
    return np.hstack([faces, np.array(looks).reshape(len(faces), NUMBERS)])


def likeness(looks: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How alike, (n, m) in [-1, 1]; 0 where faces come without looks."""
    return looks @ others.T if looks.shape[1] else np.zeros((len(looks), len(others)))


def _look_of(image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """A small picture of the face's inside; brightness and contrast do not count, colour does."""
    inner = (face[2:4] - face[:2]) * 0.1
    left, top = (face[:2] + inner).astype(int).clip(0)
    right, bottom = np.ceil(face[2:4] - inner).astype(int).clip(0)
    part = image[top:bottom, left:right]
    if not part.size:
        return np.zeros(NUMBERS)
    small = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(float)
    small = (small - small.mean()).ravel()
    return small / max(float(np.linalg.norm(small)), 1e-6)
