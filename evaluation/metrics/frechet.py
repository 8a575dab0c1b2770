"""The Frechet distance between two clouds of features, held as Gaussians that grow in place."""

import numpy as np


class RunningGaussian:
    """Mean and covariance of features that come in batches; memory does not grow with them."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: np.ndarray | float = 0.0
        self._products: np.ndarray | float = 0.0

    def add(self, features: np.ndarray) -> None:
        """features: (n, size)"""
        features = np.asarray(features, float)
        self.count += len(features)
        self._sum = self._sum + features.sum(axis=0)
        self._products = self._products + features.T @ features

    @property
    def mean(self) -> np.ndarray:
        return self._sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        """Over n - 1. Raises ValueError for fewer than two features."""
        if self.count < 2:
            raise ValueError(f"a covariance needs two features or more, got {self.count}")
        return (self._products - self.count * np.outer(self.mean, self.mean)) / (self.count - 1)


def frechet_distance(one: RunningGaussian, other: RunningGaussian) -> float:
    """|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)): 0 for equal Gaussians."""
    first, second = one.covariance, other.covariance
    # The eigenvalues of C1 C2 are those of the symmetric root(C1) C2 root(C1), and none is below 0
    # but for rounding.
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    apart = ((one.mean - other.mean) ** 2).sum()
    return float(apart + np.trace(first) + np.trace(second) - 2 * shared)
