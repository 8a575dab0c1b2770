"""Mouths of any kind for heads that teach landmarks: spoken, smiling, wide open, round, pressed."""

import numpy as np

# Kind -> its shapes and the range of each; both sides of a shape get nearly the same.
KINDS: dict[str, dict[str, tuple[float, float]]] = {
    "at rest": {"jawOpen": (0.0, 0.05), "mouthSmile": (-0.1, 0.3), "mouthFrown": (0.0, 0.3)},
    "spoken": {
        "jawOpen": (0.03, 0.45), "mouthClose": (0.0, 0.1), "mouthLowerDown": (0.0, 0.4),
        "mouthUpperUp": (0.0, 0.3), "mouthStretch": (0.0, 0.35), "mouthFunnel": (0.0, 0.3),
        "mouthPucker": (0.0, 0.3), "mouthSmile": (0.0, 0.3),
    },
    "smiling": {
        "mouthSmile": (0.35, 1.0), "mouthUpperUp": (0.0, 0.5), "mouthLowerDown": (0.0, 0.5),
        "jawOpen": (0.0, 0.2), "mouthDimple": (0.0, 0.5), "cheekSquint": (0.0, 0.7),
        "eyeSquint": (0.0, 0.6),
    },
    "closed smile": {"mouthSmile": (0.2, 0.8), "mouthPress": (0.0, 0.5), "mouthDimple": (0.0, 0.5)},
    "wide open": {
        "jawOpen": (0.45, 1.0), "mouthLowerDown": (0.0, 0.4), "mouthUpperUp": (0.0, 0.4),
        "mouthStretch": (0.0, 0.5), "mouthSmile": (0.0, 0.4),
    },
    "round": {"mouthPucker": (0.2, 1.0), "mouthFunnel": (0.0, 0.8), "jawOpen": (0.0, 0.4)},
    "pressed": {
        "mouthPress": (0.2, 1.0), "mouthRollLower": (0.0, 0.7), "mouthRollUpper": (0.0, 0.7),
        "mouthShrugLower": (0.0, 0.5), "mouthShrugUpper": (0.0, 0.4), "mouthSmile": (-0.1, 0.3),
    },
    "wry": {
        "mouthLeft": (0.0, 0.6), "mouthRight": (0.0, 0.6), "jawLeft": (0.0, 0.5),
        "jawRight": (0.0, 0.5), "mouthFrown": (0.0, 0.7), "jawOpen": (0.0, 0.2),
    },
}  # fmt: skip
SHARES = {
    "at rest": 0.14, "spoken": 0.26, "smiling": 0.22, "closed smile": 0.08, "wide open": 0.1,
    "round": 0.1, "pressed": 0.06, "wry": 0.04,
}  # fmt: skip
ONE_SIDED = 0.25  # how much stronger a shape may be on one side


def draw_mouth(rng: np.random.Generator) -> dict[str, float]:
    """The head model's weights of a mouth by chance; shapes with sides are there once a side."""
    names = tuple(SHARES)
    shapes = KINDS[names[rng.choice(len(names), p=tuple(SHARES.values()))]]
    weights = {}
    for name, (low, high) in shapes.items():
        weight = float(rng.uniform(low, high))
        weights[name] = weight
        for side in "LR":
            weights[f"{name}_{side}"] = weight * float(1 + ONE_SIDED * rng.uniform(-1, 1))
    return weights


def draw_mouths(frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A mouth a frame that has nothing to do with the one before: weights by name, (frames,)."""
    drawn = [draw_mouth(rng) for _ in range(frames)]
    names = sorted({name for mouth in drawn for name in mouth})
    return {name: np.array([mouth.get(name, 0) for mouth in drawn], np.float32) for name in names}
