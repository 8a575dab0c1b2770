"""Fit the head model to a photograph's landmarks: pose, identity and expression, with priors.

Gauss-Newton over a few dozen numbers. The landmark network learned its points on this very model's
vertices, so a point is compared with one vertex; no contour needs to slide.
"""

from dataclasses import dataclass

import numpy as np

from synthesis.figure.head import Head
from synthesis.render.camera import FACE_CENTRE_HEIGHT, rotation_matrix

DISTANCE_CM = 130.0  # of the camera; a portrait says little of it
IDENTITY_MODES = 60
IDENTITY_DEVIATION = 0.85  # as Speaker.draw draws them
STEPS = 14
NOISE = 0.006  # of the face's height: what a point is off even where the network is sure
HUBER = 2.0  # deviations from which a point counts less
# Shape -> how far it goes, usually. Each side of a shape with sides is a number of its own.
EXPRESSIONS = {
    "jawOpen": 0.25, "jawLeft": 0.1, "jawRight": 0.1, "mouthClose": 0.08, "mouthFunnel": 0.15,
    "mouthPucker": 0.2, "mouthLowerDown_L": 0.3, "mouthLowerDown_R": 0.3, "mouthUpperUp_L": 0.3,
    "mouthUpperUp_R": 0.3, "mouthPress_L": 0.15, "mouthPress_R": 0.15, "mouthRollLower": 0.2,
    "mouthRollUpper": 0.2, "mouthShrugLower": 0.15, "mouthShrugUpper": 0.15, "mouthSmile_L": 0.5,
    "mouthSmile_R": 0.5, "mouthFrown_L": 0.2, "mouthFrown_R": 0.2, "mouthStretch_L": 0.2,
    "mouthStretch_R": 0.2, "mouthDimple_L": 0.2, "mouthDimple_R": 0.2, "mouthLeft": 0.1,
    "mouthRight": 0.1, "browDown_L": 0.3, "browDown_R": 0.3, "browInnerUp_L": 0.3,
    "browInnerUp_R": 0.3, "browOuterUp_L": 0.3, "browOuterUp_R": 0.3, "eyeBlink_L": 0.3,
    "eyeBlink_R": 0.3, "eyeSquint_L": 0.3, "eyeSquint_R": 0.3, "eyeWide_L": 0.2, "eyeWide_R": 0.2,
    "cheekSquint_L": 0.3, "cheekSquint_R": 0.3,
}  # fmt: skip
LOWEST, HIGHEST = 0.0, 1.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A head as it stands before a photograph's camera."""

    angles: tuple[float, float, float]  # pitch, yaw, roll of `rotation_matrix`
    pixels_per_cm: float
    shift: tuple[float, float]  # the pixel at which the axis through FACE_CENTRE_HEIGHT lies
    identity: np.ndarray  # (modes,)
    expression: dict[str, float]
    residuals: np.ndarray  # (68, 2) pixels: the landmarks seen, less the model's
    face_height: float  # pixels from the brows to the chin

    @property
    def error(self) -> float:
        """The mean distance of the landmarks from the model's, over the face's height."""
        return float(np.linalg.norm(self.residuals, axis=1).mean() / self.face_height)

    def place(self, points: np.ndarray) -> np.ndarray:
        """The head's own points (n, 3) in the photograph: x, y in pixels, and depth in cm."""
        turned = points @ rotation_matrix(*self.angles).T
        near = DISTANCE_CM / (DISTANCE_CM - turned[:, 2])
        x = self.shift[0] + self.pixels_per_cm * near * turned[:, 0]
        y = self.shift[1] - self.pixels_per_cm * near * (turned[:, 1] - FACE_CENTRE_HEIGHT)
        return np.stack([x, y, turned[:, 2]], axis=1).astype(np.float32)

    def shape(self, head: Head, expression: dict[str, float]) -> np.ndarray:
        """The person's head with this expression, in the head's own frame. (n, 3)"""
        points = head.neutral + np.tensordot(
            self.identity.astype(np.float32), head.identities[: len(self.identity)], axes=1
        )
        for name, weight in expression.items():
            if name in head.expression_index and weight:
                points = points + np.float32(weight) * head.expressions[head.expression_index[name]]
        return points


class HeadFitter:
    """Fits a head model to landmarks; holds what does not change from photograph to photograph."""

    def __init__(self, head: Head, modes: int = IDENTITY_MODES):
        self.head = head
        self.modes = min(modes, len(head.identities))
        self.names = [name for name in EXPRESSIONS if name in head.expression_index]
        chosen = [head.expression_index[name] for name in self.names]
        marks = head.landmarks
        self.mean = head.neutral[marks].astype(float)
        self.basis = np.concatenate(
            [head.identities[: self.modes][:, marks], head.expressions[chosen][:, marks]]
        ).astype(float)
        usual = [EXPRESSIONS[name] for name in self.names]
        self.deviations = np.array([IDENTITY_DEVIATION] * self.modes + usual)
        self.low = np.array([-3.0] * self.modes + [LOWEST] * len(usual))
        self.high = np.array([3.0] * self.modes + [HIGHEST] * len(usual))

    def fit(self, landmarks: np.ndarray, spreads: np.ndarray | None = None) -> Fit:
        """landmarks: (68, 2) pixels; spreads: (68,) how far each may be off, pixels."""
        seen = np.asarray(landmarks, float)
        height = float(np.linalg.norm(seen[8] - seen[[19, 24]].mean(axis=0)))
        unsure = np.full(len(seen), NOISE * height)
        if spreads is not None:
            unsure = np.hypot(unsure, spreads)
        pose, shape = self._begin(seen), np.zeros(len(self.basis))
        for step in range(STEPS):
            # First where the head is, then who it is and what the face does.
            pose, shape = self._improve(seen, unsure, pose, shape, rigid=step < 3)
        found = self._project(pose, shape)[0]
        expression = dict(zip(self.names, shape[self.modes :].tolist(), strict=True))
        return Fit(
            tuple(pose[:3]), float(pose[3]), tuple(pose[4:]), shape[: self.modes].copy(),
            expression, seen - found, height,
        )  # fmt: skip

    def _begin(self, seen: np.ndarray) -> np.ndarray:
        """A head from the front, of the right size and place: angles, scale, shift."""
        flat = self.mean[:, :2] * [1, -1] + [0, FACE_CENTRE_HEIGHT]
        scale = np.ptp(seen[:, 1]) / np.ptp(flat[:, 1])
        across = seen[42:48].mean(axis=0) - seen[36:42].mean(axis=0)
        roll = float(np.arctan2(across[1], across[0]))
        shift = seen.mean(axis=0) - scale * flat.mean(axis=0)
        return np.array([0.0, 0.0, roll, scale, *shift])

    def _project(self, pose: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of the landmarks (68, 2), and their places before the camera (68, 3)."""
        points = self.mean + np.tensordot(shape, self.basis, axes=1)
        turned = points @ rotation_matrix(*pose[:3]).astype(float).T
        turned[:, 1] -= FACE_CENTRE_HEIGHT
        near = DISTANCE_CM / (DISTANCE_CM - turned[:, 2])
        flat = pose[3] * near[:, None] * turned[:, :2] * [1, -1]
        return flat + pose[4:], turned

    def _improve(
        self,
        seen: np.ndarray,
        unsure: np.ndarray,
        pose: np.ndarray,
        shape: np.ndarray,
        *,
        rigid: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One step: linear least squares about where we are, kept in the shapes' ranges."""
        found, turned = self._project(pose, shape)
        off = (seen - found) / unsure[:, None]
        much = np.linalg.norm(off, axis=1)
        weights = np.sqrt(np.minimum(1, HUBER / np.maximum(much, 1e-9))) / unsure
        slopes = [self._pose_slopes(pose, shape, found)]
        if not rigid:
            slopes.append(self._shape_slopes(pose, turned))
        jacobian = np.concatenate(slopes, axis=0) * weights[:, None]  # (numbers, 68, 2)
        jacobian = jacobian.reshape(len(jacobian), -1)
        target = ((seen - found) * weights[:, None]).ravel()
        if rigid:
            step = np.linalg.lstsq(jacobian.T, target, rcond=None)[0]
            return pose + step, shape
        step = self._solve(jacobian, target, shape)
        return pose + step[:6], np.clip(shape + step[6:], self.low, self.high)

    def _solve(self, jacobian: np.ndarray, target: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """The step with the priors; what would leave its range stays at its end."""
        prior = np.concatenate([np.zeros(6), self.deviations**-2.0])
        matrix = jacobian @ jacobian.T + np.diag(prior)
        right = jacobian @ target - prior * np.concatenate([np.zeros(6), shape])
        step, free = np.zeros(len(right)), np.ones(len(right), bool)
        low = np.concatenate([np.full(6, -np.inf), self.low - shape])
        high = np.concatenate([np.full(6, np.inf), self.high - shape])
        for _ in range(6):
            rest = right[free] - matrix[np.ix_(free, ~free)] @ step[~free]
            step[free] = np.linalg.solve(matrix[np.ix_(free, free)], rest)
            beyond = free & ((step < low) | (step > high))
            step = np.clip(step, low, high)
            if not beyond.any():
                break
            free &= ~beyond
        return step

    def _pose_slopes(self, pose: np.ndarray, shape: np.ndarray, found: np.ndarray) -> np.ndarray:
        """How the pixels change with the pose's six numbers. (6, 68, 2)"""
        slopes = np.zeros((6, len(found), 2))
        for number in range(3):
            moved = pose.copy()
            moved[number] += 1e-4
            slopes[number] = (self._project(moved, shape)[0] - found) / 1e-4
        slopes[3] = (found - pose[4:]) / pose[3]
        slopes[4, :, 0] = slopes[5, :, 1] = 1
        return slopes

    def _shape_slopes(self, pose: np.ndarray, turned: np.ndarray) -> np.ndarray:
        """How they change with identity and expression. (numbers, 68, 2)"""
        moves = self.basis @ rotation_matrix(*pose[:3]).astype(float).T
        near = DISTANCE_CM / (DISTANCE_CM - turned[:, 2])
        nearer = near**2 / DISTANCE_CM * moves[..., 2]
        flat = near[:, None] * moves[..., :2] + nearer[..., None] * turned[:, :2]
        return pose[3] * flat * [1, -1]
