"""A fitted head before its photograph: layers of triangles, posed and rasterised in the square."""

from functools import cached_property

import cv2
import numpy as np

from models.mouth_crop import SIZE
from synthesis.pairs.fitting import Fit
from synthesis.pairs.frame_pairs import Surface, rasterise_surface
from synthesis.pairs.portrait_mesh import (
    SHEET_MARGIN,
    WET,
    FaceMesh,
    Layer,
    make_plate,
    make_sheet,
    move_sheet,
)

FINE = 2  # pictures are composed so many times as large
PARTED_CM = 0.12  # lips that are farther apart show something
SHUT_STEPS, SHUT_PIXELS = 4, 0.2


class PortraitLayers:
    """The head's skin and inside, the plate between the lips, and the sheet, in this order.

    to_square: from the photograph's pixels, as cv2 counts them, to the square's.
    """

    def __init__(self, mesh: FaceMesh, fit: Fit, to_square: np.ndarray) -> None:
        self.mesh, self.fit, self.to_square = mesh, fit, to_square
        count = len(fit.identity)
        self._base = mesh.head.neutral[mesh.used] + np.tensordot(
            fit.identity.astype(np.float32), mesh.identities[:count], axes=1
        )
        self._residual = mesh.nearness @ (fit.residuals @ to_square[:, :2].T)
        self.sheet = make_sheet(SIZE)
        self.rest = self.place(self.shape(fit.expression, 0.0))
        self.plate = self._make_plate()

    def shape(self, expression: dict[str, float], tongue: float) -> np.ndarray:
        """The head's own points with an expression. (n, 3) cm"""
        index = self.mesh.head.expression_index
        names = [name for name, weight in expression.items() if name in index and weight]
        weights = np.array([expression[name] for name in names], np.float32)
        moved = np.tensordot(weights, self.mesh.expressions[[index[n] for n in names]], axes=1)
        return self._base + moved + self.mesh.head.tongue_lift[self.mesh.used] * np.float32(tongue)

    def place(self, shape: np.ndarray) -> np.ndarray:
        """Points in the square, with what the fit left over added. (n, 3)"""
        placed = self.fit.place(shape)
        flat = (placed[:, :2] - 0.5) @ self.to_square[:, :2].T + self.to_square[:, 2]
        flat += self._residual
        return np.column_stack([flat, placed[:, 2]]).astype(np.float32)

    def shut(self, expression: dict[str, float]) -> dict[str, float]:
        """The same with mouthClose such that this person's lips just meet."""
        closed = dict(expression)
        for _ in range(SHUT_STEPS):
            gap = self._gap(closed)
            if abs(gap) < SHUT_PIXELS:
                break
            more = closed | {"mouthClose": closed.get("mouthClose", 0.0) + 0.05}
            slope = (self._gap(more) - gap) / 0.05
            step = float(np.clip(-gap / min(slope, -1.0), -0.1, 0.1))
            closed["mouthClose"] = float(np.clip(closed.get("mouthClose", 0.0) + step, -0.15, 1))
        return closed

    def _gap(self, expression: dict[str, float]) -> float:
        return _gap_of(self.place(self.shape(expression, 0.0))[self.mesh.marks[60:68]])

    def _make_plate(self) -> Layer | None:
        inner = self.rest[self.mesh.marks[60:68]]
        pixels_per_cm = self.fit.pixels_per_cm * float(np.hypot(*self.to_square[:, 0]))
        return make_plate(inner) if _gap_of(inner) > PARTED_CM * pixels_per_cm else None

    @cached_property
    def kept(self) -> np.ndarray:
        """Triangles of the mesh that are drawn: without the teeth that the plate shows. (t,)"""
        if self.plate is None:
            return np.arange(len(self.mesh.triangles))
        middles = self.rest[self.mesh.triangles].mean(axis=1)
        edge = self.rest[self.mesh.marks[60:65]]  # the upper lip's, corner to corner
        edge = edge[np.argsort(edge[:, 0])]
        above = middles[:, 1] < np.interp(middles[:, 0], edge[:, 0], edge[:, 1]) - 1
        return np.flatnonzero(~self.mesh.is_upper | above)

    @cached_property
    def face_triangles(self) -> np.ndarray:
        return np.ascontiguousarray(self.mesh.triangles[self.kept])

    @cached_property
    def face_materials(self) -> np.ndarray:
        return self.mesh.materials[self.kept]

    @cached_property
    def triangles(self) -> np.ndarray:
        """Of all layers. (t, 3)"""
        parts, start = [self.face_triangles], len(self.mesh.used)
        if self.plate is not None:
            parts.append(self.plate.triangles + start)
            start += len(self.plate.points)
        parts.append(self.sheet.triangles + start)
        return np.ascontiguousarray(np.concatenate(parts), np.int32)

    @property
    def plate_span(self) -> slice:
        """The plate's triangles; those of the sheet come after."""
        return slice(len(self.face_triangles), len(self.triangles) - len(self.sheet.triangles))

    @cached_property
    def is_wet(self) -> np.ndarray:
        """Triangles of the mouth's drawn inside. (t,) bool"""
        return self._of_all(np.isin(self.face_materials, WET))

    @cached_property
    def is_lower(self) -> np.ndarray:
        """Triangles of the part of the face that the jaw carries. (t,) bool"""
        return self._of_all(self.mesh.is_lower[self.kept])

    def _of_all(self, of_face: np.ndarray) -> np.ndarray:
        return np.concatenate([of_face, np.zeros(len(self.triangles) - len(of_face), bool)])

    @cached_property
    def two_sided(self) -> np.ndarray:
        """All but the face. (t,) bool"""
        return np.arange(len(self.triangles)) >= len(self.face_triangles)

    def all_points(self, points: np.ndarray) -> np.ndarray:
        """Of the head, the plate, and the sheet as the head pulls it."""
        plate = [] if self.plate is None else [self.plate.points]
        sheet = self.sheet.points if points is self.rest else self._pull_sheet(points)
        return np.concatenate([points, *plate, sheet]).astype(np.float32)

    @cached_property
    def rest_points(self) -> np.ndarray:
        """Of all layers in the photograph itself."""
        return self.all_points(self.rest)

    @cached_property
    def _canvas(self) -> tuple[Surface, np.ndarray]:
        """The skin on a canvas with the sheet's margin, and the pixels that it covers."""
        size = SIZE + 2 * SHEET_MARGIN
        points = self.rest + np.float32([SHEET_MARGIN, SHEET_MARGIN, 0])
        one_sided = np.zeros(len(self.face_triangles), bool)
        surface = rasterise_surface(points, self.face_triangles, one_sided, size)
        wet = np.isin(self.face_materials, WET)[surface.owner]
        return surface, (surface.owner >= 0) & ~wet

    def _pull_sheet(self, points: np.ndarray) -> np.ndarray:
        surface, face = self._canvas
        corners = self.face_triangles[surface.owner[face]]
        moved = np.zeros((*face.shape, 2), np.float32)
        steps = (points - self.rest)[:, :2]
        moved[face] = between(steps[corners], surface.weights[face])
        return move_sheet(self.sheet, moved, face)

    def surface(self, everything: np.ndarray) -> Surface:
        """What each pixel of the square shows."""
        return rasterise_surface(everything, self.triangles, self.two_sided, SIZE)

    def fine_surface(self, everything: np.ndarray, *, plate: bool) -> Surface:
        """The same at FINE times the size, with the plate or without."""
        chosen = np.ones(len(self.triangles), bool)
        chosen[self.plate_span] = plate
        numbers = np.flatnonzero(chosen)
        middle = (FINE - 1) / 2
        points = everything * np.float32([FINE, FINE, 1]) + np.float32([middle, middle, 0])
        surface = rasterise_surface(
            points, self.triangles[numbers], self.two_sided[numbers], SIZE * FINE
        )
        owner = np.where(surface.owner >= 0, numbers[surface.owner], -1).astype(np.int32)
        return Surface(points, surface.depth, owner, surface.weights)

    @cached_property
    def plate_cover(self) -> np.ndarray:
        """Where the plate is. (H, W) uint8, fine"""
        cover = np.zeros((SIZE * FINE, SIZE * FINE), np.uint8)
        corners = (self.plate.points[self.plate.triangles, :2] * FINE + 0.5).round()
        cv2.fillPoly(cover, list(corners.astype(np.int32)), 1)
        return cover

    @cached_property
    def nearest_at_rest(self) -> np.ndarray:
        """The depth about each fine pixel beyond which the photograph shows nothing. (H, W) cm"""
        depth = self.fine_surface(self.rest_points, plate=True).depth
        return cv2.erode(depth, np.ones((3, 3), np.uint8))


def _gap_of(inner: np.ndarray) -> float:
    """How far the lips' inner edges (8, 2 or 3) are apart in the middle, in pixels."""
    return float((inner[[7, 6, 5], 1] - inner[1:4, 1]).mean())


def between(corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What triangles' corners (..., 3, k) have at the first two weights (..., 2). (..., k)"""
    u, v = weights[..., :1], weights[..., 1:]
    return u * corners[..., 0, :] + v * corners[..., 1, :] + (1 - u - v) * corners[..., 2, :]
