"""The part of a frame that a picture shows, and at which size."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """The part of the frame that is drawn (frame pixels), and how large it is drawn."""

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int

    @property
    def scale(self) -> np.ndarray:
        """Picture pixels per frame pixel, across and down."""
        return np.array(
            [self.width / (self.right - self.left), self.height / (self.bottom - self.top)]
        )

    def place(self, points: np.ndarray, supersampling: int = 1) -> np.ndarray:
        """Frame coordinates to this picture's; depth is kept. points: (n, 2 or 3)"""
        factor, shift = np.ones(points.shape[1], np.float32), np.zeros(points.shape[1], np.float32)
        factor[:2] = self.scale * supersampling
        shift[:2] = -np.array([self.left, self.top]) * factor[:2]
        return points * factor + shift
