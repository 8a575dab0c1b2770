"""The inside of a mouth, drawn into a photograph: the renderer's teeth, gums and tongue in its
light.
"""

from functools import lru_cache

import numpy as np

from synthesis.figure.head import Material
from synthesis.figure.mouth_and_eyes import (
    WetLook,
    paint_gums,
    paint_lining,
    paint_teeth,
    paint_tongue,
    resize_texture,
)
from synthesis.render.patterns import ramp
from synthesis.render.rasteriser import vertex_normals
from synthesis.render.shading import SHARPNESS, half_vectors, light_mouth, mouth_opening, shade

TEXTURE = 128  # pixels; a mouth in a photograph is about as wide
KEY = np.array([[0.0, 0.45, 0.89]], np.float32)  # where a photographer's light stands
SCLERA = 0.5  # share of the light that the white of an eye throws back, in its lids' shade
BRIGHT_SKIN = 0.5  # and the brightest skin
DIMMEST, BRIGHTEST = 0.2, 0.85  # of the light upon the face; 1 is a white wall's white
GAMMA = 2.2


def linear_of(image: np.ndarray) -> np.ndarray:
    """Levels, 0 to 255, as light, 0 to 1."""
    return np.clip(np.asarray(image, np.float32) / 255, 0, 1) ** np.float32(GAMMA)


def levels_of(light: np.ndarray) -> np.ndarray:
    """Light as levels; what is brighter than white comes softly to its end. float32"""
    soft = np.where(light > 0.75, 0.75 + 0.25 * np.tanh((light - 0.75) / 0.25), light)
    return 255 * np.clip(soft, 0, 1) ** np.float32(1 / GAMMA)


def light_on_face(eyes: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """The light upon a face, by the whites of its eyes and its skin's bright parts. (3,) BGR

    eyes, skin: (n, 3) their pixels in levels.
    """
    whites = np.percentile(linear_of(eyes), 85, axis=0) / SCLERA
    bright = np.percentile(linear_of(skin), 85, axis=0) / BRIGHT_SKIN
    amount = float(np.clip(max(whites.mean(), 0.8 * bright.mean()), DIMMEST, BRIGHTEST))
    tint = whites / max(float(whites.mean()), 1e-3)
    return (amount * np.clip(0.5 + 0.5 * tint, 0.8, 1.2)).astype(np.float32)


class WetMouth:
    """One person's teeth, gums and tongue."""

    def __init__(self, rng: np.random.Generator, tone: float):
        look = WetLook.draw(rng, tone)
        paints = {
            Material.GUMS: paint_gums(look, rng),
            Material.TONGUE: paint_tongue(look, rng),
            Material.TEETH: paint_teeth(look, rng),
            Material.SOCKET: paint_lining(look, rng),
        }
        flat, places, start = [], [], 0
        for material in Material:
            texture = paints.get(material)
            texture = _blank() if texture is None else resize_texture(texture, TEXTURE)
            places.append((start, *texture.shape[:2]))
            flat.append(texture.ravel())
            start += texture.size
        self.store, self.places = np.concatenate(flat), np.array(places, np.int64)

    def draw(
        self,
        owner: np.ndarray,
        weights: np.ndarray,
        mesh: dict[str, np.ndarray],
        points: np.ndarray,
        arriving: np.ndarray,
    ) -> np.ndarray:
        """The pixels whose `owner` is a wet triangle, in light, 0 to 1; others are 0. (H, W, 3)

        mesh: triangles, corner_uvs, materials, marks (68 vertices) and wet_vertices; points:
        (n, 3) cm before the camera; arriving: the light upon the face, BGR.
        """
        normals = np.empty_like(points)
        vertex_normals(points, mesh["triangles"], normals)
        light = np.zeros((len(points), 4), np.float32)
        openings, areas, facing = mouth_opening(points[mesh["marks"]])
        light_mouth(mesh["wet_vertices"], points, normals, openings, areas, facing, arriving, light)
        image = np.zeros((*owner.shape, 3), np.float32)
        shade(
            owner,
            weights,
            mesh["triangles"],
            mesh["corner_uvs"],
            mesh["materials"],
            self.store,
            self.places,
            normals,
            light,
            SHARPNESS,
            KEY[0],
            half_vectors(KEY),
            np.float32(0.6) * arriving[None],
            np.float32(0.3) * arriving,
            np.array([0, 1, 0], np.float32),
            image,
        )
        return image


@lru_cache(maxsize=1)
def _blank() -> np.ndarray:
    return np.zeros((4, 4, 6), np.float32)


def tone_of(light: np.ndarray, skin: np.ndarray) -> float:
    """How dark a skin is, from 0 to 1, as SkinLook counts: by what it throws back."""
    share = float(np.median(linear_of(skin) / light, axis=0).mean())
    return float(ramp(np.array(share), 0.45, 0.06))
