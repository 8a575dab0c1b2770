"""What a watcher noted of single frames, for every frame: gaps filled, smoothed shot by shot."""

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.generator import Video


def fill_gaps(rows: Mapping[int, np.ndarray]) -> np.ndarray:
    """Rows by frame number -> one a frame up to the last, straight lines between. (frames, k)"""
    numbers = np.array(sorted(rows))
    known = np.stack([rows[number] for number in numbers])
    frames = np.arange(numbers[-1] + 1)
    return np.stack([np.interp(frames, numbers, column) for column in known.T], axis=1)


def steadied(rows: np.ndarray, video: Video, seconds: float) -> np.ndarray:
    """Smoothed over time without lag, each shot by itself. rows: (frames, k)

    seconds: the standard deviation of what is averaged.
    """
    edges = [0, *(cut for cut in video.cuts if 0 < cut < len(rows)), len(rows)]
    width = seconds * float(video.fps)
    shots = [
        gaussian_filter1d(rows[first:end], width, axis=0, mode="nearest")
        for first, end in zip(edges, edges[1:], strict=False)
    ]
    return np.concatenate(shots)
