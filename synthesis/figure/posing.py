"""Pose a figure for a frame: expression, gaze, tongue, head and body, up to the pixels of the
frame.
"""

import math
from dataclasses import dataclass

import numpy as np

from synthesis.figure.figure import NECK_PIVOT, Figure
from synthesis.render.camera import Camera, project, rotation_matrix
from synthesis.render.rasteriser import add_weighted
from synthesis.speech.performance import Performance

NOSE_FROM_PIVOT = np.array([0.0, 5.5, 14.5], np.float32)  # cm
FULL_GAZE = 0.45  # rad at which the lids' look shapes have weight 1
BODY_SHARE = np.array(
    [0.0, 0.25, 0.15]
)  # of the head's pitch, yaw and roll that the shoulders make too


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame's figure in camera space."""

    points: np.ndarray  # (n, 3) cm
    screen: np.ndarray  # (n, 3) pixels of the frame, and depth
    head_rotation: np.ndarray  # (3, 3) from the head's frame to the camera's


@dataclass(frozen=True)
class FrameTruth:
    """What is known of a frame, in its pixels."""

    box: tuple[float, float, float, float]  # left, top, right, bottom, as a face detector gives it
    landmarks: np.ndarray  # (68, 2), iBUG's order
    pose: tuple[float, float, float]  # pitch, yaw, roll of the head towards the camera, radians


def pose_figure(
    figure: Figure, camera: Camera, performance: Performance, frame: int, size: tuple[int, int]
) -> Pose:
    """The figure as it stands in this frame. size: width and height of the frame"""
    points = figure.base.copy()
    points[: figure.head_vertices] = express(figure, performance, frame)
    turn = performance.rotation[frame]
    head_rotation = camera.rotation @ rotation_matrix(*turn)
    body_rotation = camera.rotation @ rotation_matrix(*(BODY_SHARE * turn))
    shift = camera.rotation @ performance.translation[frame].astype(np.float32)
    pivot = camera.rotation @ NECK_PIVOT
    points -= NECK_PIVOT
    placed = points @ body_rotation.T + (pivot + np.float32(0.5) * shift)
    placed += (
        points @ (head_rotation - body_rotation).T + np.float32(0.5) * shift
    ) * figure.follow[:, None]
    screen = np.empty_like(placed)
    scale, left, top = camera.screen_map(*size, frame)
    project(placed, np.float32(camera.distance_cm), *np.float32([scale, scale, left, top]), screen)
    return Pose(placed, screen, head_rotation)


def face_speed(
    camera: Camera, performance: Performance, frame: int, size: tuple[int, int]
) -> np.ndarray:
    """How the nose moves about this frame, right and down, in pixels a frame. (2,)"""
    first, last = max(frame - 1, 0), min(frame + 1, performance.frames - 1)
    places = [
        rotation_matrix(*performance.rotation[k]) @ NOSE_FROM_PIVOT + performance.translation[k]
        for k in (first, last)
    ]
    moved = camera.rotation @ (places[1] - places[0]) / max(1, last - first)
    return moved[:2] * [1, -1] * camera.screen_map(*size, frame)[0]


def express(figure: Figure, performance: Performance, frame: int) -> np.ndarray:
    """The head's own shape in this frame, in its own frame of reference. (head vertices, 3)"""
    head = figure.head
    weights = {name: float(track[frame]) for name, track in performance.weights.items()}
    yaw, pitch = (float(v) for v in performance.gaze[frame])
    for name, weight in gaze_lids(yaw, pitch).items():
        weights[name] = weights.get(name, 0.0) + weight
    active = [
        (head.expression_index[name], weight)
        for name, weight in weights.items()
        if name in head.expression_index and abs(weight) > 1e-3
    ]
    out = np.empty((figure.head_vertices, 3), np.float32)
    add_weighted(
        figure.base[: figure.head_vertices],
        head.expressions,
        np.array([index for index, _ in active], np.int64),
        np.array([weight for _, weight in active], np.float32),
        out,
    )
    out += head.tongue_lift * np.float32(performance.tongue[frame])
    turn = rotation_matrix(pitch, yaw, 0.0)
    for eyeball in head.eyeballs:
        centre = (out[eyeball].min(axis=0) + out[eyeball].max(axis=0)) / 2
        out[eyeball] = (out[eyeball] - centre) @ turn.T + centre
    return out


def gaze_lids(yaw: float, pitch: float) -> dict[str, float]:
    """How far the lids follow the eyes: the head's look shapes and their weights."""
    up, down = max(0.0, -pitch) / FULL_GAZE, max(0.0, pitch) / FULL_GAZE
    right, left = max(0.0, yaw) / FULL_GAZE, max(0.0, -yaw) / FULL_GAZE  # the viewer's
    return {
        "eyeLookUp_L": up,
        "eyeLookUp_R": up,
        "eyeLookDown_L": down,
        "eyeLookDown_R": down,
        "eyeLookOut_L": right,
        "eyeLookIn_R": right,
        "eyeLookOut_R": left,
        "eyeLookIn_L": left,
    }


def measure(pose: Pose, landmark_vertices: np.ndarray) -> FrameTruth:
    """Face box, landmarks and head pose of a posed figure."""
    landmarks = pose.screen[landmark_vertices, :2]
    return FrameTruth(face_box(landmarks), landmarks, euler_angles(pose.head_rotation))


def face_box(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    """A detector's box about the landmarks: from the middle of the forehead to the chin."""
    left, top = landmarks.min(axis=0)
    right, bottom = landmarks.max(axis=0)
    height = bottom - top
    return float(left), float(top - 0.25 * height), float(right), float(bottom + 0.025 * height)


def euler_angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Pitch, yaw and roll of a matrix made by `rotation_matrix`, radians."""
    yaw = -math.asin(float(np.clip(rotation[2, 0], -1, 1)))
    pitch = math.atan2(float(rotation[2, 1]), float(rotation[2, 2]))
    roll = math.atan2(-float(rotation[1, 0]), float(rotation[0, 0]))
    return pitch, yaw, roll
