"""Draw a performance: pose the figure, light it, rasterise, shade, develop; and say where the face is."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from synthesis.backgrounds import paint_background
from synthesis.camera import FRAMES_PER_SECOND, rotation_matrix
from synthesis.figure import NECK_PIVOT, build_figure
from synthesis.head import Head, Material
from synthesis.lights import light_view, lit_share, shadow_map
from synthesis.mouth_and_eyes import resize_texture
from synthesis.occluders import draw_occluder
from synthesis.performance import Performance
from synthesis.rasteriser import FAR, add_weighted, draw_strands, rasterise, vertex_normals
from synthesis.shading import SHARPNESS, WRAP, develop, light_mouth, light_vertices, shade
from synthesis.speaker import Scene, Speaker
from synthesis.strands import Strands, light_strands, place_strands

SUPERSAMPLING = 2
SHADOW_CENTRE = np.array([0.0, -3.0, 0.0])
LID_SHAPES = {"up": "eyeLookUp", "down": "eyeLookDown", "in": "eyeLookIn", "out": "eyeLookOut"}
FULL_GAZE = 0.45  # rad at which the lids' look shapes have weight 1
INTERIOR = (Material.GUMS, Material.TONGUE, Material.TEETH, Material.SOCKET)


@dataclass(frozen=True)
class Truth:
    """What is known of a frame, in its pixels."""

    box: tuple[float, float, float, float]  # left, top, right, bottom, as a face detector gives it
    landmarks: np.ndarray  # (68, 2), iBUG's order
    pose: tuple[float, float, float]  # pitch, yaw, roll of the head towards the camera, radians


@dataclass(frozen=True)
class Window:
    """The part of the frame that is drawn, and how large: frame pixels to picture pixels."""

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int

    @property
    def scale(self) -> np.ndarray:
        """Picture pixels per frame pixel, across and down."""
        return np.array(
            [self.width / (self.right - self.left), self.height / (self.bottom - self.top)]
        )

    def place(self, points: np.ndarray, supersampling: int = 1) -> np.ndarray:
        """Frame coordinates to this picture's; depth is kept. points: (..., 2 or 3)"""
        moved = points.copy()
        moved[..., :2] = (points[..., :2] - [self.left, self.top]) * (self.scale * supersampling)
        return moved


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame's figure in camera space."""

    points: np.ndarray  # (n, 3) cm
    screen: np.ndarray  # (n, 3) pixels of the frame, and depth
    head_rotation: np.ndarray  # (3, 3) from the head's frame to the camera's
    body_rotation: np.ndarray


class Renderer:
    """Draws one speaker in one scene as frames of `width` x `height`; the same seeds give the same bytes."""

    def __init__(self, head: Head, speaker: Speaker, scene: Scene, width: int, height: int):
        self.scene, self.width, self.height = scene, width, height
        self.figure = build_figure(head, speaker)
        self.interior = np.flatnonzero(np.isin(self.figure.vertex_materials, INTERIOR)).astype(
            np.int32
        )
        self.background = paint_background(
            scene.background, np.random.default_rng(scene.seed), width, height
        )
        self.curves = development_curves()
        lights = scene.lights
        self.directions = np.array(lights.directions, np.float32)
        self.colours = np.array(lights.colours, np.float32)
        self.sky, self.ground = (
            np.array(lights.sky, np.float32),
            np.array(lights.ground, np.float32),
        )
        self.exposure = exposure(
            self.directions, self.colours, self.sky, self.ground, speaker.skin.base
        )
        self._stores = {}

    def render(self, performance: Performance, frame: int) -> np.ndarray:
        """One whole frame. BGR uint8 (height, width, 3)"""
        window = Window(0, 0, self.width, self.height, self.width, self.height)
        return self._draw(self.pose(performance, frame), window, frame)

    def render_crop(
        self,
        performance: Performance,
        frame: int,
        box: tuple[float, float, float, float],
        width: int,
        height: int,
    ) -> np.ndarray:
        """Only `box` (left, top, right, bottom in the frame's pixels), drawn at `width` x `height`."""
        return self._draw(self.pose(performance, frame), Window(*box, width, height), frame)

    def truth(self, performance: Performance, frame: int) -> Truth:
        """Face box, landmarks and head pose of a frame."""
        pose = self.pose(performance, frame)
        landmarks = pose.screen[self.figure.head.landmarks, :2]
        return Truth(face_box(landmarks), landmarks, euler_angles(pose.head_rotation))

    def pose(self, performance: Performance, frame: int) -> Pose:
        """The figure as it stands in this frame."""
        figure, camera = self.figure, self.scene.camera
        points = figure.base.copy()
        points[: figure.head_vertices] = self._expression(performance, frame)
        turn = performance.rotation[frame]
        head_rotation = camera.rotation @ rotation_matrix(*turn)
        body_rotation = camera.rotation @ rotation_matrix(*(np.array([0.0, 0.25, 0.15]) * turn))
        shift = camera.rotation @ performance.translation[frame].astype(np.float32)
        pivot = camera.rotation @ NECK_PIVOT
        with_head = (points - NECK_PIVOT) @ head_rotation.T + (pivot + shift)
        with_body = (points - NECK_PIVOT) @ body_rotation.T + (pivot + 0.5 * shift)
        placed = with_body + (with_head - with_body) * figure.follow[:, None]
        placed = np.ascontiguousarray(placed, np.float32)
        screen = camera.project(placed, self.width, self.height, frame)
        return Pose(
            placed, screen, head_rotation.astype(np.float32), body_rotation.astype(np.float32)
        )

    def _expression(self, performance: Performance, frame: int) -> np.ndarray:
        """The head's own shape in this frame, in its own frame of reference. (head vertices, 3)"""
        figure, head = self.figure, self.figure.head
        weights = {name: float(track[frame]) for name, track in performance.weights.items()}
        yaw, pitch = (float(v) for v in performance.gaze[frame])
        for name, weight in gaze_lids(yaw, pitch).items():
            weights[name] = weights.get(name, 0.0) + weight
        active = [
            (head.expression_index[name], weight)
            for name, weight in weights.items()
            if name in head.expression_index and abs(weight) > 1e-3
        ]
        indices = np.array([index for index, _ in active], np.int64)
        out = np.empty((figure.head_vertices, 3), np.float32)
        add_weighted(
            figure.base[: figure.head_vertices],
            figure.expressions,
            indices,
            np.array([weight for _, weight in active], np.float32),
            out,
        )
        out += head.tongue_lift * np.float32(performance.tongue[frame])
        turn = rotation_matrix(pitch, yaw, 0.0)
        for eyeball in head.eyeballs:
            centre = eye_centre(out[eyeball])
            out[eyeball] = (out[eyeball] - centre) @ turn.T + centre
        return out

    def _draw(self, pose: Pose, window: Window, frame: int) -> np.ndarray:
        size = (window.height * SUPERSAMPLING, window.width * SUPERSAMPLING)
        image = self._background(window, size, frame)
        depth, owner = np.full(size, FAR, np.float32), np.full(size, -1, np.int32)
        weights = np.empty((*size, 2), np.float32)
        screen = window.place(pose.screen, SUPERSAMPLING) - np.float32([0.5, 0.5, 0])
        figure = self.figure
        rasterise(screen, figure.triangles, figure.two_sided, depth, owner, weights)
        normals = np.empty_like(pose.points)
        vertex_normals(pose.points, figure.triangles, normals)
        pixels_per_cm = self._pixels_per_cm(window) * SUPERSAMPLING
        hair = [(strands, self._thinned(strands, pixels_per_cm)) for strands in figure.strands]
        placed = [self._place(strands, count, pose) for strands, count in hair]
        view, shadows = self._shadows(pose, placed)
        light = self._light(pose, normals, view, shadows)
        store, places = self._textures(pixels_per_cm)
        up = np.ascontiguousarray(pose.head_rotation[:, 1])
        shade(
            owner,
            weights,
            figure.triangles,
            figure.corner_uvs,
            figure.materials,
            store,
            places,
            normals,
            light,
            SHARPNESS,
            self.directions,
            self.colours,
            self.sky,
            up,
            image,
        )
        for (strands, _), points in zip(hair, placed, strict=True):
            self._draw_hair(
                strands, points, pose, view, shadows, window, frame, pixels_per_cm, image, depth
            )
        return self._develop(image, pose, window, frame)

    def _background(self, window: Window, size: tuple[int, int], frame: int) -> np.ndarray:
        scale_x, scale_y = window.scale * SUPERSAMPLING
        shift_x, shift_y = (shift * self.height for shift in self.scene.camera.shake_at(frame))
        warp = np.array(
            [
                [scale_x, 0, (shift_x - window.left) * scale_x],
                [0, scale_y, (shift_y - window.top) * scale_y],
            ],
            np.float32,
        )
        return cv2.warpAffine(
            self.background / np.float32(self.exposure),
            warp,
            size[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )

    def _pixels_per_cm(self, window: Window) -> float:
        camera = self.scene.camera
        return camera.face_fraction * self.height / 18.0 * float(window.scale.mean())

    @staticmethod
    def _thinned(strands: Strands, pixels_per_cm: float) -> int:
        """How many strands to draw: where a pixel is wider than a hair, fewer do."""
        share = float(strands.width_cm.mean()) * pixels_per_cm
        return max(1, int(len(strands) * min(1.0, share * 1.15)))

    def _place(self, strands: Strands, count: int, pose: Pose) -> np.ndarray:
        out = np.empty((count, *strands.offsets.shape[1:]), np.float32)
        place_strands(
            strands.anchors[:count], strands.offsets[:count], pose.points, pose.head_rotation, out
        )
        return out

    def _shadows(self, pose: Pose, placed: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        view = light_view(self.directions[0], 144, SHADOW_CENTRE)
        hair = np.concatenate([points.reshape(-1, 3) for points in placed])
        return view, shadow_map(pose.points, self.figure.triangles, hair, view)

    def _light(
        self, pose: Pose, normals: np.ndarray, view: np.ndarray, shadows: np.ndarray
    ) -> np.ndarray:
        figure, lights = self.figure, self.scene.lights
        lit = np.empty(len(pose.points), np.float32)
        lit_share(pose.points, normals, shadows, view, lights.softness_cm, lit)
        lit = 1 - np.float32(lights.shadow_depth) * (1 - lit)
        light = np.empty((len(lit), 4), np.float32)
        light_vertices(
            normals,
            figure.occlusion,
            lit,
            figure.vertex_materials,
            WRAP,
            self.directions,
            self.colours,
            self.sky,
            self.ground,
            light,
        )
        openings, areas, facing = mouth_opening(pose.points[figure.head.landmarks])
        light_mouth(
            self.interior,
            pose.points,
            normals,
            openings,
            areas,
            facing,
            lights.arriving(facing).astype(np.float32),
            light,
        )
        self._shade_eyes(pose, light)
        return light

    def _shade_eyes(self, pose: Pose, light: np.ndarray) -> None:
        """The upper lid's shadow on the eyeball, deepest right under it."""
        up = pose.head_rotation[:, 1]
        marks = pose.points[self.figure.head.landmarks]
        for eyeball, lids in zip(
            self.figure.head.eyeballs, ((43, 44, 47, 46), (37, 38, 41, 40)), strict=True
        ):
            upper = marks[list(lids[:2])].mean(axis=0) @ up
            lower = marks[list(lids[2:])].mean(axis=0) @ up
            below = upper - pose.points[eyeball] @ up
            share = np.clip(0.25 + below / 0.55, 0.25, 1.0) * min(
                1.0, 0.55 + 0.5 * max(0.0, upper - lower)
            )
            light[eyeball] *= share[:, None].astype(np.float32)

    def _textures(self, pixels_per_cm: float) -> tuple[np.ndarray, np.ndarray]:
        """All textures in one array, no finer than the picture can show, and where each begins."""
        size = 256
        while (
            size < 1024 and size / 20.0 < pixels_per_cm * 1.2
        ):  # the face's texture spans about 20 cm
            size *= 2
        if size not in self._stores:
            flat, places, start = [], [], 0
            for material in Material:
                texture = self.figure.textures[material]
                wanted = size if material in (Material.SKIN, Material.SCALP) else max(64, size // 2)
                texture = resize_texture(texture, wanted)
                places.append((start, *texture.shape[:2]))
                flat.append(texture.ravel())
                start += texture.size
            self._stores[size] = np.concatenate(flat), np.array(places, np.int64)
        return self._stores[size]

    def _draw_hair(
        self,
        strands: Strands,
        points: np.ndarray,
        pose: Pose,
        view: np.ndarray,
        shadows: np.ndarray,
        window: Window,
        frame: int,
        pixels_per_cm: float,
        image: np.ndarray,
        depth: np.ndarray,
    ) -> None:
        count = len(points)
        flat = points.reshape(-1, 3)
        outward = strands.outward[:count].reshape(-1, 3) @ pose.head_rotation.T
        lit = np.empty(len(flat), np.float32)
        lit_share(
            flat + outward * np.float32(0.5), np.ascontiguousarray(outward), shadows, view, 1.0, lit
        )
        lit = (1 - np.float32(self.scene.lights.shadow_depth) * (1 - lit)).reshape(points.shape[:2])
        colours = np.empty_like(points)
        light_strands(
            points,
            strands.outward[:count],
            strands.openness[:count],
            strands.colours[:count],
            lit,
            pose.head_rotation,
            strands.shine,
            self.directions,
            self.colours,
            self.sky,
            self.ground,
            colours,
        )
        screen = self.scene.camera.project(flat, self.width, self.height, frame)
        screen = window.place(screen, SUPERSAMPLING) - np.float32([0.5, 0.5, -0.05])
        thickness = np.maximum(1, np.round(strands.width_cm[:count] * pixels_per_cm)).astype(
            np.int64
        )
        draw_strands(
            screen.reshape(points.shape).astype(np.float32), colours, thickness, image, depth
        )

    def _develop(self, image: np.ndarray, pose: Pose, window: Window, frame: int) -> np.ndarray:
        small = cv2.resize(image, (window.width, window.height), interpolation=cv2.INTER_AREA)
        small *= np.float32(self.exposure)
        if self.scene.occluder:
            marks = window.place(pose.screen[self.figure.head.landmarks, :2])
            light = self.scene.lights.arriving(np.array([0.0, 0.2, 0.98])) * self.exposure
            small = draw_occluder(
                small,
                self.scene.occluder,
                marks[48:].mean(axis=0),
                float(np.linalg.norm(marks[8] - marks[27])) * 1.5,
                frame / FRAMES_PER_SECOND,
                light.astype(np.float32),
            )
        out = np.empty(small.shape, np.uint8)
        develop(small, self.curves, out)
        return out


def development_curves() -> np.ndarray:
    """From the square root of the light (index / 2048 * 2) to the 8-bit picture: sRGB with a soft shoulder. (3, 2048)"""
    light = (np.arange(2048) / 2047 * 2) ** 2
    rolled = np.where(light > 0.55, 0.55 + 0.45 * np.tanh((light - 0.55) / 0.6), light)
    curve = np.clip(rolled, 0, 1) ** (1 / 2.2)
    return np.tile((curve * 255 + 0.5).astype(np.uint8), (3, 1))


def exposure(
    directions: np.ndarray,
    colours: np.ndarray,
    sky: np.ndarray,
    ground: np.ndarray,
    skin: np.ndarray,
) -> float:
    """The camera's gain: it looks at the light on the face, and only a little at the skin."""
    facing = np.clip(directions[:, 2] * 0.8 + directions[:, 1] * 0.2, 0, None)
    light = float((colours * facing[:, None]).sum(axis=0).mean() + (sky + ground).mean() / 2)
    albedo = float(skin.mean())
    return float(0.92 / light * (0.30 / albedo) ** 0.28)


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


def eye_centre(points: np.ndarray) -> np.ndarray:
    """The middle of an eyeball's vertices, which cover a whole ball. (3,)"""
    return (points.min(axis=0) + points.max(axis=0)) / 2


def mouth_opening(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gap between the lips as five patches: centres (5, 3), areas (5,) cm2, and where it faces (3,)."""
    upper, lower = marks[[61, 62, 63]], marks[[67, 66, 65]]
    left, right = marks[60], marks[64]
    gaps = np.linalg.norm(upper - lower, axis=1)
    middles = (upper + lower) / 2
    centres = np.stack([(left + middles[0]) / 2, *middles, (right + middles[2]) / 2])
    width = np.linalg.norm(right - left) / 5
    heights = np.array([gaps[0] * 0.55, *gaps, gaps[2] * 0.55])
    across = (right - left) / (np.linalg.norm(right - left) + 1e-9)
    nose_to_chin = marks[8] - marks[27]
    facing = np.cross(nose_to_chin, across)
    facing = facing / (np.linalg.norm(facing) + 1e-9)
    return (
        centres.astype(np.float32),
        (heights * width).astype(np.float32),
        facing.astype(np.float32),
    )


def face_box(landmarks: np.ndarray) -> tuple[float, float, float, float]:
    """A detector's box about the landmarks: from the middle of the forehead to the chin."""
    left, top = landmarks.min(axis=0)
    right, bottom = landmarks.max(axis=0)
    height = bottom - top
    return float(left), float(top - 0.22 * height), float(right), float(bottom + 0.02 * height)


def euler_angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Pitch, yaw and roll of a matrix made by `rotation_matrix`, radians."""
    forward = rotation[:, 2]
    yaw = math.asin(float(np.clip(forward @ [1, 0, 0], -1, 1)))
    pitch = math.atan2(-float(forward[1]), float(forward[2]))
    roll = math.atan2(float(rotation[0, 1]), float(rotation[1, 1]))
    return pitch, yaw, roll
