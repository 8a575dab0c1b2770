"""DAVS's aligned faces against golden ones."""

import cv2
import numpy as np
import pytest

from models.davs.alignment import OFFSET, SEEN, align, cut_aligned, to_seen

FACES = ("upright", "tilted", "small_profile")


@pytest.fixture(scope="module")
def golden(request):
    with np.load(request.path.parent / "data" / "golden_relatives_features.npz") as file:
        return {name: file[name] for name in file.files if name.startswith(("davs_al", "frame"))}


@pytest.mark.parametrize("name", FACES)
def test_alignment_is_golden(golden, name):
    points = golden[f"davs_align.{name}.points10"].reshape(5, 2)
    np.testing.assert_allclose(align(points), golden[f"davs_align.{name}.matrix"], atol=1e-9)
    twice = align(points, eyes_twice=True)
    np.testing.assert_allclose(twice, golden[f"davs_align.{name}.matrix_training5"], atol=1e-9)
    face = cut_aligned(golden["frame_360x480"], points).astype(int)
    expected = golden[f"davs_align.{name}.picture260_every4th"]
    assert face.shape == (260, 260, 3)
    assert np.abs(face[::4, ::4] - expected).max() <= 1  # versions of OpenCV round differently


@pytest.mark.parametrize("name", FACES)
def test_what_networks_see_is_that_face_without_a_detour(golden, name):
    points = golden[f"davs_align.{name}.points10"].reshape(5, 2)
    matrix = to_seen(align(points))
    eyes_and_mouth = np.vstack([points[:2], points[3:].mean(axis=0)])
    found = cv2.transform(eyes_and_mouth[None], matrix)[0] + OFFSET
    np.testing.assert_allclose(found, golden[f"davs_align.{name}.points_in_260"], atol=0.1)
    smooth = cv2.GaussianBlur(golden["frame_360x480"], (0, 0), 3)
    straight = cv2.warpAffine(smooth, matrix, (SEEN, SEEN), borderValue=(127,) * 3)
    stored = cut_aligned(smooth, points)[OFFSET : OFFSET + SEEN, OFFSET : OFFSET + SEEN]
    assert np.abs(straight.astype(int) - stored).mean() < 0.5


def test_points_in_one_place_are_named():
    with pytest.raises(ValueError, match="all lie in one place"):
        align(np.full((5, 2), 7.0))
