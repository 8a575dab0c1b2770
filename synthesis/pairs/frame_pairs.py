"""One frame with several mouths: nothing else differs, and each visible point's way is known.

What a lip warp learns from. The pictures of one frame share head, gaze, light, camera and codec; of
any two, the flow says where each point of the one lies in the other, and whether it is seen there.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.lip_motion import (
    CLOSE_PER_JAW,
    HIGHEST,
    INDEX,
    LOWEST,
    NAMES,
    from_blendshapes,
    to_blendshapes,
)
from models.mouth_crop import SIZE, place_mouth
from synthesis.figure.head import Material
from synthesis.figure.posing import Pose, face_speed
from synthesis.render.degrade import degrade_frame, motion_blur
from synthesis.render.rasteriser import FAR, kernel, rasterise
from synthesis.render.window import Window
from synthesis.renderer import Renderer
from synthesis.speech.performance import Performance
from synthesis.synthetic_clip import SyntheticClip
from training.pair_files import (
    BACKGROUND,
    FLOW_STEP,
    INSIDE,
    LIPS,
    SKIN,
    TEETH,
    TONGUE,
    FrameMouths,
)

SEEN_CM = 0.25  # a point this far behind what the depth buffer holds is still seen
# How far the square is off, as a landmark network's is on real film: shares of the side.
PLACE_ERROR, SCALE_ERROR = 0.02, 0.05
UNSPOKEN = 0.30  # of the mouths are such as no sound makes

_KIND = np.full(len(Material) + 1, SKIN, np.uint8)
_KIND[Material.TEETH], _KIND[Material.TONGUE] = TEETH, TONGUE
_KIND[Material.GUMS] = _KIND[Material.SOCKET] = INSIDE
_KIND[Material.CLOTH] = _KIND[-1] = BACKGROUND


def draw_mouths(
    renderer: Renderer, clip: SyntheticClip, frame: int, mouths: int, rng: np.random.Generator
) -> FrameMouths:
    """A frame of the clip, with its own mouth and others."""
    performance = with_mouths(clip.performance, frame, mouths, rng)
    poses = [renderer.pose(performance, number) for number in range(mouths)]
    marks = [pose.screen[renderer.figure.head.landmarks, :2] for pose in poses]
    window = _window(marks[0], rng)
    images = [_draw(renderer, clip, frame, pose, window, poses[0]) for pose in poses]
    placed = [window.place(mark.astype(np.float32)) for mark in marks]
    surfaces = [_rasterise(renderer, pose, window) for pose in poses]
    hidden = renderer.occluded(poses[0], window, frame)
    for surface in surfaces:
        surface.owner[hidden] = -1  # what is held before the face stands still, as a wall does
    flow, seen = flows_between(surfaces, renderer.figure.triangles)
    return FrameMouths(
        images=np.stack(images),
        lips=from_blendshapes(performance.weights, performance.tongue),
        kinds=np.stack(
            [
                kinds_of(surface.owner, renderer.figure.materials, mark)
                for surface, mark in zip(surfaces, placed, strict=True)
            ]
        ),
        marks=np.stack(placed).astype(np.float16),
        flow=flow,
        seen=seen,
    )


def with_mouths(
    performance: Performance, frame: int, mouths: int, rng: np.random.Generator
) -> Performance:
    """`mouths` frames that are this frame, but for the mouth: its own first, then others.

    The others are the clip's, and now and then such as no utterance makes.
    """
    same = np.full(mouths, frame)
    others = np.concatenate([[frame], rng.integers(performance.frames, size=mouths - 1)])
    ours = set(to_blendshapes(np.zeros((1, len(NAMES)), np.float32))[0])
    weights = {
        name: track[others if name in ours else same].copy()
        for name, track in performance.weights.items()
    }
    tongue = performance.tongue[others].copy()
    for number in range(1, mouths):
        if rng.random() < UNSPOKEN:
            shapes, raised = to_blendshapes(unspoken_mouth(rng)[None])
            tongue[number] = raised[0]
            for name, value in shapes.items():
                weights.setdefault(name, np.zeros(mouths, np.float32))[number] = value[0]
    return Performance(
        weights,
        performance.rotation[same],
        performance.translation[same],
        performance.gaze[same],
        tongue,
    )


def unspoken_mouth(rng: np.random.Generator) -> np.ndarray:
    """Wide open, sung, laughing, pressed, pouting, or any mixture. (15,) float32"""
    values = np.zeros(len(NAMES), np.float32)

    def put(**shapes: float) -> None:
        for name, value in shapes.items():
            values[INDEX[name]] = value

    kind = rng.integers(6)
    if kind == 0:  # a shout, a yawn
        put(jawOpen=rng.uniform(0.4, 0.9), mouthLowerDown=rng.uniform(0, 0.4))
        put(mouthUpperUp=rng.uniform(0, 0.4))
    elif kind == 1:  # a sung o or u
        put(jawOpen=rng.uniform(0.1, 0.6), mouthFunnel=rng.uniform(0.2, 0.9))
        put(mouthPucker=rng.uniform(0, 0.8))
    elif kind == 2:  # a smile or laugh with teeth
        put(jawOpen=rng.uniform(0, 0.35), mouthSmile=rng.uniform(0.2, 0.8))
        put(mouthUpperUp=rng.uniform(0.1, 0.6), mouthLowerDown=rng.uniform(0, 0.5))
    elif kind == 3:  # lips shut tight, over any jaw
        jaw = rng.uniform(0, 0.25)
        put(jawOpen=jaw, mouthClose=CLOSE_PER_JAW * jaw + 0.02, mouthPress=rng.uniform(0, 0.9))
        put(mouthRollLower=rng.uniform(0, 0.6), mouthRollUpper=rng.uniform(0, 0.5))
        put(mouthSmile=rng.uniform(-0.1, 0.4), mouthFrown=rng.uniform(0, 0.5))
    elif kind == 4:  # teeth shown through lips that part
        put(jawOpen=rng.uniform(0, 0.12), mouthLowerDown=rng.uniform(0.1, 0.8))
        put(mouthUpperUp=rng.uniform(0.1, 0.7), mouthStretch=rng.uniform(0, 0.6))
    else:
        values[:] = rng.uniform(0, 0.6, len(NAMES)) * (rng.random(len(NAMES)) < 0.35)
        values[INDEX["mouthClose"]] = min(values[1], CLOSE_PER_JAW * values[0])
    values[INDEX["tongueUp"]] = rng.random() * (rng.random() < 0.4)
    return np.clip(values, LOWEST, HIGHEST)


def turned(clip: SyntheticClip, rng: np.random.Generator) -> SyntheticClip:
    """The clip, now and then seen from aside: talks are filmed up to a profile of 60 degrees."""
    if rng.random() > 0.25:
        return clip
    yaw = float(rng.choice([-1, 1]) * rng.uniform(0.3, 1.0))
    return replace(clip, scene=replace(clip.scene, camera=replace(clip.scene.camera, yaw=yaw)))


def _window(marks: np.ndarray, rng: np.random.Generator) -> Window:
    place = place_mouth(marks)
    side = place.side * np.exp(rng.normal(0, SCALE_ERROR))
    x, y = np.array(place[:2]) + rng.normal(0, PLACE_ERROR, 2) * side
    return Window(x - side / 2, y - side / 2, x + side / 2, y + side / 2, SIZE, SIZE)


def _draw(
    renderer: Renderer, clip: SyntheticClip, frame: int, pose: Pose, window: Window, first: Pose
) -> np.ndarray:
    camera = renderer.scene.camera
    speed = face_speed(camera, clip.performance, frame, (renderer.width, renderer.height))
    drawn = renderer.draw(pose, window, frame, held_before=first)
    return degrade_frame(
        motion_blur(drawn, speed * window.scale * camera.shutter), clip.scene.degradation, frame
    )


@dataclass(frozen=True, eq=False)
class Surface:
    """What a picture shows at each pixel: a triangle, and where on it."""

    points: np.ndarray  # (n, 3) pixels of the picture, and depth
    depth: np.ndarray  # (H, W)
    owner: np.ndarray  # (H, W) triangle, -1 = none
    weights: np.ndarray  # (H, W, 2) the first two barycentric weights


def _rasterise(renderer: Renderer, pose: Pose, window: Window) -> Surface:
    figure = renderer.figure
    points = window.place(pose.screen) - np.float32([0.5, 0.5, 0])
    return rasterise_surface(points, figure.triangles, figure.two_sided, window.height)


def rasterise_surface(
    points: np.ndarray, triangles: np.ndarray, two_sided: np.ndarray, size: int
) -> Surface:
    """The mesh as a square shows it. points: (n, 3), a pixel's middle is a whole number"""
    depth, owner = np.full((size, size), FAR, np.float32), np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    rasterise(points, triangles, two_sided, depth, owner, weights)
    return Surface(points, depth, owner, weights)


def kinds_of(owner: np.ndarray, materials: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """What each pixel shows, of BACKGROUND, SKIN, .... owner: (H, W), marks: (68, 2)"""
    material = np.where(owner >= 0, materials[np.maximum(owner, 0)].astype(np.int64), -1)
    kinds = _KIND[material]
    red = np.zeros(owner.shape, np.uint8)
    outline = np.round(marks[48:60] * 16 - 8).astype(np.int32)
    cv2.fillPoly(red, [outline[:, None]], 1, shift=4)
    kinds[(red > 0) & (kinds == SKIN)] = LIPS
    return kinds


def flows_between(surfaces: list[Surface], triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flow and visibility between any two pictures of a frame, as FrameMouths holds them."""
    count, size = len(surfaces), len(surfaces[0].owner)
    half = size // FLOW_STEP
    flow = np.zeros((count, count, half, half, 2), np.float16)
    seen = np.ones((count, count, size, size), bool)
    # The farthest depth about each pixel: what is nearer than that can be seen there.
    behind = [
        cv2.erode(np.where(s.owner < 0, np.float32(1e9), s.depth), np.ones((3, 3), np.uint8))
        for s in surfaces
    ]
    moved = np.empty((size, size, 2), np.float32)
    for t, target in enumerate(surfaces):
        for s, source in enumerate(surfaces):
            if s == t:
                continue
            _move(
                target.owner, target.weights, triangles, source.points, behind[s], source.owner,
                np.float32(SEEN_CM), moved, seen[t, s],
            )  # fmt: skip
            flow[t, s] = cv2.resize(moved, (half, half), interpolation=cv2.INTER_AREA)
    return flow, seen


@kernel
def _move(owner, weights, triangles, points, behind, source_owner, tolerance, moved, seen):
    """Of each pixel of the target: where its surface lies in the source, less where it is here."""
    height, width = owner.shape
    for y in range(height):
        for x in range(width):
            t = owner[y, x]
            if t < 0:
                moved[y, x, 0] = moved[y, x, 1] = 0
                seen[y, x] = source_owner[y, x] < 0
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v = weights[y, x, 0], weights[y, x, 1]
            w = 1 - u - v
            px = u * points[a, 0] + v * points[b, 0] + w * points[c, 0]
            py = u * points[a, 1] + v * points[b, 1] + w * points[c, 1]
            pz = u * points[a, 2] + v * points[b, 2] + w * points[c, 2]
            moved[y, x, 0], moved[y, x, 1] = px - x, py - y
            column, row = int(round(px)), int(round(py))
            inside = 0 <= column < width and 0 <= row < height
            seen[y, x] = (
                inside and source_owner[row, column] >= 0 and pz >= behind[row, column] - tolerance
            )
