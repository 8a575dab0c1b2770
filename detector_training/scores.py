"""How good a detector is on scenes whose faces are known: precision, overlap, landmarks."""

import numpy as np

from face_detection.boxes import areas, intersection_over_union

HIT_OVERLAP = 0.5


class DetectionScore:
    """Gathers what a detector said of scene after scene."""

    def __init__(self) -> None:
        self._said: list[tuple[float, bool]] = []  # (score, right) of what is judged
        self._faces = 0
        self._overlaps: list[float] = []
        self._landmark_errors: list[float] = []

    def add(
        self,
        faces: np.ndarray,
        landmarks: np.ndarray,
        boxes: np.ndarray,
        asked: np.ndarray,
        true_landmarks: np.ndarray,
    ) -> None:
        """One scene: (n, 5) faces, surest first, and (n, 5, 2) landmarks against the truth.

        A true face is hit once, by the surest; what hits one that is not asked for is not judged.
        """
        self._faces += int(asked.sum())
        overlaps = intersection_over_union(faces[:, :4], boxes)
        taken = np.zeros(len(boxes), bool)
        for at, face in enumerate(faces):
            free = np.where(taken, 0.0, overlaps[at])
            best = int(free.argmax()) if len(boxes) else -1
            if best < 0 or free[best] < HIT_OVERLAP:
                self._said.append((face[4], False))
                continue
            taken[best] = True
            if asked[best]:
                self._said.append((face[4], True))
                self._overlaps.append(float(free[best]))
                self._landmark_errors += landmark_errors(
                    landmarks[at], true_landmarks[best], boxes[best]
                )

    def read(self) -> dict[str, float]:
        """Average precision at an overlap of 0.5; medians over the hits; recall at score 0.5."""
        said = np.array(sorted(self._said, key=lambda pair: -pair[0])).reshape(-1, 2)
        sure = said[said[:, 0] >= 0.5]
        return {
            "average_precision": average_precision(said[:, 1] > 0, self._faces),
            "median_iou": _median(self._overlaps) if self._overlaps else 0.0,
            "landmark_error": _median(self._landmark_errors),
            "recall": float(sure[:, 1].sum() / max(self._faces, 1)),
            "precision": float(sure[:, 1].mean()) if len(sure) else 0.0,
        }


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def landmark_errors(found: np.ndarray, truth: np.ndarray, box: np.ndarray) -> list[float]:
    """The mean distance of a face's landmarks, in sides of its box; nothing where unknown."""
    if np.isnan(truth).any():
        return []
    side = np.sqrt(areas(np.asarray(box, float)))
    return [float(np.linalg.norm(found - truth, axis=1).mean() / side)]


def average_precision(right: np.ndarray, faces: int) -> float:
    """The area under precision over recall, precision made falling; right: surest first."""
    if not faces or not len(right):
        return 0.0
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((falling * right).sum() / faces)
