"""The drawing kernels against slow obvious twins, and the picture's defects."""

from dataclasses import replace

import numpy as np
import pytest

from synthesis.render.degrade import Degradation, degrade, degrade_frame, motion_blur
from synthesis.render.lights import (
    SHADOW_MAP_SIZE,
    Lights,
    development_curve,
    exposure,
    light_view,
    lit_share,
    shadow_map,
)
from synthesis.render.rasteriser import FAR, draw_strands, rasterise, vertex_normals
from synthesis.render.shading import light_mouth, mouth_opening


def slow_rasterise(points, triangles, size):
    """Owner of each pixel by testing every triangle at every pixel."""
    owner, depth = np.full((size, size), -1), np.full((size, size), -np.inf)
    for t, (a, b, c) in enumerate(points[triangles].astype(np.float64)):
        edges = np.array([[a[0] - c[0], b[0] - c[0]], [a[1] - c[1], b[1] - c[1]]])
        for y in range(size):
            for x in range(size):
                w0, w1 = np.linalg.solve(edges, np.array([x - c[0], y - c[1]]))
                z = w0 * a[2] + w1 * b[2] + (1 - w0 - w1) * c[2]
                if min(w0, w1, 1 - w0 - w1) >= 0 and z > depth[y, x]:
                    depth[y, x], owner[y, x] = z, t
    return owner


def test_the_rasteriser_against_a_test_of_every_pixel():
    rng = np.random.default_rng(1)
    points = rng.uniform(-6, 30, (24, 3)).astype(np.float32)
    triangles = np.arange(24, dtype=np.int32).reshape(-1, 3)
    depth, owner = np.full((24, 24), FAR, np.float32), np.full((24, 24), -1, np.int32)
    weights = np.zeros((24, 24, 2), np.float32)
    rasterise(points, triangles, np.ones(8, bool), depth, owner, weights)
    assert (owner == slow_rasterise(points, triangles, 24)).mean() > 0.995
    rasterise(points, triangles, np.zeros(8, bool), depth, owner, weights)
    covered = owner >= 0
    full = np.concatenate([weights, 1 - weights.sum(axis=2, keepdims=True)], axis=2)
    places = np.einsum("yxk,yxkc->yxc", full, points[triangles[owner]])
    rows, columns = np.nonzero(covered)
    assert np.allclose(places[covered][:, :2], np.column_stack([columns, rows]), atol=1e-3)
    assert np.allclose(places[covered][:, 2], depth[covered], atol=1e-3)


def test_triangles_seen_from_behind_are_left_out():
    points = np.array([[2, 2, 0], [20, 2, 0], [2, 20, 0]], np.float32)
    for order, seen in (((0, 1, 2), False), ((0, 2, 1), True)):
        depth, owner = np.full((24, 24), FAR, np.float32), np.full((24, 24), -1, np.int32)
        rasterise(
            points,
            np.array([order], np.int32),
            np.zeros(1, bool),
            depth,
            owner,
            np.zeros((24, 24, 2), np.float32),
        )
        assert (owner >= 0).any() == seen


def test_normals_point_out_of_a_tetrahedron():
    points = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], np.float32)
    triangles = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    normals = np.zeros_like(points)
    vertex_normals(points, triangles, normals)
    assert np.allclose(normals, points / np.sqrt(3), atol=1e-5)


def test_a_strand_is_hidden_by_what_is_nearer():
    line = np.array([[[2, 8, 5], [14, 8, 5]]], np.float32)
    colours, cover = np.ones((1, 2, 3), np.float32), np.ones(2, np.float32)
    image, depth = np.zeros((16, 16, 3), np.float32), np.full((16, 16), FAR, np.float32)
    depth[:, 8:] = 9
    draw_strands(line, colours, cover, np.ones(1, np.int64), image, depth)
    assert (image[8, 3:8] == 1).all() and (image[:, 8:] == 0).all()
    assert (depth[8, 3:8] == 5).all()


def test_a_plate_shades_what_lies_below_it():
    plate = np.array([[-3, 2, -3], [3, 2, -3], [3, 2, 3], [-3, 2, 3]], np.float32)
    view = light_view(np.array([0.05, 1, 0.05]), SHADOW_MAP_SIZE, np.zeros(3))
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    depth = shadow_map(plate, triangles, np.zeros((0, 3), np.float32), view)
    points = np.array([[0, -2, 0], [9, -2, 0], [0, 6, 0]], np.float32)
    share = np.zeros(3, np.float32)
    lit_share(points, np.tile(np.float32([0, 1, 0]), (3, 1)), depth, view, 0.5, share)
    assert share[0] < 0.05 and share[1] > 0.95 and share[2] > 0.95


def mouth(gap):
    """Landmarks of a mouth that looks to +z, lips `gap` cm apart, with tooth and throat behind."""
    marks = np.zeros((68, 3), np.float32)
    marks[27], marks[8] = (0, 7, 0), (0, -4, 0)
    for upper, lower, x in ((61, 67, -1), (62, 66, 0), (63, 65, 1)):
        marks[upper], marks[lower] = (x, gap / 2, 0), (x, -gap / 2, 0)
    marks[60], marks[64] = (-2, 0, 0), (2, 0, 0)
    return marks, np.array([[0, 0, -0.5], [0, 0, -4]], np.float32)


def light_of(gap):
    marks, points = mouth(gap)
    light = np.zeros((2, 4), np.float32)
    normals = np.tile(np.float32([0, 0, 1]), (2, 1))
    light_mouth(
        np.arange(2, dtype=np.int32),
        points,
        normals,
        *mouth_opening(marks),
        np.ones(3, np.float32),
        light,
    )
    return light[:, 0]


def test_the_mouth_is_lit_through_its_opening():
    narrow, wide = light_of(0.3), light_of(2.0)
    assert (wide > 1.5 * narrow).all()
    assert wide[0] > 3 * wide[1], "a tooth behind the lips is brighter than the throat"
    assert wide.max() < 2.5


def test_white_teeth_are_not_blown_out():
    curve = development_curve().astype(int)
    assert (np.diff(curve) >= 0).all() and curve[0] == 0 and curve[-1] >= 250
    dark_skin, tooth = np.full(3, 0.03), 0.75
    light = 0.75 * max(
        exposure(Lights.draw(np.random.default_rng(s)), dark_skin)
        * Lights.draw(np.random.default_rng(s)).arriving(np.array([0, 0, 1.0])).mean()
        for s in range(40)
    )
    place = int(np.sqrt(light * tooth) / 2 * (len(curve) - 1))
    assert curve[min(place, len(curve) - 1)] < 252


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    return rng.integers(30, 220, (48, 40, 3), np.uint8)


def test_noise_is_a_matter_of_seed_and_frame(picture):
    look = replace(Degradation.draw(2), noise=6.0, jpeg_quality=None)
    first = [image.copy() for image in degrade([picture, picture], look, first_frame=7)]
    assert first[0].shape == picture.shape and first[0].dtype == np.uint8
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first[1], degrade_frame(picture, look, 8))


def test_motion_smears_along_its_path_only():
    dot = np.zeros((21, 21, 3), np.uint8)
    dot[10, 10] = 240
    smeared = motion_blur(dot, np.array([6.0, 0.0]))[..., 0]
    assert (smeared[10, 7:14] > 15).all() and smeared[:10].max() == smeared[11:].max() == 0
    assert abs(int(smeared.sum()) - 240) < 12
    assert motion_blur(dot, np.zeros(2)) is dot


def test_grey_is_grey_and_a_clean_look_changes_nothing(picture):
    clean = Degradation(
        seed=0,
        softness=0,
        shrink=1,
        noise=0,
        chroma_noise=0,
        jpeg_quality=None,
        block_quality=None,
        cast=(1, 1, 1),
        saturation=1,
        contrast=1,
        brightness=0,
    )
    assert np.array_equal(degrade_frame(picture, clean, 0), picture)
    grey = degrade_frame(picture, replace(clean, saturation=0.0, noise=5.0), 0).astype(int)
    assert (np.ptp(grey, axis=2) <= 1).all()


@pytest.mark.parametrize(
    "change",
    [
        {"shrink": 2.0},
        {"jpeg_quality": 20},
        {"softness": 0.05},
        {"block_quality": 20},
        {"cast": (0.8, 1.0, 1.2)},
    ],
)
def test_each_defect_shows_and_keeps_the_size(picture, change):
    clean = Degradation(
        seed=0,
        softness=0,
        shrink=1,
        noise=0,
        chroma_noise=0,
        jpeg_quality=None,
        block_quality=None,
        cast=(1, 1, 1),
        saturation=1,
        contrast=1,
        brightness=0,
    )
    spoilt = degrade_frame(picture, replace(clean, **change), 0)
    assert spoilt.shape == picture.shape
    assert np.abs(spoilt.astype(int) - picture).mean() > 2
