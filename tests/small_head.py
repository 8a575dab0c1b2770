"""A head made by code, for tests: a bottle with a face's landmarks, eyes, teeth and a tongue."""

import numpy as np

from synthesis.figure.head import Head, Material

RINGS, AROUND = 90, 144
# x, y (cm) of half the landmarks: jaw, brow, eye, nose's wing, outer lip, inner lip.
JAW = (
    (7.4, 3.7),
    (7.3, 1.5),
    (6.9, -0.5),
    (6.6, -2.4),
    (5.7, -4.5),
    (4.3, -6.2),
    (3.0, -6.9),
    (1.5, -7.3),
)
BROW = ((5.8, 5.2), (4.9, 6.0), (3.8, 6.3), (2.4, 6.2), (1.2, 5.9))
EYE = ((4.5, 3.4), (3.9, 3.9), (2.8, 3.9), (1.8, 3.2), (2.7, 3.0), (3.9, 3.0))


def landmark_places() -> np.ndarray:
    """x and y of 68 landmarks in iBUG's order, cm. (68, 2)"""
    left = [(-x, y) for x, y in JAW]
    jaw = left + [(0, -7.6)] + [(-x, y) for x, y in left[::-1]]
    brows = [(-x, y) for x, y in BROW] + list(BROW[::-1])
    nose = [(0, 3.7), (0, 2.6), (0, 1.6), (0, 0.4)] + [(x, -1.2) for x in (-1.3, -0.6, 0, 0.6, 1.3)]
    other_eye = [EYE[k] for k in (3, 2, 1, 0, 5, 4)]
    eyes = [(-x, y) for x, y in EYE] + other_eye
    lips = [
        (-2.5, -3.5),
        (-1.7, -2.8),
        (-0.7, -2.4),
        (0, -2.5),
        (0.7, -2.4),
        (1.7, -2.8),
        (2.5, -3.5),
        (1.8, -4.1),
        (1.0, -4.3),
        (0, -4.4),
        (-1.0, -4.3),
        (-1.8, -4.1),
    ]
    inner = [
        (-2.2, -3.5),
        (-1, -3.3),
        (0, -3.3),
        (1, -3.3),
        (2.2, -3.5),
        (1, -3.7),
        (0, -3.7),
        (-1, -3.7),
    ]
    return np.array(jaw + brows + nose + eyes + lips + inner, np.float32)


def small_head() -> Head:
    """About 14,000 vertices: enough for every path of the renderer, nothing of anyone's."""
    parts = [_bottle()] + [_ball((side * 3.2, 3.6, 9.2), 1.25, Material.EYE) for side in (1, -1)]
    parts += [
        _ball((0, -3.0, 9.6), 0.8, Material.TEETH),
        _ball((0, -3.6, 8.5), 0.7, Material.TONGUE),
        _ball((0, -2.6, 9.0), 0.6, Material.GUMS),
        _ball((0, -3.4, 7.5), 0.9, Material.SOCKET),
    ]
    starts = np.cumsum([0] + [len(points) for points, *_ in parts])
    neutral = np.concatenate([points for points, *_ in parts]).astype(np.float32)
    triangles = np.concatenate(
        [tri + start for (_, tri, _, _), start in zip(parts, starts, strict=False)]
    )
    eyeballs = tuple(np.arange(starts[k], starts[k + 1]) for k in (1, 2))
    lashes = np.stack([eyeballs[0][:3], eyeballs[1][:3]]).astype(np.int32)
    rng = np.random.default_rng(7)
    wide = np.stack([neutral * [0.03, 0, 0], neutral * [0, 0.02, 0], neutral * [0, 0, 0.02]])
    jaw = np.zeros_like(neutral)
    jaw[:, 1] = (
        -2.5
        * np.clip((-2.0 - neutral[:, 1]) / 4, 0, 1)
        * (neutral[:, 2] > 4)
        * (neutral[:, 1] > -9)
    )
    smile = rng.normal(0, 0.02, neutral.shape)
    lift = np.zeros_like(neutral)
    lift[starts[4] : starts[5], 1] = 0.5
    return Head(
        neutral=neutral,
        identities=wide.astype(np.float32),
        expression_names=("jawOpen", "mouthSmile_L"),
        expressions=np.stack([jaw, smile]).astype(np.float32),
        triangles=triangles.astype(np.int32),
        corner_uvs=np.concatenate([uvs for _, _, uvs, _ in parts]),
        materials=np.concatenate([materials for *_, materials in parts]),
        landmarks=_nearest_in_front(neutral[: starts[1]]),
        eyeballs=eyeballs,
        lashes=lashes,
        tongue_lift=lift,
    )


def _nearest_in_front(points: np.ndarray) -> np.ndarray:
    front = np.flatnonzero(points[:, 2] > 2)
    away = np.linalg.norm(points[front, None, :2] - landmark_places()[None], axis=2)
    return front[away.argmin(axis=0)].astype(np.int32)


def _bottle() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Head and neck as a surface of revolution: skin in front, scalp behind."""
    heights = np.linspace(14.4, -17.0, RINGS)
    head = np.sqrt(np.clip(1 - ((heights - 3.2) / 11.3) ** 2, 0, 1))
    radius = np.where(heights < -5, np.maximum(head, 0.58), head)[:, None]
    turn = np.linspace(-np.pi, np.pi, AROUND)[None]
    points = np.stack(
        [
            7.6 * radius * np.sin(turn),
            heights[:, None] + 0 * turn,
            10.0 * radius * np.cos(turn) + 0.5,
        ],
        axis=2,
    )
    return _grid(points, Material.SKIN)


def _ball(centre: tuple[float, ...], radius: float, material: Material) -> tuple:
    tilt, turn = np.linspace(0, np.pi, 12)[:, None], np.linspace(-np.pi, np.pi, 16)[None]
    points = np.stack(
        [np.sin(tilt) * np.sin(turn), np.cos(tilt) + 0 * turn, np.sin(tilt) * np.cos(turn)], axis=2
    )
    return _grid(points * radius + np.array(centre), material)


def _grid(
    points: np.ndarray, material: Material
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = number[:-1, :-1], number[1:, :-1], number[:-1, 1:], number[1:, 1:]
    a, b, c, d = (corner.ravel() for corner in corners)
    triangles = np.concatenate([np.column_stack([a, b, c]), np.column_stack([c, b, d])])
    v, u = np.mgrid[1 : 0 : rows * 1j, 0 : 1 : columns * 1j]
    uvs = np.column_stack([u.ravel(), v.ravel()]).astype(np.float32)[triangles]
    materials = np.full(len(triangles), material, np.uint8)
    if material == Material.SKIN:
        materials[points.reshape(-1, 3)[triangles][..., 2].mean(axis=1) < -3] = Material.SCALP
    return points.reshape(-1, 3), triangles, uvs, materials
