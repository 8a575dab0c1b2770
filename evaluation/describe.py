"""A list of numbers in few: its moments, and its mean with how far that may be off."""

from typing import NamedTuple

import numpy as np

RESAMPLES = 2000


class DescribeResult(NamedTuple):
    """The fields and the printed form of scipy.stats.describe; None is what cannot be told."""

    nobs: int
    minmax: tuple[float, float] | None
    mean: float | None
    variance: float | None
    skewness: float | None
    kurtosis: float | None


def describe(values: np.ndarray) -> DescribeResult:
    """Moments as scipy has them: variance over n - 1, skewness and excess kurtosis over n."""
    values = np.asarray(values, float)
    if not values.size:
        return DescribeResult(0, None, None, None, None, None)
    mean = float(values.mean())
    minmax = (float(values.min()), float(values.max()))
    if minmax[0] == minmax[1]:  # no spread, so no shape
        return DescribeResult(
            values.size, minmax, mean, 0.0 if values.size > 1 else None, None, None
        )
    second, third, fourth = (float(((values - mean) ** power).mean()) for power in (2, 3, 4))
    return DescribeResult(
        nobs=values.size,
        minmax=minmax,
        mean=mean,
        variance=second * values.size / (values.size - 1),
        skewness=third / second**1.5,
        kurtosis=fourth / second**2 - 3,
    )


class Mean(NamedTuple):
    """A mean with its 95 % bootstrap interval; None is what cannot be told."""

    count: int
    mean: float | None
    low: float | None
    high: float | None


def mean_with_interval(values: np.ndarray, seed: int = 0) -> Mean:
    """The mean of clips' scores, and where it lies in 95 % of draws of as many clips."""
    values = np.asarray(values, float)
    if not values.size:
        return Mean(0, None, None, None)
    mean = float(values.mean())
    if values.size == 1:
        return Mean(1, mean, None, None)
    random = np.random.default_rng(seed)
    means = [random.choice(values, values.size).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return Mean(values.size, mean, float(low), float(high))
