"""Draw a performance: pose the figure, light it, rasterise, shade, develop; and say where the face
is.
"""

import cv2
import numpy as np

from synthesis.figure.figure import build_figure
from synthesis.figure.head import Head, Material
from synthesis.figure.mouth_and_eyes import resize_texture
from synthesis.figure.posing import FrameTruth, Pose, face_speed, measure, pose_figure
from synthesis.figure.speaker import Scene, Speaker
from synthesis.render.backgrounds import paint_background
from synthesis.render.camera import FRAMES_PER_SECOND, project
from synthesis.render.degrade import motion_blur
from synthesis.render.lights import development_curve, exposure, light_view, lit_share, shadow_map
from synthesis.render.occluders import draw_occluder
from synthesis.render.rasteriser import FAR, draw_strands, rasterise, vertex_normals
from synthesis.render.shading import (
    SHARPNESS,
    WRAP,
    develop,
    half_vectors,
    light_mouth,
    light_vertices,
    mouth_opening,
    shade,
)
from synthesis.render.strands import Strands, light_strands, place_strands
from synthesis.render.window import Window
from synthesis.speech.performance import Performance

SUPERSAMPLING = 2
SHADOW_MAP_SIZE = 144
SHADOW_CENTRE = np.array([0.0, -3.0, 0.0])
# Widths of the strands drawn, side by side, over the width of the field they grow on.
HAIR_DENSITY = 0.38
HAIR_SHADOW_STEP = 5  # every so many points of the hair cast a shadow
FACE_TEXTURE_CM = 20.0  # what the face's texture spans
INTERIOR = (Material.GUMS, Material.TONGUE, Material.TEETH, Material.SOCKET)


class Renderer:
    """Draws one speaker in one scene as frames of `width` x `height`; the same seeds give the same
    bytes.

    Set OpenCV to one thread (cv2.setNumThreads(1)) where several processes draw.
    """

    def __init__(self, head: Head, speaker: Speaker, scene: Scene, width: int, height: int):
        self.scene, self.width, self.height = scene, width, height
        self.figure = build_figure(head, speaker)
        vertex_materials = self.figure.vertex_materials
        self.interior = np.flatnonzero(np.isin(vertex_materials, INTERIOR)).astype(np.int32)
        self.casters = np.ascontiguousarray(
            self.figure.triangles[~np.isin(self.figure.materials, INTERIOR)]
        )
        self.exposure = exposure(scene.lights, speaker.skin.base)
        background = paint_background(
            scene.background, np.random.default_rng(scene.seed), width, height
        )
        self.background = background / np.float32(self.exposure)
        self.curve = development_curve()
        lights = scene.lights
        directions = np.array(lights.directions, np.float32)
        self.rig = (
            directions,
            half_vectors(directions),
            np.array(lights.colours, np.float32),
            np.array(lights.sky, np.float32),
            np.array(lights.ground, np.float32),
        )
        self.shadow_view = light_view(directions[0], SHADOW_MAP_SIZE, SHADOW_CENTRE)
        self._stores = {}
        self._posed: tuple[Performance, int, Pose] | None = None  # the last frame asked for

    def render(self, performance: Performance, frame: int) -> np.ndarray:
        """One whole frame. BGR uint8 (height, width, 3)"""
        box = (0, 0, self.width, self.height)
        return self.render_crop(performance, frame, box, self.width, self.height)

    def render_crop(
        self,
        performance: Performance,
        frame: int,
        box: tuple[float, float, float, float],
        width: int,
        height: int,
    ) -> np.ndarray:
        """Only `box` (left, top, right, bottom in frame pixels), drawn at `width` x `height`."""
        window = Window(*box, width, height)
        image = self.draw(self.pose(performance, frame), window, frame)
        camera = self.scene.camera
        speed = face_speed(camera, performance, frame, (self.width, self.height))
        return motion_blur(image, speed * window.scale * camera.shutter)

    def truth(self, performance: Performance, frame: int) -> FrameTruth:
        """Face box, landmarks and head pose of a frame."""
        return measure(self.pose(performance, frame), self.figure.head.landmarks)

    def pose(self, performance: Performance, frame: int) -> Pose:
        """The figure as it stands in this frame; kept for who draws it after asking its truth."""
        kept = self._posed
        if kept is None or kept[0] is not performance or kept[1] != frame:
            size = (self.width, self.height)
            posed = pose_figure(self.figure, self.scene.camera, performance, frame, size)
            self._posed = kept = (performance, frame, posed)
        return kept[2]

    def draw(
        self, pose: Pose, window: Window, frame: int, *, held_before: Pose | None = None
    ) -> np.ndarray:
        """The window on a posed figure. BGR uint8

        held_before: the pose whose mouth the occluder is held before, where it is another one.
        """
        image = self._background(window, _drawn_size(window), frame)
        self._draw_figure(pose, window, frame, image)
        return self._develop(image, held_before or pose, window, frame)

    def occluded(self, pose: Pose, window: Window, frame: int) -> np.ndarray:
        """What of the window the occluder hides. (H, W) bool"""
        if not self.scene.occluder:
            return np.zeros((window.height, window.width), bool)
        black, white = (
            self._occlude(np.full((window.height, window.width, 3), level, np.float32), pose,
                          window, frame)
            for level in (0, 1)
        )  # fmt: skip
        return np.abs(white - black).max(axis=2) < 0.5

    def draw_cutout(self, pose: Pose, window: Window) -> np.ndarray:
        """The figure alone, with nothing before it. BGRA uint8, where A is how much it covers"""
        image = np.zeros((*_drawn_size(window), 3), np.float32)
        behind = np.ones_like(image)
        self._draw_figure(pose, window, 0, image, behind)
        size = (window.width, window.height)
        image, behind = (
            cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (image, behind)
        )
        cover = 1 - behind[..., :1]
        out = np.empty(image.shape, np.uint8)
        develop(image * np.float32(self.exposure) / np.maximum(cover, 1e-3), self.curve, out)
        return np.concatenate([out, (cover * 255 + 0.5).astype(np.uint8)], axis=2)

    def _draw_figure(
        self,
        pose: Pose,
        window: Window,
        frame: int,
        image: np.ndarray,
        behind: np.ndarray | None = None,
    ) -> None:
        """Draw mesh and hair over `image`; `behind` gets the share that is still seen of it."""
        pixels_per_cm = self._pixels_per_cm(window) * SUPERSAMPLING
        hair = [
            (strands, self._place(strands, pixels_per_cm, pose)) for strands in self.figure.strands
        ]
        shadows = self._shadows(pose, [points for _, points in hair])
        depth = self._draw_mesh(pose, window, shadows, pixels_per_cm, image)
        if behind is not None:
            behind[depth > FAR] = 0
        for strands, points in hair:
            self._draw_hair(
                strands, points, pose, shadows, window, frame,
                image=image, depth=depth, behind=behind,
            )  # fmt: skip

    def _draw_mesh(
        self,
        pose: Pose,
        window: Window,
        shadows: np.ndarray,
        pixels_per_cm: float,
        image: np.ndarray,
    ) -> np.ndarray:
        """Shade the figure's mesh into `image`; gives the z-buffer."""
        figure, size = self.figure, image.shape[:2]
        depth, owner = np.full(size, FAR, np.float32), np.full(size, -1, np.int32)
        weights = np.empty((*size, 2), np.float32)
        screen = window.place(pose.screen, SUPERSAMPLING) - np.float32([0.5, 0.5, 0])
        rasterise(screen, figure.triangles, figure.two_sided, depth, owner, weights)
        normals = np.empty_like(pose.points)
        vertex_normals(pose.points, figure.triangles, normals)
        light = self._light(pose, normals, shadows)
        store, places = self._textures(pixels_per_cm)
        directions, halves, colours, sky, _ = self.rig
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
            directions[0],
            halves,
            colours,
            sky,
            np.ascontiguousarray(pose.head_rotation[:, 1]),
            image,
        )
        return depth

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
            self.background, warp, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )

    def _pixels_per_cm(self, window: Window) -> float:
        return self.scene.camera.screen_map(self.width, self.height, 0)[0] * float(
            window.scale.mean()
        )

    @staticmethod
    def _place(strands: Strands, pixels_per_cm: float, pose: Pose) -> np.ndarray:
        """Camera-space points of the strands; where a pixel is wider than a hair, of fewer."""
        share = _drawn_share(strands, pixels_per_cm)
        count = max(1, int(len(strands) * (share**0.5 if strands.fine else share)))
        out = np.empty((count, *strands.offsets.shape[1:]), np.float32)
        place_strands(
            strands.anchors[:count], strands.offsets[:count], pose.points, pose.head_rotation, out
        )
        return out

    def _shadows(self, pose: Pose, hair: list[np.ndarray]) -> np.ndarray:
        casting = np.concatenate([points.reshape(-1, 3)[::HAIR_SHADOW_STEP] for points in hair])
        return shadow_map(pose.points, self.casters, casting, self.shadow_view, SHADOW_MAP_SIZE)

    def _light(self, pose: Pose, normals: np.ndarray, shadows: np.ndarray) -> np.ndarray:
        """What each vertex gets of the lights. (n, 4), see `light_vertices`"""
        figure, lights = self.figure, self.scene.lights
        directions, _, colours, sky, ground = self.rig
        lit = np.empty(len(pose.points), np.float32)
        lit_share(pose.points, normals, shadows, self.shadow_view, lights.softness_cm, lit)
        lit = 1 - np.float32(lights.shadow_depth) * (1 - lit)
        light = np.empty((len(lit), 4), np.float32)
        light_vertices(
            normals,
            figure.occlusion,
            lit,
            figure.vertex_materials,
            WRAP,
            directions,
            colours,
            sky,
            ground,
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
        while size < 1024 and size / FACE_TEXTURE_CM < pixels_per_cm * 1.2:
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
        shadows: np.ndarray,
        window: Window,
        frame: int,
        *,
        image: np.ndarray,
        depth: np.ndarray,
        behind: np.ndarray | None,
    ) -> None:
        count = len(points)
        scale, left, top = self.scene.camera.screen_map(self.width, self.height, frame)
        across, down = window.scale * SUPERSAMPLING
        screen = np.empty_like(points)
        view = np.float32(
            [
                scale * across,
                scale * down,
                (left - window.left) * across - 0.5,
                (top - window.top) * down - 0.5,
            ]
        )
        project(
            points.reshape(-1, 3),
            np.float32(self.scene.camera.distance_cm),
            *view,
            screen.reshape(-1, 3),
        )
        colours = np.empty_like(points)
        light_strands(
            points,
            screen,
            *image.shape[:2],
            strands.outward[:count],
            strands.openness[:count],
            strands.colours[:count],
            shadows,
            self.shadow_view,
            np.float32(self.scene.lights.shadow_depth),
            pose.head_rotation,
            np.float32(strands.shine),
            self.rig,
            colours,
        )
        thickness = np.maximum(1, np.round(strands.width_cm[:count] * scale * across)).astype(
            np.int64
        )
        cover = strands.cover
        if strands.fine:
            cover = cover * np.float32(_drawn_share(strands, scale * across) ** 0.5)
        if behind is not None:
            draw_strands(screen, np.zeros_like(colours), cover, thickness, behind, depth.copy())
        draw_strands(screen, colours, cover, thickness, image, depth)

    def _develop(self, image: np.ndarray, pose: Pose, window: Window, frame: int) -> np.ndarray:
        small = cv2.resize(image, (window.width, window.height), interpolation=cv2.INTER_AREA)
        small *= np.float32(self.exposure)
        if self.scene.occluder:
            small = self._occlude(small, pose, window, frame)
        out = np.empty(small.shape, np.uint8)
        develop(small, self.curve, out)
        return out

    def _occlude(self, image: np.ndarray, pose: Pose, window: Window, frame: int) -> np.ndarray:
        """Lay what is held before the face over a linear picture of the window."""
        marks = window.place(pose.screen[self.figure.head.landmarks, :2])
        light = self.scene.lights.arriving(np.array([0.0, 0.2, 0.98])) * self.exposure
        return draw_occluder(
            image,
            self.scene.occluder,
            marks[48:].mean(axis=0),
            float(np.linalg.norm(marks[8] - marks[27])) * 1.5,
            frame / FRAMES_PER_SECOND,
            light.astype(np.float32),
        )


def _drawn_size(window: Window) -> tuple[int, int]:
    """Rows and columns of the picture before it is made smaller."""
    return window.height * SUPERSAMPLING, window.width * SUPERSAMPLING


def _drawn_share(strands: Strands, pixels_per_cm: float) -> float:
    """The share of the strands that fills their field at this scale."""
    return min(1.0, float(strands.width_cm.mean()) * pixels_per_cm * HAIR_DENSITY)
