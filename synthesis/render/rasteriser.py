"""Draw triangles and hair strands into a z-buffer: numba kernels on one core, without a display.

Screen space everywhere: x right and y down in pixels, z larger is nearer. The kernels release the
GIL.
"""

import math

import numba as nb
import numpy as np

STRAND_LIFT_CM = np.float32(0.09)  # so that hair that lies on the skin is not lost in it
SOLID = np.float32(0.6)  # a strand that covers less hides nothing behind it
FAR = np.float32(-1e9)  # depth of an empty pixel
kernel = nb.njit(cache=True, fastmath=True, nogil=True)


@kernel
def add_weighted(base, shapes, indices, weights, out):
    """out = base + the sum of `weights[k] * shapes[indices[k]]`. base, out: (n, 3)"""
    out[:] = base
    for k in range(indices.shape[0]):
        shape = shapes[indices[k]]
        weight = weights[k]
        for i in range(base.shape[0]):
            out[i, 0] += weight * shape[i, 0]
            out[i, 1] += weight * shape[i, 1]
            out[i, 2] += weight * shape[i, 2]


@kernel
def vertex_normals(points, triangles, out):
    """Unit normals of the vertices, each triangle counted by its area. out: (n, 3)"""
    out[:] = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (
            points[b, 0] - points[a, 0],
            points[b, 1] - points[a, 1],
            points[b, 2] - points[a, 2],
        )
        vx, vy, vz = (
            points[c, 0] - points[a, 0],
            points[c, 1] - points[a, 1],
            points[c, 2] - points[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(out.shape[0]):
        length = math.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + np.float32(1e-12)
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length


@kernel
def pixel_span(low, high, size):
    """The whole pixels between two coordinates, cut to [0, size)."""
    return max(0, math.ceil(low)), min(size - 1, math.floor(high))


@kernel
def rasterise(points, triangles, two_sided, depth, owner, barycentrics):
    """Fill `depth`, `owner` (triangle number, -1 = none) and the first two barycentric weights of
    each pixel.

    points: (n, 3) screen space; a triangle that is seen from behind is left out unless `two_sided`.
    """
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, z0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1, z1 = points[b, 0], points[b, 1], points[b, 2]
        x2, y2, z2 = points[c, 0], points[c, 1], points[c, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if (area >= 0 and not two_sided[t]) or abs(area) < 1e-9:
            continue
        left, right = pixel_span(min(x0, x1, x2), max(x0, x1, x2), width)
        top, bottom = pixel_span(min(y0, y1, y2), max(y0, y1, y2), height)
        if left > right or top > bottom:
            continue
        scale = 1 / area
        step0, step1 = (y1 - y2) * scale, (y2 - y0) * scale
        for y in range(top, bottom + 1):
            w0 = ((x1 - left) * (y2 - y) - (x2 - left) * (y1 - y)) * scale
            w1 = ((x2 - left) * (y0 - y) - (x0 - left) * (y2 - y)) * scale
            for x in range(left, right + 1):
                if w0 >= 0 and w1 >= 0 and w0 + w1 <= 1:
                    z = w0 * z0 + w1 * z1 + (1 - w0 - w1) * z2
                    if z > depth[y, x]:
                        depth[y, x] = z
                        owner[y, x] = t
                        barycentrics[y, x, 0] = w0
                        barycentrics[y, x, 1] = w1
                w0 += step0
                w1 += step1


@kernel
def splat_depth(points, triangles, depth):
    """Depth map of a mesh for shadows: both sides count, and small triangles mark their nearest
    pixel.
    """
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, z0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1, z1 = points[b, 0], points[b, 1], points[b, 2]
        x2, y2, z2 = points[c, 0], points[c, 1], points[c, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        left, right = pixel_span(min(x0, x1, x2), max(x0, x1, x2), width)
        top, bottom = pixel_span(min(y0, y1, y2), max(y0, y1, y2), height)
        if left > right or top > bottom or abs(area) < 1e-9:
            continue
        scale = 1 / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                w0 = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) * scale
                w1 = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) * scale
                if w0 >= 0 and w1 >= 0 and w0 + w1 <= 1:
                    z = w0 * z0 + w1 * z1 + (1 - w0 - w1) * z2
                    depth[y, x] = max(depth[y, x], z)


@kernel
def splat_points(points, depth):
    """Mark single points (hair) in a depth map."""
    height, width = depth.shape
    for i in range(points.shape[0]):
        x, y = int(points[i, 0] + 0.5), int(points[i, 1] + 0.5)
        if 0 <= x < width and 0 <= y < height:
            depth[y, x] = max(depth[y, x], points[i, 2])


@kernel
def draw_segment(points, colours, s, k, start_cover, end_cover, thickness, image, depth):
    """Points k to k + 1 of strand s, `thickness` pixels across, hidden behind what is nearer."""
    height, width = depth.shape
    x0, y0, z0 = points[s, k, 0], points[s, k, 1], points[s, k, 2]
    dx, dy, dz = points[s, k + 1, 0] - x0, points[s, k + 1, 1] - y0, points[s, k + 1, 2] - z0
    if max(x0, x0 + dx) < 0 or min(x0, x0 + dx) >= width:
        return
    if max(y0, y0 + dy) < 0 or min(y0, y0 + dy) >= height:
        return
    steep = abs(dy) > abs(dx)
    steps = int(max(abs(dx), abs(dy))) + 1
    stride = np.float32(1) / np.float32(steps)
    for i in range(steps):
        f = (np.float32(i) + np.float32(0.5)) * stride
        z = z0 + f * dz
        cover = start_cover + f * (end_cover - start_cover)
        for across in range(thickness):
            aside = np.float32(across) - np.float32(0.5) * np.float32(thickness - 2)
            x = int(x0 + f * dx + (aside if steep else np.float32(0.5)))
            y = int(y0 + f * dy + (np.float32(0.5) if steep else aside))
            if 0 <= x < width and 0 <= y < height and z + STRAND_LIFT_CM > depth[y, x]:
                if cover > SOLID:
                    depth[y, x] = max(z, depth[y, x])
                for channel in range(3):
                    start = colours[s, k, channel]
                    colour = start + f * (colours[s, k + 1, channel] - start)
                    image[y, x, channel] += cover * (colour - image[y, x, channel])


@kernel
def draw_strands(points, colours, cover, thickness, image, depth):
    """Draw polylines that thin out towards their tips.

    points, colours: (strands, k, 3); cover: (k,) opacity along a strand; thickness: (strands,)
    whole pixels.
    """
    last = points.shape[1] - 1
    for s in range(points.shape[0]):
        for k in range(last):
            across = thickness[s] if 2 * k < last else max(1, thickness[s] - 1)
            draw_segment(points, colours, s, k, cover[k], cover[k + 1], across, image, depth)
