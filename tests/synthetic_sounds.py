"""The four sounds that golden features were made of."""

import numpy as np


def synthetic_sounds() -> dict[str, np.ndarray]:
    def seconds(length):
        return np.arange(round(length * 16000)) / 16000

    t = seconds(1.0)
    v = seconds(1.3)
    harmonics = sum(np.sin(2 * np.pi * 120 * k * v) / k for k in range(1, 30))
    sounds = {
        "sweep": 0.5 * np.sin(2 * np.pi * (100 * t + 1500 * t**2)),
        "noise": np.random.RandomState(1).standard_normal(round(0.73 * 16000)) * 0.1,
        "silence": np.zeros(8000),
        "vowelish": 0.3 * harmonics * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * v)),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}
