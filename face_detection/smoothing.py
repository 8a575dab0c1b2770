"""Boxes of one track over time: the frames between filled in, the jitter averaged away."""

import numpy as np


def fill_between(frames: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """A box for every frame from the first to the last, straight lines between the known ones.

    frames: (n,) rising numbers; boxes: (n, 4). Returns (frames[-1] - frames[0] + 1, 4).
    """
    every = np.arange(frames[0], frames[-1] + 1)
    return np.stack([np.interp(every, frames, column) for column in boxes.T], axis=1)


def smooth_boxes(boxes: np.ndarray, width: int) -> np.ndarray:
    """A straight line fitted around each frame, and its value there: no lag, edges included.

    boxes: (n, 4), consecutive frames. width: frames that the bell-shaped window spans; where it
    is cut off by an end of the track, the fitted slope keeps a moving face from being dragged.
    """
    half = width // 2
    if half < 1 or len(boxes) < 3:
        return np.array(boxes, float)
    offsets = np.arange(-half, half + 1)
    frames = np.arange(len(boxes))[:, None] + offsets
    inside = (frames >= 0) & (frames < len(boxes))
    weights = np.where(inside, np.cos(np.pi * offsets / (2 * half + 2)) ** 2, 0.0)
    near = np.asarray(boxes, float)[frames.clip(0, len(boxes) - 1)]
    moment = [(weights * offsets**power).sum(axis=1)[:, None] for power in (0, 1, 2)]
    mean = (weights[..., None] * near).sum(axis=1)
    slope = (weights[..., None] * offsets[:, None] * near).sum(axis=1)
    return (moment[2] * mean - moment[1] * slope) / (moment[2] * moment[0] - moment[1] ** 2)
