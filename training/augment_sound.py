"""Changes of a clip's mel: another throat, microphone and noise; the same sounds at their times."""

import math
from dataclasses import dataclass

import numpy as np

from hparams import AudioHParams


@dataclass(frozen=True)
class SoundAugmentation:
    """What happens to one clip's sound; each kind of change is drawn by itself."""

    throat: float  # by how much every frequency's place in the mel is stretched
    colour: np.ndarray | None  # (num_mels,), decibels
    noise: np.ndarray | None  # (num_mels,), decibels over the clip's loudest twentieth

    @classmethod
    def draw(
        cls, random: np.random.Generator, chance: float, hp: AudioHParams
    ) -> "SoundAugmentation":
        """Each kind with this chance, its strength even over a range."""

        def happens() -> bool:
            return random.random() < chance

        return cls(
            throat=random.uniform(0.88, 1.12) if happens() else 1.0,
            colour=_curve(random, 10, hp) + random.uniform(-10, 10) if happens() else None,
            noise=_curve(random, 10, hp) - random.uniform(20, 55) if happens() else None,
        )

    def apply(self, mel: np.ndarray, random: np.random.Generator, hp: AudioHParams) -> np.ndarray:
        """(num_mels, columns) float32, a new array where anything changes."""
        if self.throat != 1:
            mel = _stretch(len(mel), self.throat) @ mel
        if self.colour is None and self.noise is None:
            return mel
        per_decibel = 2 * hp.max_abs_value / -hp.min_level_db
        decibels = (mel + hp.max_abs_value) / per_decibel
        if self.colour is not None:
            decibels = decibels + self.colour[:, None]
        if self.noise is not None:
            level = np.percentile(decibels, 95) + self.noise
            hiss = level[:, None] + random.normal(0, 4, mel.shape)
            decibels = _power_sum(decibels, hiss)
        changed = decibels * per_decibel - hp.max_abs_value
        return changed.clip(-hp.max_abs_value, hp.max_abs_value).astype(np.float32)


def _curve(random: np.random.Generator, most: float, hp: AudioHParams) -> np.ndarray:
    """(num_mels,) decibels: a smooth line through five points within `most`."""
    points = random.uniform(-most, most, 5)
    return np.interp(np.linspace(0, 4, hp.num_mels), np.arange(5), points)


def _stretch(bands: int, factor: float) -> np.ndarray:
    """(bands, bands): band b of the result is what lay at b / factor, between two bands."""
    places = np.clip(np.arange(bands) / factor, 0, bands - 1)
    below = np.minimum(places.astype(int), bands - 2)
    weights = np.zeros((bands, bands), np.float32)
    weights[np.arange(bands), below] = 1 - (places - below)
    weights[np.arange(bands), below + 1] = places - below
    return weights


def _power_sum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two levels in decibels sounding together."""
    scale = math.log(10) / 10
    return np.logaddexp(first * scale, second * scale) / scale
