"""Where hairs grow: points scattered over the head's surface, as dense as a field says."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synthesis.figure.head import Head, Material
from synthesis.render.rasteriser import vertex_normals


@dataclass(frozen=True, eq=False)
class Roots:
    """Points on a speaker's skin.

    neutral: the same points on the neutral head, to place features by.
    """

    points: np.ndarray  # (s, 3)
    neutral: np.ndarray  # (s, 3)
    normals: np.ndarray  # (s, 3)
    anchors: np.ndarray  # (s,) nearest corner of the triangle

    def __len__(self) -> int:
        return len(self.points)


def scatter_roots(
    head: Head,
    base: np.ndarray,
    rng: np.random.Generator,
    count: int,
    density: Callable[[np.ndarray], np.ndarray],
) -> Roots:
    """`count` roots on skin and scalp.

    base: (n, 3) this speaker's head; density: of vertex numbers (m,) -> (m,)
    """
    outer = np.isin(head.materials, (Material.SKIN, Material.SCALP))
    triangles = head.triangles[outer]
    corners = base[triangles]
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    weights = areas * density(np.arange(len(base)))[triangles].mean(axis=1)
    if count == 0 or weights.sum() <= 0:
        return Roots(*(np.zeros((0, 3), np.float32) for _ in range(3)), np.zeros(0, np.int32))
    chosen = triangles[rng.choice(len(triangles), count, p=weights / weights.sum())]
    share = np.sort(rng.random((count, 2)), axis=1)
    share = np.column_stack([share[:, 0], share[:, 1] - share[:, 0], 1 - share[:, 1]]).astype(
        np.float32
    )
    normals = np.zeros_like(base)
    vertex_normals(base, head.triangles, normals)
    blended = [
        np.einsum("sk,skc->sc", share, field[chosen]) for field in (base, head.neutral, normals)
    ]
    blended[2] /= np.linalg.norm(blended[2], axis=1, keepdims=True) + 1e-9
    return Roots(*blended, chosen[np.arange(count), share.argmax(axis=1)].astype(np.int32))
