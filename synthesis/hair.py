"""Hair of the head: hairlines, styles and colours, grown strand by strand over the speaker's scalp."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from synthesis.head import Head, Material
from synthesis.patterns import linear, ramp
from synthesis.rasteriser import vertex_normals
from synthesis.scatter import Roots, scatter_roots
from synthesis.strands import Strands

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
    """How strands grow. Lengths in cm; comb: a direction in the head's frame (x right, y up, z forward)."""

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
    gathered: bool = False  # drawn back into a knot


STYLES = {
    "buzz": Style(0.7, lift=1.0, volume=0.15, wildness=0.3, strands=9000, points=3, width=0.07),
    "crop": Style(2.6, comb=(0, -0.1, 0.8), lift=0.5, volume=0.7, wildness=0.3, points=5),
    "side": Style(6.0, comb=(0.1, 0, 0.25), from_parting=1.0, gravity=0.15, lift=0.6, volume=1.3),
    "back": Style(8.0, comb=(0, 0.05, -1.2), gravity=0.1, lift=0.35, volume=1.0, wildness=0.08),
    "quiff": Style(5.5, comb=(0.15, 0.3, -0.5), lift=1.1, volume=1.9, wildness=0.2),
    "messy": Style(4.5, comb=(0.2, 0, 0.4), lift=0.9, volume=1.6, wildness=0.6, gravity=0.1),
    "afro": Style(6.0, lift=1.4, volume=4.5, curl=0.35, wildness=0.5, strands=8000, points=10),
    "coils": Style(2.4, lift=1.2, volume=1.1, curl=0.25, wildness=0.5, strands=8000, points=8),
    "curls": Style(
        9.0, from_parting=0.3, gravity=0.35, lift=0.8, volume=2.4, curl=0.6, wildness=0.4, points=14
    ),
    "bob": Style(17.0, from_parting=0.7, gravity=0.9, lift=0.5, volume=1.5, points=12, width=0.12),
    "bob fringe": Style(
        17.0, from_parting=0.35, gravity=0.9, lift=0.5, volume=1.5, points=12, width=0.12
    ),
    "long": Style(
        34.0,
        from_parting=0.7,
        gravity=1.0,
        lift=0.4,
        volume=1.5,
        points=16,
        width=0.14,
        strands=5500,
    ),
    "long fringe": Style(
        34.0,
        from_parting=0.35,
        gravity=1.0,
        lift=0.4,
        volume=1.5,
        points=16,
        width=0.14,
        strands=5500,
    ),
    "waves": Style(
        30.0,
        from_parting=0.6,
        gravity=0.8,
        lift=0.6,
        volume=2.2,
        curl=0.55,
        wildness=0.3,
        points=20,
        width=0.13,
        strands=5500,
    ),
    "tied": Style(
        14.0, comb=(0, 0.1, -1.0), lift=0.15, volume=0.5, wildness=0.04, gathered=True, points=9
    ),
    "horseshoe": Style(2.2, comb=(0, -0.5, -0.5), lift=0.3, volume=0.4, points=5, strands=4500),
}
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
# The hairline's height (cm) by how far forward a point lies (cm).
LINE_FORWARD = (-10, -6, -2, 0, 2, 3.5, 4.6, 6.0, 8, 9.5, 11.5)
LINE_HEIGHT = (-7.0, -5.5, -2.0, -0.5, 0.2, 3.0, 6.4, 8.4, 9.7, 10.1, 10.6)


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
            greying=float(np.clip(rng.uniform(-0.6, 0.9) * age * 1.6, 0, 0.7)),
            line_shift=float(rng.uniform(-0.9, 0.9)),
            recession=float(rng.choice([0.0, rng.uniform(0.5, 2.5)])) if not feminine else 0.0,
            parting=float(rng.choice([0.0, -2.5, 2.5, -3.5, 3.5])),
            length=float(np.exp(rng.normal(0, 0.2))),
            volume=float(np.exp(rng.normal(0, 0.25))),
            shine=float(rng.uniform(0.25, 1.0)),
        )


def _draw_colour(rng: np.random.Generator, tone: float, age: float, feminine: bool) -> str:
    if rng.random() < 0.5 * age:
        return str(rng.choice(["grey", "white"]))
    if feminine and rng.random() < 0.04:
        return "dyed"
    if tone > 0.45 or rng.random() < 0.35:
        return str(rng.choice(["black", "black", "dark"]))
    return str(rng.choice(["dark", "brown", "brown", "chestnut", "light", "blond", "pale", "red"]))


def hairline(look: HairLook, positions: np.ndarray) -> np.ndarray:
    """Height above the hairline in cm, positive where hair grows. positions: (..., 3) on the neutral head"""
    x, y, z = np.moveaxis(positions, -1, 0)
    temples = (
        look.recession * np.clip((z - 4) / 4, 0, 1) * np.exp(-(((np.abs(x) - 3.8) / 2.0) ** 2))
    )
    height = y - np.interp(z, LINE_FORWARD, LINE_HEIGHT) - look.line_shift * (z > 3) - temples
    height = height - 0.10 * np.clip(np.abs(x) - 3, 0, 3) * (z > 6)
    if look.style == "horseshoe":
        height = np.minimum(height, 9.2 - y + 0.2 * z * (z < 0))
    return height.astype(np.float32)


def ear_share(uvs: np.ndarray) -> np.ndarray:
    """1 on the ears, by the skin's texture coordinates. uvs: (..., 2)"""
    beside = ramp(np.abs(uvs[..., 0] - 0.5), 0.372, 0.39)
    return beside * ramp(uvs[..., 1], 0.425, 0.445) * ramp(uvs[..., 1], 0.715, 0.695)


def scalp_field(head: Head, look: HairLook) -> np.ndarray:
    """The hairline's height at each vertex, far below it on ears and inside the head. (n,)"""
    height = hairline(look, head.neutral)
    height[~np.isin(head.vertex_materials, (Material.SKIN, Material.SCALP))] = -9
    skin = head.vertex_materials == Material.SKIN
    height[skin & (ear_share(head.skin_uvs) > 0.3)] = -9
    return height


def thicken_scalp(head: Head, look: HairLook, base: np.ndarray) -> np.ndarray:
    """The head with the dense underside of its hair, which the strands cover. (n, 3)"""
    if look.style not in STYLES:
        return base
    style = STYLES[look.style]
    normals = np.zeros_like(base)
    vertex_normals(base, head.triangles, normals)
    thickness = 0.55 * style.volume * look.volume * ramp(scalp_field(head, look), 0.2, 2.6)
    return (base + normals * thickness[:, None]).astype(np.float32)


def grow_hair(
    head: Head, look: HairLook, base: np.ndarray, body: np.ndarray, rng: np.random.Generator
) -> Strands | None:
    """Strands over the thickened scalp. body: (m, 3) points of the shoulders that long hair falls upon"""
    if look.style not in STYLES:
        return None
    style = STYLES[look.style]
    field = scalp_field(head, look)
    roots = scatter_roots(head, base, rng, style.strands, lambda v: ramp(field[v], -0.25, 0.5))
    layers = rng.random(len(roots)).astype(np.float32) ** 0.7
    lengths = style.length * look.length * rng.uniform(0.75, 1.05, len(roots))
    fringe = "fringe" in look.style
    front = (
        ramp(roots.neutral[:, 2], 3.5, 5.5) * ramp(np.abs(roots.neutral[:, 0]), 5.5, 4.0)
        if fringe
        else 0 * layers
    )
    lengths = lengths + (rng.uniform(6.0, 7.5) - lengths) * front
    lines = _grow(head, look, style, base, body, roots, layers, lengths, front, rng)
    return _finish(look, style, roots, layers, lines, lines - base[roots.anchors][:, None], rng)


def _grow(
    head: Head,
    look: HairLook,
    style: Style,
    base: np.ndarray,
    body: np.ndarray,
    roots: Roots,
    layers: np.ndarray,
    lengths: np.ndarray,
    front: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """March every strand along the comb, the pull of gravity and its curl, keeping off scalp and shoulders."""
    surface = _Surface(head, base, body)
    comb = _comb(look, style, roots, front)
    bundles = _bundle_noise(roots, rng) * style.wildness
    stray = rng.normal(0, style.wildness * 0.5, (len(roots), 3))
    direction = roots.normals * style.lift + comb + bundles + stray
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
    step = (lengths / (style.points - 1))[:, None]
    clearance = 0.08 + style.volume * look.volume * layers
    lines = [roots.points]
    place = roots.points.copy()
    for k in range(1, style.points):
        pull = comb * (0.9 if style.gathered else 0.5) + np.array(
            [0, -style.gravity * min(1.6, 0.5 + 0.25 * k), 0]
        )
        if style.gathered:
            pull = pull + _towards_knot(place)
        direction = direction + (pull + 0.35 * bundles) * np.minimum(step * 0.35, 0.9)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
        previous, place = place, place + direction * step
        place = surface.keep_off(place, clearance * min(1.0, 0.35 + 0.35 * k))
        direction = 0.4 * direction + 0.6 * (place - previous) / (
            np.linalg.norm(place - previous, axis=1, keepdims=True) + 1e-6
        )
        lines.append(place)
    lines = np.stack(lines, axis=1)
    return lines + _curls(style, roots, lines, rng)


def _comb(look: HairLook, style: Style, roots: Roots, front: np.ndarray) -> np.ndarray:
    """Where each strand is combed, along the scalp. (s, 3)"""
    side = np.sign(roots.neutral[:, 0] - look.parting)
    comb = np.tile(np.array(style.comb, np.float32), (len(roots), 1))
    comb[:, 0] += style.from_parting * side
    comb[:, 0] *= 1 - front
    comb += front[:, None] * np.array([0.0, -0.5, 1.1])
    comb -= roots.normals * (comb * roots.normals).sum(axis=1, keepdims=True)
    return comb


def _towards_knot(place: np.ndarray) -> np.ndarray:
    away = np.array([0.0, 5.5, -11.5]) - place
    return 1.2 * away / (np.linalg.norm(away, axis=1, keepdims=True) + 1.0)


def _bundle_noise(roots: Roots, rng: np.random.Generator) -> np.ndarray:
    """Neighbours stray together: a direction for each of many tufts. (s, 3)"""
    centres = roots.points[rng.integers(0, len(roots), 260)]
    tuft = cKDTree(centres).query(roots.points)[1]
    return rng.normal(0, 1, (260, 3))[tuft]


def _curls(style: Style, roots: Roots, lines: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Helices about the strands, in step within a tuft. (s, k, 3)"""
    if not style.curl:
        return np.zeros_like(lines)
    turns = np.linspace(0, style.points * 0.95, style.points)
    phase = _bundle_noise(roots, rng)[:, :1] * 2 + rng.normal(0, 0.5, (len(roots), 1))
    grow = np.minimum(1, np.arange(style.points) / 3) * style.curl
    return np.stack(
        [
            np.cos(turns + phase) * grow,
            0.4 * np.sin(2 * turns + phase) * grow,
            np.sin(turns + phase) * grow,
        ],
        axis=2,
    )


class _Surface:
    """Scalp, face and shoulders as points with normals, to keep strands outside."""

    def __init__(self, head: Head, base: np.ndarray, body: np.ndarray):
        outer = np.isin(head.vertex_materials, (Material.SKIN, Material.SCALP))
        normals = np.zeros_like(base)
        vertex_normals(base, head.triangles, normals)
        away = body - np.array([0.0, -30.0, -2.5])
        body_normals = away / np.linalg.norm(away, axis=1, keepdims=True)
        self.points = np.concatenate([base[outer], body])
        self.normals = np.concatenate([normals[outer], body_normals])
        self.tree = cKDTree(self.points)

    def keep_off(self, places: np.ndarray, clearance: np.ndarray) -> np.ndarray:
        """Push points that are nearer than `clearance` out along the surface's normal."""
        nearest = self.tree.query(places)[1]
        normals = self.normals[nearest]
        gap = ((places - self.points[nearest]) * normals).sum(axis=1)
        return places + normals * np.clip(clearance - gap, 0, 2.0)[:, None]


def _finish(
    look: HairLook,
    style: Style,
    roots: Roots,
    layers: np.ndarray,
    lines: np.ndarray,
    offsets: np.ndarray,
    rng: np.random.Generator,
) -> Strands:
    """Colour the strands and say how open to the light each point is."""
    count, points = lines.shape[:2]
    tone = np.exp(rng.normal(0, 0.22, (count, 1)) + 0.10 * _bundle_noise(roots, rng)[:, :1])
    grey = (rng.random((count, 1)) < look.greying).astype(np.float32)
    colours = np.array(look.colour) * tone
    colours = colours + (linear(COLOURS["grey"]) - colours) * grey
    axis = np.array([0.0, 4.0, -1.0])
    low = np.minimum(lines[..., 1] - 4.0, 0)
    outward = lines - axis - np.stack([0 * low, low, 0 * low], axis=2)
    outward /= np.linalg.norm(outward, axis=2, keepdims=True) + 1e-6
    along = np.linspace(0, 1, points)[None]
    openness = (0.35 + 0.65 * layers[:, None]) * (0.55 + 0.45 * np.minimum(1, along * 2.5))
    inner = np.clip(1 - (np.linalg.norm(lines[..., ::2], axis=2) - 6) / 3, 0, 1) * (
        lines[..., 1] < -3
    )
    openness = openness * (1 - 0.7 * inner)
    return Strands(
        anchors=np.repeat(roots.anchors[:, None], points, axis=1),
        offsets=offsets.astype(np.float32),
        colours=colours.astype(np.float32),
        outward=outward.astype(np.float32),
        openness=openness.astype(np.float32),
        width_cm=(style.width * rng.uniform(0.7, 1.3, count)).astype(np.float32),
        shine=look.shine,
    )
