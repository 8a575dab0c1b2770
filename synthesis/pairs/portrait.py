"""A photograph drawn with other mouths: its own skin carried by the fitted head, teeth by us.

The photograph is the texture of whatever it shows. What it does not show is the mouth's inside,
which is drawn in its light, and the rims of lips that part, which go on as the lips beside them.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from models.mouth_crop import SIZE, Placement
from synthesis.figure.head import Material
from synthesis.figure.wet_mouth import WetMouth, levels_of, light_on_face, linear_of, tone_of
from synthesis.pairs.fitting import Fit
from synthesis.pairs.frame_pairs import Surface
from synthesis.pairs.portrait_layers import FINE, PortraitLayers, between
from synthesis.pairs.portrait_mesh import SHEET_MARGIN, FaceMesh
from synthesis.render.camera import rotation_matrix
from synthesis.render.rasteriser import rasterise

SEEN_CM = 0.1  # a point this far behind what the photograph shows is still seen in it
BRIGHT_TEETH = 0.45  # of the light upon the face: what is brighter between the lips is teeth
RIM = 4  # fine pixels from a gap that lend it no colour
SEAM_WIDTH, SEAM_DEPTH = 1.1, 0.5  # of the line between closed lips: fine pixels, share of light
GREY = 4.0  # levels between the channels, on average, below which a photograph has no colours
LIP_EDGE = 3  # fine pixels by which what is between the lips may reach onto them
_SQUARE = slice(SHEET_MARGIN * FINE, (SHEET_MARGIN + SIZE) * FINE)
PLATE_FADE = 3.0  # fine pixels over which the plate's edge melts into what is drawn


@dataclass(frozen=True, eq=False)
class Redrawn:
    """A picture of a photograph with some mouth."""

    image: np.ndarray  # (SIZE, SIZE, 3) BGR uint8
    surface: Surface  # which triangle each pixel shows
    marks: np.ndarray  # (68, 2) pixels of the picture, counted from the first one's edge
    invented: float  # share of the lips' pixels that the photograph does not show


class Portrait:
    """A photograph with its fitted head, cut about the mouth."""

    def __init__(
        self, mesh: FaceMesh, photo: np.ndarray, fit: Fit, place: Placement, seed: int
    ) -> None:
        self.mesh, self.fit = mesh, fit
        self.photo, self._from_square = _fitting_photo(photo, place)
        self.layers = PortraitLayers(mesh, fit, place.to_crop(SIZE))
        self.light, tone = self._judge_light()
        self.wet = WetMouth(np.random.default_rng(seed), tone)

    def draw(self, expression: dict[str, float], tongue: float) -> Redrawn:
        """The photograph with this expression; weights by the head model's names."""
        layers = self.layers
        shape = layers.shape(expression, tongue)
        points = layers.place(shape)
        everything = layers.all_points(points)
        fine = layers.fine_surface(everything, plate=False)
        inside, slits = self._inside(fine, points)
        image, invented = self._skin(fine, points, slits)
        image = self._lay_inside(image, inside, fine, shape)
        image = self._lay_plate(image, fine)
        small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        levels = np.clip(small + 0.5, 0, 255).astype(np.uint8)
        marks = points[self.mesh.marks, :2] + 0.5
        return Redrawn(levels, layers.surface(everything), marks, invented)

    def as_it_is(self) -> np.ndarray:
        """The photograph in the square, cut as the others are. BGR uint8"""
        small = cv2.resize(self._fine_photo, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return np.clip(small + 0.5, 0, 255).astype(np.uint8)

    @cached_property
    def materials(self) -> np.ndarray:
        """What each triangle is made of. (t,) uint8"""
        parts = [self.layers.face_materials]
        if self.layers.plate is not None:
            parts.append(self._plate_materials())
        behind = np.full(len(self.layers.sheet.triangles), Material.CLOTH, np.uint8)
        return np.concatenate([*parts, behind]).astype(np.uint8)

    @cached_property
    def _wide_photo(self) -> np.ndarray:
        """The photograph in the square and the sheet's margin, FINE times as large; levels."""
        axis = np.arange(-SHEET_MARGIN * FINE, (SIZE + SHEET_MARGIN) * FINE, dtype=np.float32)
        places = np.stack(np.meshgrid(axis, axis), axis=-1)
        return self._sample((places + 0.5) / FINE - 0.5)

    @property
    def _fine_photo(self) -> np.ndarray:
        """The square of it."""
        return self._wide_photo[_SQUARE, _SQUARE]

    @cached_property
    def _bare_photo(self) -> np.ndarray:
        """The wide photograph with lips where it shows what is between them: teeth that hung on
        a lip's edge by a pixel would go with it.
        """
        if self.layers.plate is None:
            return self._wide_photo
        between = np.zeros(self._wide_photo.shape[:2], bool)
        between[_SQUARE, _SQUARE] = self.layers.plate_cover > 0
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * LIP_EDGE + 1,) * 2)
        between = cv2.dilate(between.astype(np.uint8), kernel) > 0
        return _fill(self._wide_photo, between, ~between, 1)

    def _plate_materials(self) -> np.ndarray:
        """Teeth where the plate is bright, the dark inside elsewhere."""
        plate = self.layers.plate
        middles = plate.points[plate.triangles, :2].mean(axis=1).astype(np.float32)
        light = linear_of(self._sample(middles[None])[0]).mean(axis=1) / self.light.mean()
        return np.where(light > BRIGHT_TEETH, Material.TEETH, Material.SOCKET).astype(np.uint8)

    def _judge_light(self) -> tuple[np.ndarray, float]:
        marks = self.layers.rest[self.mesh.marks, :2]
        eyes = np.concatenate(
            [self._within(marks[span]) for span in (slice(36, 42), slice(42, 48))]
        )
        cheeks = self._within(marks[[1, 3, 5, 31, 35, 11, 13, 15]])
        light = light_on_face(eyes, cheeks)
        return light, tone_of(light, cheeks)

    def _within(self, polygon: np.ndarray) -> np.ndarray:
        """Some of the photograph's pixels in a polygon of the square. (n, 3) levels"""
        low, high = polygon.min(axis=0), polygon.max(axis=0)
        columns, rows = np.meshgrid(
            *(np.linspace(a, b, 24) for a, b in zip(low, high, strict=True))
        )
        places = np.stack([columns, rows], axis=-1).astype(np.float32)
        outline = polygon.astype(np.float32)
        inside = [
            cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0
            for x, y in places.reshape(-1, 2)
        ]
        return self._sample(places).reshape(-1, 3)[inside]

    def _sample(self, places: np.ndarray) -> np.ndarray:
        """The photograph at points of the square. (h, w, 2) -> (h, w, 3) float32 levels"""
        turned = places @ self._from_square[:, :2].T.astype(np.float32)
        turned += self._from_square[:, 2].astype(np.float32)
        return cv2.remap(
            self.photo, turned.astype(np.float32), None, cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip

    def _inside(self, fine: Surface, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the mouth's inside is drawn, and where it shows too little for that: lips that
        all but meet, and gaps of the mesh elsewhere. (H, W) bool each
        """
        wet = self.layers.is_wet[fine.owner] & (fine.owner >= 0)
        open_wide = cv2.morphologyEx(
            wet.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
        )
        inside = (open_wide > 0) & self._about_lips(points)
        return inside, wet & ~inside

    def _skin(
        self, fine: Surface, points: np.ndarray, slits: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Skin and sheet from the photograph; rims that it hides as the skin beside them."""
        layers = self.layers
        sources = between(layers.rest_points[layers.triangles[fine.owner]], fine.weights)
        places = (sources[..., :2] + SHEET_MARGIN) * FINE + (FINE - 1) / 2
        image = cv2.remap(
            self._bare_photo, places.astype(np.float32), None, cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        skin = (fine.owner < layers.plate_span.start) & ~layers.is_wet[fine.owner]
        hidden = skin & self._about_lips(points) & ~self._seen_at_rest(sources)
        filled = _fill(image, hidden | slits, skin & ~hidden)
        shadow = self._seam(fine, skin, slits, points)
        filled = filled * (1 - SEAM_DEPTH * shadow)[..., None]
        lips = max(1.0, float(cv2.contourArea(self._lips() * FINE)))
        return filled, float(hidden.sum()) / lips

    def _seam(
        self, fine: Surface, skin: np.ndarray, slits: np.ndarray, points: np.ndarray
    ) -> np.ndarray:
        """How dark the line is where the upper lip meets the lower one, 0 to 1. (H, W)"""
        between_lips = np.zeros(skin.shape, np.uint8)
        inner = np.round(points[self.mesh.marks[60:68], :2] * FINE).astype(np.int32)
        cv2.fillConvexPoly(between_lips, cv2.convexHull(inner), 1)
        around = cv2.dilate(between_lips, np.ones((5, 5), np.uint8)) > 0
        meeting = slits & around
        if self.layers.plate is not None:  # else the photograph has the line of its closed lips
            lower = self.layers.is_lower[fine.owner]
            kernel = np.ones((3, 3), np.uint8)
            lips = [(part & skin & around).astype(np.uint8) for part in (lower, ~lower)]
            touching = cv2.dilate(lips[0], kernel) & cv2.dilate(lips[1], kernel)
            meeting = meeting | (touching > 0)
        soft = cv2.GaussianBlur(meeting.astype(np.float32), (0, 0), SEAM_WIDTH)
        return np.clip(1.3 * soft, 0, 1) * (skin | slits)

    def _about_lips(self, points: np.ndarray) -> np.ndarray:
        """Where lips uncover what was hidden. (H, W) bool, fine"""
        cover = np.zeros((SIZE * FINE, SIZE * FINE), np.uint8)
        outline = np.round(points[self.mesh.marks[48:60], :2] * FINE).astype(np.int32)
        cv2.fillConvexPoly(cover, cv2.convexHull(outline), 1)
        return cv2.dilate(cover, np.ones((9, 9), np.uint8)) > 0

    def _lips(self) -> np.ndarray:
        return self.layers.rest[self.mesh.marks[48:60], :2].astype(np.float32)

    def _seen_at_rest(self, sources: np.ndarray) -> np.ndarray:
        """Whether the photograph shows these points of the square (x, y, depth). (H, W) bool"""
        flat = np.round(sources[..., :2] * FINE + (FINE - 1) / 2).astype(int)
        column, row = (flat[..., axis].clip(0, SIZE * FINE - 1) for axis in (0, 1))
        return sources[..., 2] >= self.layers.nearest_at_rest[row, column] - SEEN_CM

    def _lay_inside(
        self, image: np.ndarray, inside: np.ndarray, fine: Surface, shape: np.ndarray
    ) -> np.ndarray:
        if not inside.any():
            return image
        turned = (shape @ rotation_matrix(*self.fit.angles).T).astype(np.float32)
        owner = np.where(inside, fine.owner, -1).astype(np.int32)
        drawn = self.wet.draw(owner, fine.weights, self._wet_mesh, turned, self.light)
        levels = cv2.GaussianBlur(levels_of(drawn), (0, 0), 0.35 * FINE)
        if self._is_grey:
            levels = np.repeat(levels.mean(axis=2, keepdims=True), 3, axis=2)
        return np.where(inside[..., None], levels, image)

    @cached_property
    def _is_grey(self) -> bool:
        """Whether the photograph has no colours."""
        return float(np.ptp(self._fine_photo, axis=2).mean()) < GREY

    @cached_property
    def _wet_mesh(self) -> dict[str, np.ndarray]:
        chosen = np.concatenate([self.mesh.skin, self.mesh.wet])[self.layers.kept]
        return {
            "triangles": self.layers.face_triangles,
            "corner_uvs": np.ascontiguousarray(self.mesh.head.corner_uvs[chosen]),
            "materials": self.layers.face_materials,
            "marks": self.mesh.marks,
            "wet_vertices": np.flatnonzero(self.mesh.is_wet).astype(np.int32),
        }

    def _lay_plate(self, image: np.ndarray, fine: Surface) -> np.ndarray:
        """What the photograph shows between the lips, where the new lips leave it in view."""
        if self.layers.plate is None:
            return image
        span = self.layers.plate_span
        depth, owner = fine.depth.copy(), np.full(fine.owner.shape, -1, np.int32)
        weights = np.zeros((*owner.shape, 2), np.float32)
        two_sided = np.ones(span.stop - span.start, bool)
        rasterise(fine.points, self.layers.triangles[span], two_sided, depth, owner, weights)
        share = (self._plate_share * (owner >= 0))[..., None]
        return image + (self._fine_photo - image) * share

    @cached_property
    def _plate_share(self) -> np.ndarray:
        """1 within the plate; towards its edge it melts away. (H, W)"""
        away = cv2.distanceTransform(self.layers.plate_cover, cv2.DIST_L2, 5)
        return np.clip(away / PLATE_FADE, 0, 1).astype(np.float32)


def _fitting_photo(photo: np.ndarray, place: Placement) -> tuple[np.ndarray, np.ndarray]:
    """The photograph, made smaller where the square would skip its pixels, and the map from the
    square's pixels to its own.
    """
    shrink = place.side / (SIZE * FINE)
    share = np.ones(2)
    if shrink > 1.2:
        small = np.round(np.array(photo.shape[1::-1]) / shrink).astype(int)
        share = small / np.array(photo.shape[1::-1])
        photo = cv2.resize(photo, tuple(map(int, small)), interpolation=cv2.INTER_AREA)
    back = cv2.invertAffineTransform(place.to_crop(SIZE))
    matrix = np.diag(share) @ back
    matrix[:, 2] += (share - 1) / 2
    return photo.astype(np.float32), matrix


def _fill(image: np.ndarray, gaps: np.ndarray, whole: np.ndarray, rim: int = RIM) -> np.ndarray:
    """Gaps coloured as the nearest place of `whole` that is not within `rim` of them."""
    if not gaps.any() or not whole.any():
        return image
    lending = cv2.erode(whole.astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) > 0
    lending = lending if lending.any() else whole
    _, nearest = cv2.distanceTransformWithLabels(
        (~lending).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(nearest.max()) + 1, 3), np.float32)
    colours[nearest[lending]] = image[lending]
    filled = np.where(gaps[..., None], colours[nearest], image)
    soft = cv2.GaussianBlur(filled, (0, 0), 1.5)
    return np.where(gaps[..., None], soft, filled)
