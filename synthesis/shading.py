"""Shade what was rasterised: light gathered at the vertices, texture and gloss at the pixels."""

import math

import numpy as np

from synthesis.head import Material
from synthesis.rasteriser import kernel

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
# Blinn-Phong exponents: the higher, the smaller and sharper the highlight.
SHARPNESS = _table(
    {
        Material.SKIN: 22,
        Material.SCALP: 22,
        Material.GUMS: 45,
        Material.TONGUE: 30,
        Material.TEETH: 60,
        Material.EYE: 260,
        Material.SOCKET: 20,
        Material.CLOTH: 8,
        Material.FRAME: 60,
        Material.LENS: 200,
    },
    20,
)


@kernel
def light_vertices(normals, occlusion, lit, materials, wrap, directions, colours, sky, ground, out):
    """Irradiance (BGR) of each vertex, and what share of the key's highlight it may show. out: (n, 4)"""
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

    openings: (p, 3) centres, areas: (p,) cm2, facing: where the opening looks, arriving: light upon it (3,).
    """
    for i in vertices:
        direct, spread = np.float32(0), np.float32(0)
        for p in range(openings.shape[0]):
            dx, dy, dz = (
                openings[p, 0] - points[i, 0],
                openings[p, 1] - points[i, 1],
                openings[p, 2] - points[i, 2],
            )
            distance2 = dx * dx + dy * dy + dz * dz + np.float32(0.02)
            distance = math.sqrt(distance2)
            leaving = (dx * facing[0] + dy * facing[1] + dz * facing[2]) / distance
            landing = (dx * normals[i, 0] + dy * normals[i, 1] + dz * normals[i, 2]) / distance
            share = areas[p] * max(np.float32(0), leaving) / (math.pi * distance2 + areas[p])
            direct += share * max(np.float32(0), landing * np.float32(0.8) + np.float32(0.2))
            spread += share
        outside = (
            (points[i, 0] - openings[2, 0]) * facing[0]
            + (points[i, 1] - openings[2, 1]) * facing[1]
            + (points[i, 2] - openings[2, 2]) * facing[2]
        )
        direct = max(direct, min(np.float32(0.9), max(np.float32(0), outside * 2)))
        for channel in range(3):
            bounce = (
                np.float32(0.16) * spread * (np.float32(0.45) if channel < 2 else np.float32(1))
            )
            out[i, channel] = arriving[channel] * (
                np.float32(1.25) * direct + bounce + np.float32(0.006)
            )
        out[i, 3] = min(np.float32(1), direct * np.float32(1.4))


@kernel
def fetch(textures, place, u, v, out):
    """Bilinear look-up in the flat texture store. place: offset, height, width"""
    height, width = place[1], place[2]
    x = min(max(u * width - 0.5, 0.0), width - 1.001)
    y = min(max((1 - v) * height - 0.5, 0.0), height - 1.001)
    column, row = int(x), int(y)
    fx, fy = np.float32(x - column), np.float32(y - row)
    start = place[0] + (row * width + column) * CHANNELS
    below = start + width * CHANNELS
    for channel in range(CHANNELS):
        upper = textures[start + channel] * (1 - fx) + textures[start + CHANNELS + channel] * fx
        lower = textures[below + channel] * (1 - fx) + textures[below + CHANNELS + channel] * fx
        out[channel] = upper * (1 - fy) + lower * fy


@kernel
def add_highlights(colour, gloss, sharpness, nx, ny, nz, share, directions, colours, sky):
    """Highlights of the lights, and the sky's glancing reflection, for a viewer at +z."""
    for light in range(directions.shape[0]):
        hx, hy, hz = directions[light, 0], directions[light, 1], directions[light, 2] + 1
        along = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
        if along > 0:
            strength = gloss * along**sharpness * (share if light == 0 else np.float32(0.6))
            for channel in range(3):
                colour[channel] += strength * colours[light, channel]
    glancing = 1 - max(np.float32(0), nz)
    glancing = gloss * share * glancing * glancing * glancing * np.float32(0.5)
    for channel in range(3):
        colour[channel] += glancing * sky[channel]


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
    sharpness,
    directions,
    colours,
    sky,
    up,
    image,
):
    """Colour every covered pixel of `image` (linear BGR). up: the head's upward direction in camera space"""
    texel = np.zeros(CHANNELS, np.float32)
    colour = np.zeros(3, np.float32)
    lean = np.zeros(3, np.float32)
    for k in range(3):
        lean[k] = directions[0, k] * np.float32(0.8)
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            t = owner[y, x]
            if t < 0:
                continue
            w0, w1 = barycentrics[y, x]
            w2 = 1 - w0 - w1
            a, b, c = triangles[t]
            material = materials[t]
            fetch(
                textures,
                places[material],
                w0 * corner_uvs[t, 0, 0] + w1 * corner_uvs[t, 1, 0] + w2 * corner_uvs[t, 2, 0],
                w0 * corner_uvs[t, 0, 1] + w1 * corner_uvs[t, 1, 1] + w2 * corner_uvs[t, 2, 1],
                texel,
            )
            nx = w0 * normals[a, 0] + w1 * normals[b, 0] + w2 * normals[c, 0]
            ny = w0 * normals[a, 1] + w1 * normals[b, 1] + w2 * normals[c, 1]
            nz = w0 * normals[a, 2] + w1 * normals[b, 2] + w2 * normals[c, 2]
            # The textures' u runs around the upright axis, so that axis and the normal give the tangents.
            tx, ty, tz = up[1] * nz - up[2] * ny, up[2] * nx - up[0] * nz, up[0] * ny - up[1] * nx
            bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
            dx = -texel[3] * tx - texel[4] * bx
            dy = -texel[3] * ty - texel[4] * by
            dz = -texel[3] * tz - texel[4] * bz
            relief = max(np.float32(0.3), 1 + dx * lean[0] + dy * lean[1] + dz * lean[2])
            for channel in range(3):
                gathered = w0 * light[a, channel] + w1 * light[b, channel] + w2 * light[c, channel]
                colour[channel] = texel[channel] * gathered * relief
            nx, ny, nz = nx + dx, ny + dy, nz + dz
            scale = 1 / math.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-9))
            share = w0 * light[a, 3] + w1 * light[b, 3] + w2 * light[c, 3]
            add_highlights(
                colour,
                texel[5],
                sharpness[material],
                nx * scale,
                ny * scale,
                nz * scale,
                share,
                directions,
                colours,
                sky,
            )
            for channel in range(3):
                image[y, x, channel] = colour[channel]


@kernel
def develop(image, curve, out):
    """Tone-map a linear picture through `curve`, indexed by the square root of the light. out: uint8"""
    last = curve.shape[1] - 1
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for channel in range(3):
                value = math.sqrt(max(np.float32(0), image[y, x, channel])) * np.float32(last * 0.5)
                out[y, x, channel] = curve[channel, min(last, int(value))]
