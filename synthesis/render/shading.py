"""Shade what was rasterised: light gathered at the vertices, texture and gloss at the pixels."""

import math

import numpy as np

from synthesis.render.material import Material
from synthesis.render.rasteriser import kernel

CHANNELS = 6  # of a texture: linear B, G, R, slope along u, slope along v, gloss


def _table(values: dict[Material, object], otherwise: object) -> np.ndarray:
    return np.array([values.get(material, otherwise) for material in Material], np.float32)


# How far light creeps past the terminator (BGR); red goes furthest under skin.
WRAP = _table(
    {
        Material.SKIN: (0.10, 0.16, 0.34),
        Material.SCALP: (0.10, 0.16, 0.34),
        Material.EYE: (0.4, 0.4, 0.45),
        Material.CLOTH: (0.12, 0.12, 0.12),
    },
    (0.1, 0.1, 0.1),
)
# Highlights: how often the cosine is squared, so that its power is 2 to this number.
SHARPNESS = _table(
    {
        Material.CLOTH: 3,
        Material.TONGUE: 5,
        Material.GUMS: 5,
        Material.TEETH: 6,
        Material.FRAME: 6,
        Material.EYE: 8,
        Material.LENS: 8,
    },
    4,
).astype(np.int64)


@kernel
def light_vertices(normals, occlusion, lit, materials, wrap, directions, colours, sky, ground, out):
    """Irradiance (BGR) of each vertex, and what share of the key's highlight it may show.

    out: (n, 4)
    """
    for i in range(normals.shape[0]):
        up = 0.5 + 0.5 * normals[i, 1]
        material = materials[i]
        for channel in range(3):
            out[i, channel] = occlusion[i] * (sky[channel] * up + ground[channel] * (1 - up))
        for light in range(directions.shape[0]):
            facing = (
                normals[i, 0] * directions[light, 0]
                + normals[i, 1] * directions[light, 1]
                + normals[i, 2] * directions[light, 2]
            )
            share = (lit[i] if light == 0 else np.float32(1)) * (0.35 + 0.65 * occlusion[i])
            for channel in range(3):
                creep = wrap[material, channel]
                strength = (facing + creep) / (1 + creep)
                if strength > 0:
                    out[i, channel] += strength * colours[light, channel] * share
        out[i, 3] = lit[i] * occlusion[i]


@kernel
def light_mouth(vertices, points, normals, openings, areas, facing, arriving, out):
    """Irradiance inside the mouth: what comes through the lips' opening, given as a few patches.

    openings: (p, 3) centres, areas: (p,) cm2, facing: where the opening looks, arriving: light upon
    it (3,).
    """
    middle = openings[openings.shape[0] // 2]
    for i in vertices:
        direct, spread, outside = np.float32(0), np.float32(0), np.float32(0)
        for axis in range(3):
            outside += (points[i, axis] - middle[axis]) * facing[axis]
        for p in range(openings.shape[0]):
            distance2, leaving, landing = np.float32(0.12), np.float32(0), np.float32(0)
            for axis in range(3):
                step = openings[p, axis] - points[i, axis]
                distance2 += step * step
                leaving += step * facing[axis]
                landing += step * normals[i, axis]
            distance = np.float32(math.sqrt(distance2))
            share = areas[p] / (np.float32(math.pi) * distance2 + areas[p])
            share *= max(
                np.float32(0),
                min(np.float32(1), leaving / distance * np.float32(0.8) + np.float32(0.3)),
            )
            direct += share * max(
                np.float32(0), landing / distance * np.float32(0.4) + np.float32(0.6)
            )
            spread += share
        direct = max(np.float32(1.7) * direct, np.float32(2) * outside)
        direct = direct / (np.float32(1) + np.float32(0.45) * max(np.float32(0), direct))
        for channel in range(3):
            bounce = np.float32(0.14) * spread * (np.float32(0.5) if channel < 2 else np.float32(1))
            out[i, channel] = arriving[channel] * (direct + bounce + np.float32(0.006))
        out[i, 3] = min(np.float32(1), direct)


@kernel
def fetch(textures, places, material, u, v, out):
    """Bilinear look-up in the flat texture store. places: offset, height, width of each material"""
    height, width = places[material, 1], places[material, 2]
    x = min(max(u * np.float32(width) - np.float32(0.5), np.float32(0)), np.float32(width - 1.01))
    y = min(
        max((np.float32(1) - v) * np.float32(height) - np.float32(0.5), np.float32(0)),
        np.float32(height - 1.01),
    )
    column, row = int(x), int(y)
    fx, fy = x - np.float32(column), y - np.float32(row)
    start = np.uintp(places[material, 0] + (row * width + column) * CHANNELS)
    below = start + np.uintp(width * CHANNELS)
    for channel in range(np.uintp(CHANNELS)):
        upper = (
            textures[start + channel] * (np.float32(1) - fx)
            + textures[start + np.uintp(CHANNELS) + channel] * fx
        )
        lower = (
            textures[below + channel] * (np.float32(1) - fx)
            + textures[below + np.uintp(CHANNELS) + channel] * fx
        )
        out[channel] = upper * (np.float32(1) - fy) + lower * fy


def half_vectors(directions: np.ndarray) -> np.ndarray:
    """Where a surface must face to mirror each light to a viewer at +z. (lights, 3)"""
    halves = directions + np.array([0, 0, 1], np.float32)
    return (halves / (np.linalg.norm(halves, axis=1, keepdims=True) + 1e-6)).astype(np.float32)


@kernel
def add_highlights(colour, gloss, squarings, nx, ny, nz, share, halves, colours, sky):
    """Highlights of the lights, and the sky's glancing reflection, for a viewer at +z."""
    for light in range(halves.shape[0]):
        along = nx * halves[light, 0] + ny * halves[light, 1] + nz * halves[light, 2]
        if along > np.float32(0.6):
            for _ in range(squarings):
                along *= along
            strength = gloss * along * (share if light == 0 else share * np.float32(0.6))
            for channel in range(3):
                colour[channel] += strength * colours[light, channel]
    glancing = np.float32(1) - max(np.float32(0), nz)
    glancing = gloss * share * glancing * glancing * glancing * np.float32(0.5)
    for channel in range(3):
        colour[channel] += glancing * sky[channel]


@kernel
def shade_pixel(texel, nx, ny, nz, share, up, key, squarings, halves, colours, sky, colour):
    """Turn the light gathered in `colour` into the pixel's colour: relief, albedo, highlights.

    The textures' u runs around the upright axis, so that axis and the normal give the tangents.
    """
    tx, ty, tz = up[1] * nz - up[2] * ny, up[2] * nx - up[0] * nz, up[0] * ny - up[1] * nx
    bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
    dx = -texel[3] * tx - texel[4] * bx
    dy = -texel[3] * ty - texel[4] * by
    dz = -texel[3] * tz - texel[4] * bz
    relief = max(
        np.float32(0.3), np.float32(1) + np.float32(0.8) * (dx * key[0] + dy * key[1] + dz * key[2])
    )
    for channel in range(3):
        colour[channel] *= texel[channel] * relief
    nx, ny, nz = nx + dx, ny + dy, nz + dz
    scale = np.float32(1) / np.float32(math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-9)))
    add_highlights(
        colour, texel[5], squarings, nx * scale, ny * scale, nz * scale, share, halves, colours, sky
    )


@kernel
def shade(
    owner,
    barycentrics,
    triangles,
    corner_uvs,
    materials,
    textures,
    places,
    normals,
    light,
    squarings,
    key,
    halves,
    colours,
    sky,
    up,
    image,
):
    """Colour every covered pixel of `image` (linear BGR).

    up: the head's upward direction in camera space
    """
    texel, colour = np.zeros(CHANNELS, np.float32), np.zeros(3, np.float32)
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            if owner[y, x] < 0:
                continue
            t = np.uintp(owner[y, x])  # unsigned: no test for indices from the end
            w0, w1 = barycentrics[y, x, 0], barycentrics[y, x, 1]
            w2 = np.float32(1) - w0 - w1
            a, b, c = (
                np.uintp(triangles[t, 0]),
                np.uintp(triangles[t, 1]),
                np.uintp(triangles[t, 2]),
            )
            fetch(
                textures,
                places,
                materials[t],
                w0 * corner_uvs[t, 0, 0] + w1 * corner_uvs[t, 1, 0] + w2 * corner_uvs[t, 2, 0],
                w0 * corner_uvs[t, 0, 1] + w1 * corner_uvs[t, 1, 1] + w2 * corner_uvs[t, 2, 1],
                texel,
            )
            for channel in range(3):
                colour[channel] = (
                    w0 * light[a, channel] + w1 * light[b, channel] + w2 * light[c, channel]
                )
            shade_pixel(
                texel,
                w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0],
                w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1],
                w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2],
                w0 * light[a, 3] + w1 * light[b, 3] + w2 * light[c, 3],
                up,
                key,
                squarings[materials[t]],
                halves,
                colours,
                sky,
                colour,
            )
            for channel in range(3):
                image[y, x, channel] = colour[channel]


@kernel
def develop(image, curve, out):
    """Tone-map a linear picture through `curve`, indexed by the square root of the light.

    out: uint8
    """
    last = curve.shape[0] - 1
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for channel in range(3):
                value = math.sqrt(max(np.float32(0), image[y, x, channel])) * np.float32(last * 0.5)
                out[y, x, channel] = curve[min(last, int(value))]


def mouth_opening(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gap between the lips as five patches: centres (5, 3), areas (5,) cm2, and where it faces
    (3,).
    """
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
