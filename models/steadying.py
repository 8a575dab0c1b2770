"""What a watcher noted of single frames, for every frame: gaps filled, smoothed shot by shot."""

from collections.abc import Mapping

import numpy as np

from models.generator import Video

TRUNCATE = 4  # standard deviations, beyond which nothing is averaged


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
        _smoothed(rows[first:end], width) for first, end in zip(edges, edges[1:], strict=False)
    ]
    return np.concatenate(shots)


def _smoothed(rows: np.ndarray, width: float) -> np.ndarray:
    """As scipy.ndimage.gaussian_filter1d(mode="nearest"), which costs 0.4 s to import."""
    reach = int(TRUNCATE * width + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2) if reach else np.ones(1)
    padded = np.pad(rows.astype(np.float64), ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, weights / weights.sum(), "valid") for column in padded.T]
    return np.stack(columns, axis=1).astype(rows.dtype)
