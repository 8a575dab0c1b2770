"""Styles and colours of hair, and who wears them."""

from dataclasses import dataclass, replace

import numpy as np

from synthesis.render.patterns import linear

COLOURS = {
    "black": (22, 18, 17),
    "dark": (40, 29, 23),
    "brown": (70, 47, 32),
    "chestnut": (96, 58, 36),
    "light": (132, 96, 60),
    "blond": (188, 150, 98),
    "pale": (220, 196, 152),
    "red": (150, 68, 30),
    "grey": (140, 138, 136),
    "white": (222, 220, 216),
    "dyed": (120, 30, 70),
}


@dataclass(frozen=True)
class Style:
    """How strands grow.

    Lengths in cm; comb: a direction in the head's frame (x right, y up, z forward).
    """

    length: float
    comb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    from_parting: float = 0.0  # how strongly hair leaves the parting sideways
    gravity: float = 0.0
    lift: float = 0.3  # how steeply it rises from the scalp
    volume: float = 0.8  # thickness of the mass over the scalp
    curl: float = 0.0  # radius of the curls
    wildness: float = 0.15
    strands: int = 6500
    points: int = 8
    width: float = 0.10
    lies: float = 0.5  # how closely it follows the scalp, 0 = stands free
    trimmed: bool = False  # short at the sides
    gathered: bool = False  # drawn back into a knot


STYLES = {
    "buzz": Style(
        0.7, lift=1.0, volume=0.15, wildness=0.3, strands=9000, points=3, width=0.07, lies=0
    ),
    "crop": Style(
        2.6, comb=(0, -0.1, 0.9), lift=0.35, volume=0.7, wildness=0.25, points=5, trimmed=True
    ),
    "side": Style(
        6.0, comb=(0.1, 0, 0.25), from_parting=1.1, gravity=0.15, lift=0.4, volume=1.2, trimmed=True
    ),
    "back": Style(8.0, comb=(0, 0.05, -1.3), gravity=0.1, lift=0.3, volume=0.9, wildness=0.08),
    "quiff": Style(
        5.5, comb=(0.15, 0.3, -0.6), lift=0.8, volume=1.7, wildness=0.15, lies=0.25, trimmed=True
    ),
    "messy": Style(
        4.5,
        comb=(0.2, 0, 0.5),
        lift=0.6,
        volume=1.4,
        wildness=0.5,
        gravity=0.1,
        lies=0.3,
        trimmed=True,
    ),
    "afro": Style(
        6.0,
        lift=1.4,
        volume=4.0,
        curl=0.3,
        wildness=0.10,
        strands=9500,
        points=10,
        lies=0.2,
        width=0.13,
    ),
    "coils": Style(
        2.4, lift=1.2, volume=1.0, curl=0.22, wildness=0.15, strands=9000, points=8, lies=0.3
    ),
    "curls": Style(
        9.0, from_parting=0.4, gravity=0.5, lift=0.6, volume=2.2, curl=0.5, wildness=0.3, points=14
    ),
    "bob": Style(17.0, from_parting=0.8, gravity=0.9, lift=0.4, volume=1.3, points=12, width=0.18),
    "long": Style(
        34.0,
        from_parting=0.8,
        gravity=1.0,
        lift=0.35,
        volume=1.3,
        points=16,
        width=0.17,
        strands=5200,
    ),
    "waves": Style(
        30.0,
        from_parting=0.7,
        gravity=0.8,
        lift=0.5,
        volume=2.0,
        curl=0.45,
        wildness=0.25,
        points=20,
        width=0.16,
        strands=4800,
    ),
    "tied": Style(
        14.0, comb=(0, 0.1, -1.0), lift=0.15, volume=0.5, wildness=0.04, gathered=True, points=9
    ),
    "horseshoe": Style(2.2, comb=(0, -0.6, -0.6), lift=0.2, volume=0.35, points=5, strands=4500),
}
STYLES["bob fringe"] = replace(STYLES["bob"], from_parting=0.35)
STYLES["long fringe"] = replace(STYLES["long"], from_parting=0.35)
MASCULINE = {
    "none": 1.0,
    "shaved": 1.0,
    "buzz": 2.2,
    "crop": 2.6,
    "side": 2.6,
    "back": 1.6,
    "quiff": 1.8,
    "messy": 1.8,
    "coils": 1.4,
    "afro": 0.7,
    "curls": 0.7,
    "horseshoe": 1.2,
    "long": 0.4,
    "tied": 0.3,
}
FEMININE = {
    "none": 0.2,
    "buzz": 0.3,
    "crop": 0.5,
    "side": 0.6,
    "messy": 0.6,
    "afro": 1.0,
    "curls": 1.6,
    "bob": 1.6,
    "bob fringe": 1.4,
    "long": 2.2,
    "long fringe": 1.4,
    "waves": 2.2,
    "tied": 2.4,
    "back": 0.4,
    "coils": 0.6,
}


@dataclass(frozen=True)
class HairLook:
    """One person's hair. style "none" is bald, "shaved" a shadow under the skin."""

    style: str
    colour: tuple[float, float, float]  # linear BGR
    greying: float
    line_shift: float  # cm, the hairline up (+) or down
    recession: float  # of the temples, cm
    parting: float  # cm from the middle
    length: float  # against the style's
    volume: float  # against the style's
    shine: float

    @classmethod
    def draw(cls, rng: np.random.Generator, feminine: bool, tone: float, age: float) -> "HairLook":
        """A style by custom, a colour by skin and age."""
        likely = FEMININE if feminine else MASCULINE
        weights = np.array(list(likely.values()))
        style = str(rng.choice(list(likely), p=weights / weights.sum()))
        name = _draw_colour(rng, tone, age, feminine)
        return cls(
            style=style,
            colour=tuple((linear(COLOURS[name]) * np.exp(rng.normal(0, 0.15))).tolist()),
            greying=float(np.clip(rng.uniform(-0.8, 0.8) * age * 1.5, 0, 0.7)),
            line_shift=float(rng.uniform(-0.9, 0.9)),
            recession=float(rng.choice([0.0, rng.uniform(0.5, 2.5)])) if not feminine else 0.0,
            parting=float(rng.choice([0.0, -2.5, 2.5, -3.5, 3.5])),
            length=float(np.exp(rng.normal(0, 0.2))),
            volume=float(np.exp(rng.normal(0, 0.25))),
            shine=float(rng.uniform(0.25, 1.0)),
        )


def _draw_colour(rng: np.random.Generator, tone: float, age: float, feminine: bool) -> str:
    if rng.random() < 1.2 * max(0.0, age - 0.45):
        return str(rng.choice(["grey", "white"]))
    if feminine and rng.random() < 0.04:
        return "dyed"
    if tone > 0.45 or rng.random() < 0.35:
        return str(rng.choice(["black", "black", "dark"]))
    return str(rng.choice(["dark", "brown", "brown", "chestnut", "light", "blond", "pale", "red"]))
