"""A face crop's way back into its frame: what is painted, and that nothing else is."""

import numpy as np
import pytest

from face_detection import Box
from lipsync.paste import paste
from models.generator import Place
from models.lower_face import cut_face, face_mask, face_patch

BOX = Box(20, 30, 80, 110)


def paste_face(frame, face, box, *, blend, strength=1.0):
    paste(frame, face_patch(frame, face, Place(box, strength, blend)))


def noise(height, width, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("blend", ["none", "feather"])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_pixels_outside_the_box_are_untouched(blend, strength):
    before = noise(140, 120)
    after = before.copy()
    paste_face(after, noise(96, 96, 1), BOX, blend=blend, strength=strength)
    outside = np.ones(before.shape[:2], bool)
    outside[BOX.top : BOX.bottom, BOX.left : BOX.right] = False
    assert np.array_equal(after[outside], before[outside])
    assert not np.array_equal(after, before)


def test_plain_rectangle_is_the_face_itself():
    frame = noise(140, 120)
    face = noise(BOX.height, BOX.width, 1)
    paste_face(frame, face, BOX, blend="none")
    assert np.array_equal(frame[BOX.top : BOX.bottom, BOX.left : BOX.right], face)


def test_feather_keeps_eyes_and_corners_and_gives_the_mouth():
    frame = np.zeros((140, 120, 3), np.uint8)
    face = np.zeros((96, 96, 3), np.uint8)
    face[48:] = 200  # above, as the frame is
    paste_face(frame, face, BOX, blend="feather")
    region = frame[BOX.top : BOX.bottom, BOX.left : BOX.right, 0]
    assert not region[: int(0.42 * BOX.height)].any()
    assert not region[:, 0].any() and not region[-1, 0]
    mouth = region[int(0.7 * BOX.height) : int(0.85 * BOX.height), 20:40]
    assert (mouth >= 199).all()


def test_feather_has_no_step():
    mask = face_mask(300, 400, "feather")
    assert np.abs(np.diff(mask, axis=0)).max() < 0.05
    assert np.abs(np.diff(mask, axis=1)).max() < 0.05
    assert mask[[0, -1]].max() < 0.01 and mask[:, [0, -1]].max() < 0.01


@pytest.mark.parametrize("blend", ["none", "feather"])
def test_a_face_pasted_into_its_own_place_changes_little(blend):
    """Without a generator between, only the way through the network's size is seen."""
    rows, columns = np.mgrid[:140, :120]
    frame = np.stack([rows, columns, (rows + columns) // 2], -1).astype(np.uint8)
    after = frame.copy()
    paste_face(after, cut_face(frame, BOX, 96, 96), BOX, blend=blend)
    assert np.abs(after.astype(int) - frame).max() <= 2


def test_feather_takes_the_frame_s_colours():
    """A face that comes out redder, and darker to one side, is pasted as if it did not."""
    rows, columns = np.mgrid[:140, :120]
    frame = np.stack([100 + rows // 4, 80 + columns // 4, 120 + rows // 4], -1).astype(np.uint8)
    face = cut_face(frame, BOX, 96, 96).astype(int)
    face[:, :, 2] += 20
    face -= (np.arange(96) // 8)[None, :, None]
    after = frame.copy()
    paste_face(after, face.astype(np.uint8), BOX, blend="feather")
    assert np.abs(after.astype(int) - frame)[:, 40:60].max() <= 4
    paste_face(after, face.astype(np.uint8), BOX, blend="none")
    assert np.abs(after.astype(int) - frame)[..., 2].max() >= 18


@pytest.mark.parametrize("box", [Box(0, 0, 1, 1), Box(5, 5, 7, 8), Box(0, 0, 120, 140)])
def test_boxes_of_any_size_are_pasted(box):
    before = noise(140, 120)
    after = before.copy()
    paste_face(after, noise(96, 96, 1), box, blend="feather")
    outside = np.ones(before.shape[:2], bool)
    outside[box.top : box.bottom, box.left : box.right] = False
    assert np.array_equal(after[outside], before[outside])


def test_strength_mixes_linearly():
    frame = np.full((140, 120, 3), 40, np.uint8)
    face = np.full((96, 96, 3), 240, np.uint8)
    paste_face(frame, face, BOX, blend="none", strength=0.25)
    assert (frame[BOX.top : BOX.bottom, BOX.left : BOX.right] == 90).all()
