"""Shot cuts: the frames at which the picture changes all at once."""

from collections import deque

import cv2
import numpy as np

THUMBNAIL = (32, 18)  # pixels: small enough that motion within a shot changes little
LEAST_CHANGE = 14.0  # grey levels, mean over the thumbnail
LEAST_RATIO = 3.0  # times the largest change of the last few frames


class CutFinder:
    """Says of each frame, as they come, whether a new shot begins with it."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=5)

    def is_cut(self, image: np.ndarray) -> bool:
        """Whether this BGR image begins a new shot; False for the first."""
        thumbnail = cv2.resize(image, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        if self._last is None:
            self._last = thumbnail
            return False
        change = float(np.abs(thumbnail - self._last).mean())
        usual = max(self._changes, default=LEAST_CHANGE)
        self._changes.append(change)
        self._last = thumbnail
        return change > LEAST_CHANGE and change > LEAST_RATIO * usual
