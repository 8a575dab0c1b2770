"""Photographs as pairs: each with its own mouth and others, and what is known between any two."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from face_detection.detectors import Detector
from face_detection.landmarks import LandmarkFinder
from models.landmarks import MIRRORED
from models.lip_motion import opening
from models.mouth_crop import SIZE, Placement, place_mouth
from synthesis.pairs.fitting import Fit, HeadFitter
from synthesis.pairs.frame_pairs import PLACE_ERROR, SCALE_ERROR, flows_between, kinds_of
from synthesis.pairs.lip_edges import sharpen_lips
from synthesis.pairs.portrait import Portrait, Redrawn
from synthesis.pairs.portrait_mesh import FaceMesh
from synthesis.pairs.portrait_mouths import draw_mouth, lips_of
from synthesis.render.degrade import compress
from training.pair_files import FrameMouths

LEAST_SCORE = 0.6  # of the detector
LEAST_PIXELS_PER_CM = 4.5
MOST_YAW, MOST_PITCH = 0.7, 0.5  # radians
MOST_ERROR = 0.022  # of the face's height: the fitted head's landmarks from those seen
MOST_DISAGREEMENT = 0.022  # of the face's height: the landmarks of the photograph and its mirror
MOST_REDRAWN = 8.0  # levels: the photograph drawn with its own mouth differs from it about the lips
MOST_INVENTED = 0.9  # of the lips' area: what no photograph shows of them
MOST_POINTED = 0.35  # see pointedness
SHUT = 0.02  # lips whose opening is less should meet
TRIES = 8  # for each mouth, before the photograph is given up


@dataclass
class Tally:
    """What became of the photographs."""

    kept: int = 0
    rejected: Counter = field(default_factory=Counter)  # by reason

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {why}" for why, count in self.rejected.most_common())
        return f"{self.kept} kept, {sum(self.rejected.values())} left out ({reasons or 'none'})"


class Unfit(ValueError):
    """A photograph that would make broken mouths; the message is the reason."""


class PortraitArtist:
    """Turns photographs into frames with several mouths."""

    def __init__(
        self, mesh: FaceMesh, fitter: HeadFitter, detector: Detector, finder: LandmarkFinder
    ) -> None:
        self.mesh, self.fitter, self.detector, self.finder = mesh, fitter, detector, finder

    def draw(
        self, photo: np.ndarray, mouths: int, rng: np.random.Generator, frames: int = 1
    ) -> list[FrameMouths]:
        """The photograph first, then others, in squares that lie a little otherwise in each frame.

        Frames whose mouths come out wrong are left out. Raises Unfit where none is left.
        """
        points, fit = self.look(photo)
        drawn, reasons = [], []
        for _ in range(frames):
            place = _misplaced(place_mouth(points), rng)
            portrait = Portrait(self.mesh, photo, fit, place, int(rng.integers(2**31)))
            try:
                drawn.append(draw_frame(portrait, mouths, rng))
            except Unfit as reason:
                reasons.append(reason)
        if not drawn:
            raise reasons[0]
        return drawn

    def look(self, photo: np.ndarray) -> tuple[np.ndarray, Fit]:
        """Landmarks (68, 2) and the fitted head. Raises Unfit."""
        (faces,) = self.detector.detect([photo])
        if not len(faces) or faces[0, 4] < LEAST_SCORE:
            raise Unfit("without a sure face")
        points, spreads = self._find_twice(photo, faces[0, :4])
        points = sharpen_lips(photo, points)
        fit = self.fitter.fit(points, spreads)
        if fit.pixels_per_cm < LEAST_PIXELS_PER_CM:
            raise Unfit("too small")
        if abs(fit.angles[1]) > MOST_YAW or abs(fit.angles[0]) > MOST_PITCH:
            raise Unfit("turned too far")
        if fit.error > MOST_ERROR:
            raise Unfit("that no head fits")
        return points, fit

    def _find_twice(self, photo: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean of what is found in the photograph and in its mirror. Raises Unfit."""
        width = photo.shape[1]
        mirrored = np.ascontiguousarray(photo[:, ::-1])
        other = np.array([width - box[2], box[1], width - box[0], box[3]])
        points, spreads = self.finder.find_batch([photo, mirrored], [box, other])
        back = points[1][list(MIRRORED)] * [-1, 1] + [width, 0]
        height = float(np.ptp(points[0][:, 1]))
        if np.linalg.norm(points[0] - back, axis=1).mean() > MOST_DISAGREEMENT * height:
            raise Unfit("whose mirror says another thing")
        return (points[0] + back) / 2, (spreads[0] + spreads[1][list(MIRRORED)]) / 2


def draw_frame(portrait: Portrait, mouths: int, rng: np.random.Generator) -> FrameMouths:
    """The photograph as it is and with other mouths. Raises Unfit."""
    expression = portrait.fit.expression
    own = portrait.draw(expression, 0.0)
    _check_own(portrait, own)
    drawn, lips = [own], [lips_of(expression, 0.0)]
    for _ in range(mouths - 1):
        picture, numbers = draw_other(portrait, rng)
        drawn.append(picture)
        lips.append(numbers)
    images = [portrait.as_it_is(), *(picture.image for picture in drawn[1:])]
    if rng.random() < 0.5:  # one more codec over all of them hides none of the others
        quality = int(rng.integers(55, 96))
        images = [compress(image, quality) for image in images]
    return _as_frame(portrait, images, drawn, lips)


def draw_other(portrait: Portrait, rng: np.random.Generator) -> tuple[Redrawn, np.ndarray]:
    """The photograph with some other mouth, and its lip numbers (15,). Raises Unfit."""
    for _ in range(TRIES):
        expression, tongue = draw_mouth(portrait.fit, rng)
        numbers = lips_of(expression, tongue)
        if opening(numbers) < SHUT:
            expression = portrait.layers.shut(expression)
        picture = portrait.draw(expression, tongue)
        if picture.invented < MOST_INVENTED and pointedness(picture.marks) < MOST_POINTED:
            return picture, numbers
    raise Unfit("whose other mouths come out wrong")


def pointedness(marks: np.ndarray) -> float:
    """How much the lips' inner edges come to a point in the middle; 0 = flat, 1 = a right angle."""
    points = []
    for left, middle, right, outwards in ((61, 62, 63, -1), (67, 66, 65, 1)):
        half = max(float(marks[right, 0] - marks[left, 0]) / 2, 1.0)
        away = outwards * float(marks[middle, 1] - marks[[left, right], 1].mean())
        points.append(away / half)
    return max(points)


def _check_own(portrait: Portrait, own: Redrawn) -> None:
    """The mesh's lips must lie where the photograph's do, or its teeth would be drawn on them."""
    low = np.floor(own.marks[48:].min(axis=0)).astype(int).clip(0, SIZE - 8)
    high = np.ceil(own.marks[48:].max(axis=0)).astype(int).clip(low + 4, SIZE)
    span = slice(low[1], high[1]), slice(low[0], high[0])
    there = portrait.as_it_is()[span].astype(float)
    if np.abs(own.image[span] - there).mean() > MOST_REDRAWN:
        raise Unfit("whose own mouth comes out wrong")


def _misplaced(place: Placement, rng: np.random.Generator) -> Placement:
    """The square as uncertain as those of the rendered pairs."""
    side = place.side * float(np.exp(rng.normal(0, SCALE_ERROR)))
    x, y = np.array(place[:2]) + rng.normal(0, PLACE_ERROR, 2) * side
    return Placement(float(x), float(y), side, place.angle)


def _as_frame(
    portrait: Portrait, images: list[np.ndarray], drawn: list[Redrawn], lips: list[np.ndarray]
) -> FrameMouths:
    flow, seen = flows_between([picture.surface for picture in drawn], portrait.layers.triangles)
    kinds = [kinds_of(one.surface.owner, portrait.materials, one.marks) for one in drawn]
    return FrameMouths(
        images=np.stack(images),
        lips=np.stack(lips).astype(np.float32),
        kinds=np.stack(kinds),
        marks=np.stack([picture.marks for picture in drawn]).astype(np.float16),
        flow=flow,
        seen=seen,
    )
