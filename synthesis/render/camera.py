"""The camera: where it stands, how it frames the head, and how a hand shakes it."""

import math
from dataclasses import dataclass

import numpy as np

from synthesis.render.rasteriser import kernel

FACE_CENTRE_HEIGHT = -1.0  # cm above the head's origin; the tip of the nose is at about 0
FACE_HEIGHT_CM = 18.0  # hairline to chin of the mean head
FRAMES_PER_SECOND = 25


def rotation_matrix(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Turn by pitch (down +), then yaw (to the viewer's right +), then roll (clockwise in the
    picture +).
    """
    cos_p, sin_p = math.cos(pitch), math.sin(pitch)
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    cos_r, sin_r = math.cos(roll), math.sin(roll)
    pitched = np.array([[1, 0, 0], [0, cos_p, -sin_p], [0, sin_p, cos_p]])
    yawed = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    rolled = np.array([[cos_r, sin_r, 0], [-sin_r, cos_r, 0], [0, 0, 1]])
    return (rolled @ yawed @ pitched).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """One camera for a clip.

    Angles in radians, as seen from the head; fractions are of the frame's size.
    """

    distance_cm: float
    yaw: float
    pitch: float
    roll: float
    face_fraction: float  # height of the face over height of the frame
    centre: tuple[float, float]  # where the middle of the face rests, from the left and the top
    shake: float  # hand's tremble as a fraction of the frame's height; 0 = tripod
    shake_phases: tuple[float, ...]
    shutter: float  # how much of a frame's time it is open: motion blur

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Camera":
        """A camera as people use them: mostly frontal, from a selfie's distance to a studio's."""
        return cls(
            distance_cm=float(np.exp(rng.uniform(np.log(38), np.log(180)))),
            yaw=float(np.clip(rng.normal(0, 0.22), -0.6, 0.6)),
            pitch=float(np.clip(rng.normal(-0.02, 0.09), -0.3, 0.25)),
            roll=float(rng.normal(0, 0.03)),
            face_fraction=float(rng.uniform(0.36, 0.62)),
            centre=(float(rng.uniform(0.42, 0.58)), float(rng.uniform(0.42, 0.54))),
            shake=float(rng.choice([0.0, 0.0, rng.uniform(0.001, 0.008)])),
            shake_phases=tuple(rng.uniform(0, 2 * np.pi, 6).tolist()),
            shutter=float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        )

    @property
    def rotation(self) -> np.ndarray:
        """From the world to the camera. (3, 3)"""
        return rotation_matrix(self.pitch, self.yaw, self.roll)

    def shake_at(self, frame: int) -> tuple[float, float]:
        """How far the picture is shifted in this frame, as fractions of its height."""
        seconds = frame / FRAMES_PER_SECOND
        waves = [
            math.sin(2 * math.pi * hertz * seconds + phase)
            for hertz, phase in zip((0.3, 0.9, 2.3) * 2, self.shake_phases, strict=True)
        ]
        return self.shake * sum(waves[:3]), self.shake * sum(waves[3:])

    def screen_map(self, width: int, height: int, frame: int) -> tuple[float, float, float]:
        """Pixels per cm at the head, and the pixel at which the axis through FACE_CENTRE_HEIGHT
        lies.
        """
        shift_x, shift_y = self.shake_at(frame)
        scale = self.face_fraction * height / FACE_HEIGHT_CM
        return scale, self.centre[0] * width + shift_x * height, (self.centre[1] + shift_y) * height


@kernel
def project(points, distance_cm, scale_x, scale_y, left, top, out):
    """Pixels (x right, y down) of camera-space points, and their depth, nearer is larger.

    points, out: (n, 3)
    """
    for i in range(points.shape[0]):
        nearness = distance_cm / max(distance_cm - points[i, 2], np.float32(1))
        out[i, 0] = left + points[i, 0] * nearness * scale_x
        out[i, 1] = top - (points[i, 1] - np.float32(FACE_CENTRE_HEIGHT)) * nearness * scale_y
        out[i, 2] = points[i, 2]
