"""The layers a photograph is redrawn with: the face's skin, the mouth's inside, what shows in the
photograph between the lips, and a sheet for all the rest.

Everything lies in pixels of one square (x right, y down, a pixel's middle is a whole number), with
depth in cm. A layer's vertices move with the expression; a picture is the layers' pixels, each
taken from where its place was in the photograph.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from synthesis.figure.head import Head, Material

WET = (Material.GUMS, Material.TONGUE, Material.TEETH, Material.SOCKET)
BEYOND_CM = 0.25  # by which the skin goes on outside the jaw's landmarks
SHEET_DEPTH = -60.0  # cm: behind everything
SHEET_STEP, SHEET_MARGIN = 4, 24  # pixels
PLATE_STEP = 2
PLATE_BEHIND_CM = 0.35  # the lips' edges
RIGID_CM = 0.15  # what jawOpen moves less belongs to the skull
SLOPE = 2.5  # over so many times its size a movement fades out beside the face
LEAST_FADE = 10.0  # pixels
RESIDUAL_SMOOTH = 0.08  # cm: how closely the skin follows what the fit left at the landmarks


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """The parts of a head model that a redrawn photograph needs; vertices are the head's own."""

    head: Head
    skin: np.ndarray  # (t,) numbers of the triangles of the face's skin
    wet: np.ndarray  # (t,) and of the mouth's inside

    @cached_property
    def used(self) -> np.ndarray:
        """The vertices of both and the landmarks, sorted."""
        corners = self.head.triangles[np.concatenate([self.skin, self.wet])]
        return np.unique(np.concatenate([corners.ravel(), self.head.landmarks]))

    @cached_property
    def triangles(self) -> np.ndarray:
        """Skin, then inside, by numbers among `used`. (t, 3)"""
        chosen = np.concatenate([self.skin, self.wet])
        return np.searchsorted(self.used, self.head.triangles[chosen]).astype(np.int32)

    @cached_property
    def materials(self) -> np.ndarray:
        return self.head.materials[np.concatenate([self.skin, self.wet])]

    @cached_property
    def marks(self) -> np.ndarray:
        """The landmarks among `used`. (68,)"""
        return np.searchsorted(self.used, self.head.landmarks)

    @cached_property
    def expressions(self) -> np.ndarray:
        """Of `used` alone. (expressions, n, 3)"""
        return np.ascontiguousarray(self.head.expressions[:, self.used])

    @cached_property
    def identities(self) -> np.ndarray:
        return np.ascontiguousarray(self.head.identities[:, self.used])

    @cached_property
    def nearness(self) -> np.ndarray:
        """How what is known at the landmarks goes on over the vertices, smoothly. (n, 68)

        Told between points of an open mouth, so that the lips do not hang together.
        """
        from scipy.interpolate import RBFInterpolator

        jaw = self.expressions[self.head.expression_index["jawOpen"]]
        places = self.head.neutral[self.used] + 0.5 * jaw
        known = np.eye(len(self.marks))
        carry = RBFInterpolator(
            places[self.marks], known, kernel="linear", smoothing=RESIDUAL_SMOOTH
        )
        shares = carry(places)
        shares[self.is_wet] = known[48:].mean(axis=0)
        return shares.astype(np.float32)

    @cached_property
    def is_wet(self) -> np.ndarray:
        """Which of `used` lie inside the mouth. (n,) bool"""
        return np.isin(self.head.vertex_materials[self.used], WET)

    @cached_property
    def is_lower(self) -> np.ndarray:
        """Triangles that go down with the jaw at least half as far as the lower lip. (t,) bool"""
        jaw = self.expressions[self.head.expression_index["jawOpen"]][:, 1]
        lip = jaw[self.marks[[65, 66, 67]]].mean()
        return (jaw[self.triangles] / min(lip, -1e-3) > 0.5).all(axis=1)

    @cached_property
    def is_upper(self) -> np.ndarray:
        """Triangles of the upper teeth and gums, which no jaw moves. (t,) bool"""
        jaw = self.head.expressions[self.head.expression_index["jawOpen"]][self.used]
        still = np.linalg.norm(jaw, axis=1) < RIGID_CM
        hard = np.isin(self.materials, (Material.TEETH, Material.GUMS))
        return hard & still[self.triangles].all(axis=1)


def face_mesh(head: Head) -> FaceMesh:
    """The face's skin from the jaw's outline to above the brows, as seen from the front."""
    outline = head.neutral[head.landmarks[:17], :2]
    top = outline[[16, 0]] + [0, 8.0]
    polygon = np.concatenate([outline, top]).astype(np.float32)
    middle = head.neutral[head.triangles].mean(axis=1)
    skin = (head.materials == Material.SKIN) & (middle[:, 2] > 0)
    chosen = [
        number
        for number in np.flatnonzero(skin)
        if cv2.pointPolygonTest(polygon, tuple(map(float, middle[number, :2])), True) > -BEYOND_CM
    ]
    inside = np.isin(head.materials, WET) & (middle[:, 1] < 0)
    # The inner side of the lips faces back or inwards, and is seen when the mouth opens.
    lips = head.neutral[head.landmarks[48:]]
    low, high = lips.min(axis=0) - [0.3, 1.2, 1.6], lips.max(axis=0) + [0.3, 1.2, 1.0]
    rim = (head.materials == Material.SKIN) & ((middle > low) & (middle < high)).all(axis=1)
    skins = np.union1d(chosen, np.flatnonzero(rim))
    return FaceMesh(head, skins.astype(np.int64), np.flatnonzero(inside))


@dataclass(frozen=True, eq=False)
class Layer:
    """A grid of vertices in the square, and its triangles."""

    points: np.ndarray  # (n, 3)
    triangles: np.ndarray  # (t, 3)


def make_sheet(size: int) -> Layer:
    """The whole square and a margin, behind everything."""
    axis = np.arange(-SHEET_MARGIN, size + SHEET_MARGIN + 1, SHEET_STEP, dtype=np.float32)
    return _grid(axis, axis, lambda x, y: np.full_like(x, SHEET_DEPTH))


def make_plate(inner: np.ndarray) -> Layer | None:
    """What the photograph shows between the lips, as a plate behind their edges.

    inner: (8, 3) the inner lips' landmarks in the square, corner, upper lip, corner, lower lip.
    """
    order = np.argsort(inner[:, 0])
    outline = np.round(inner[:, :2] * 16).astype(np.int32)
    left, top = np.floor(inner[:, :2].min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(inner[:, :2].max(axis=0)).astype(int) + 2
    x = np.arange(left, right + 1, PLATE_STEP, dtype=np.float32)
    y = np.arange(top, bottom + 1, PLATE_STEP, dtype=np.float32)
    if len(x) < 2 or len(y) < 2:
        return None

    def depth(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.interp(columns, inner[order, 0], inner[order, 2]) - PLATE_BEHIND_CM

    grid = _grid(x, y, depth)
    middles = grid.points[grid.triangles, :2].mean(axis=1)
    polygon = (outline / 16).astype(np.float32)
    within = [cv2.pointPolygonTest(polygon, (float(a), float(b)), True) > -0.7 for a, b in middles]
    return Layer(grid.points, grid.triangles[within]) if any(within) else None


def _grid(x: np.ndarray, y: np.ndarray, depth) -> Layer:
    columns, rows = np.meshgrid(x, y)
    points = np.stack([columns, rows, depth(columns, rows)], axis=-1).reshape(-1, 3)
    number = np.arange(columns.size).reshape(columns.shape)
    a, b, c, d = (
        part.ravel()
        for part in (number[:-1, :-1], number[1:, :-1], number[:-1, 1:], number[1:, 1:])
    )
    triangles = np.concatenate([np.column_stack([a, b, c]), np.column_stack([c, b, d])])
    return Layer(points.astype(np.float32), triangles.astype(np.int32))


def move_sheet(
    sheet: Layer, moved: np.ndarray, face: np.ndarray, least_fade: float = LEAST_FADE
) -> np.ndarray:
    """The sheet's vertices where the face beside them pulls them. (n, 3)

    moved: (H, W, 2) how each of the face's pixels moves, on a canvas with SHEET_MARGIN about the
    square; face: (H, W) bool, where it lies. Beside the face its movement fades out, over a way so
    much longer than itself that nothing folds: a chin that drops pushes the throat before it.
    """
    away, nearest = cv2.distanceTransformWithLabels(
        (~face).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros((int(nearest.max()) + 1, 2), np.float32)
    by_label[nearest[face]] = moved[face]
    spread = by_label[nearest]
    reach = np.maximum(least_fade, SLOPE * np.linalg.norm(spread, axis=2))
    share = np.clip(1 - away / cv2.GaussianBlur(reach, (0, 0), 4), 0, 1) ** 2
    field = cv2.GaussianBlur(spread, (0, 0), 2.5) * share[..., None]
    field = np.where(face[..., None], moved, field)
    column, row = (sheet.points[:, axis].astype(int) + SHEET_MARGIN for axis in (0, 1))
    height, width = face.shape
    points = sheet.points.copy()
    points[:, :2] += field[row.clip(0, height - 1), column.clip(0, width - 1)]
    return points
