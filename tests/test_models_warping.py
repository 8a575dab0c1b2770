"""models/warping.py: a frame's own pixels, against what is obvious."""

import numpy as np
import pytest

from lipsync.paste import paste
from models.warping import corners, region_of, soft_square, warp_patch

SIZE = 32


def smooth_frame(height=120, width=160):
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(columns / 9), np.cos(rows / 7), np.sin((rows + columns) / 11)], -1)
    return np.uint8(127 + 100 * waves)


def square(x, y, side, angle=0.0):
    """The affine map from frame pixels to those of a square about (x, y), turned."""
    scale = SIZE / side
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([turn, (SIZE - 1) / 2 - turn @ (x, y)])


def apply(frame, patch):
    after = frame.copy()
    paste(after, patch)
    return after


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_no_motion_changes_nothing(angle):
    frame = smooth_frame()
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    assert warp_patch(frame, square(80, 60, 50, angle), SIZE, flow) is None
    flow[30:32, 20:24] = 1e-6
    patch = warp_patch(frame, square(80, 60, 50, angle), SIZE, flow)
    assert patch.pixels.shape[0] < 30 and np.array_equal(apply(frame, patch), frame)


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.3])
def test_flow_is_in_the_squares_own_pixels_and_turned_with_it(angle):
    """A source 4 pixels to the right in the square is 4 of its pixels along its first axis."""
    frame = smooth_frame()
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = 4
    moved = apply(frame, warp_patch(frame, square(80, 60, 64, angle), SIZE, flow))
    dx, dy = 8 * np.cos(angle), 8 * np.sin(angle)
    for x, y in ((80, 60), (70, 66), (92, 52)):
        waves = np.sin((x + dx) / 9), np.cos((y + dy) / 7), np.sin((x + dx + y + dy) / 11)
        assert np.abs(moved[y, x] - (127 + 100 * np.array(waves))).max() < 3


def test_mask_is_the_paints_share_and_weights_the_results():
    frame = np.full((120, 160, 3), 40, np.uint8)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    mask = np.full((SIZE, SIZE), 0.25, np.float32)
    paint = np.full((SIZE, SIZE, 3), 240, np.uint8)
    to_square = square(80, 60, 40)
    whole = apply(frame, warp_patch(frame, to_square, SIZE, flow, mask=mask, paint=paint))
    assert (whole[60, 80] == 90).all() and (whole[:35] == 40).all()
    weights = np.full((SIZE, SIZE), 0.5, np.float32)
    half = apply(
        frame, warp_patch(frame, to_square, SIZE, flow, mask=mask, paint=paint, weights=weights)
    )
    assert (half[60, 80] == 65).all()


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_paint_is_where_the_mask_is_whatever_their_sizes(angle):
    """A spot of the mask, low and to the right, against the spot drawn in the frame itself."""
    frame, to_square = smooth_frame(), square(80, 60, 64, angle)
    mask = np.zeros((2 * SIZE, 2 * SIZE), np.float32)
    mask[40:50, 44:60] = 1
    flow = np.zeros((SIZE // 2, SIZE // 2, 2), np.float32)
    paint = np.full((3 * SIZE, 3 * SIZE, 3), 240, np.uint8)
    after = apply(frame, warp_patch(frame, to_square, SIZE, flow, mask=mask, paint=paint))
    rows, columns = np.mgrid[:120, :160]
    points = np.stack([columns, rows], axis=-1) @ to_square[:, :2].T + to_square[:, 2]
    x, y = np.moveaxis(2 * (points + 0.5), -1, 0)  # pixels of the mask from its left and top edge
    inside = (x > 45) & (x < 59) & (y > 41) & (y < 49)
    outside = (x < 42) | (x > 62) | (y < 38) | (y > 52)
    assert inside.sum() > 50 and (after[inside] == 240).all()
    assert np.array_equal(after[outside], frame[outside])


@pytest.mark.parametrize("middle", [(0, 0), (159, 60), (80, 119), (-10, 60)])
def test_squares_over_the_edge_of_the_frame(middle):
    frame = smooth_frame()
    flow = np.full((SIZE, SIZE, 2), 3, np.float32)
    patch = warp_patch(frame, square(*middle, 50, 0.2), SIZE, flow, weights=soft_square(SIZE, 0.2))
    after = apply(frame, patch)
    assert after.shape == frame.shape and not np.array_equal(after, frame)
    assert (patch.left, patch.top) >= (0, 0)


def test_a_square_outside_gives_nothing():
    frame = smooth_frame()
    assert region_of(square(400, 60, 50), SIZE, frame.shape[1::-1]) is None
    assert (
        warp_patch(frame, square(400, 60, 50), SIZE, np.zeros((SIZE, SIZE, 2), np.float32)) is None
    )


def test_corners_are_the_squares_edges():
    found = corners(square(80, 60, 50), SIZE)
    assert found == pytest.approx(np.array([(55, 35), (105, 35), (105, 85), (55, 85)]))


def test_a_soft_square_is_whole_inside_and_nothing_at_its_edge():
    weights = soft_square(100, 0.2)
    assert (weights[20:80, 20:80] == 1).all() and weights[[0, -1]].max() < 0.01
    assert np.abs(np.diff(weights, axis=0)).max() < 0.08
    assert (soft_square(10, 0) == 1).all()
