"""Pairs of mouths: the flow says what the pictures show, and files come back as they went."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from small_head import small_head

from models.lip_motion import NAMES, opening
from models.mouth_crop import SIZE
from synthesis.figure.speaker import Scene, Speaker
from synthesis.pairs import frame_pairs
from synthesis.pairs.frame_pairs import (
    draw_mouths,
    flows_between,
    rasterise_surface,
    unspoken_mouth,
    with_mouths,
)
from synthesis.render.degrade import Degradation
from synthesis.renderer import Renderer
from synthesis.speech.performance import Performance
from training.pair_files import BACKGROUND, LIPS, SKIN, Shard, find_shards, write_shard

FRAMES, MOUTHS = 8, 3


@pytest.fixture(scope="module")
def scene():
    drawn = Scene.draw(3)
    camera = replace(
        drawn.camera, yaw=0.0, pitch=0.0, roll=0.0, shake=0.0, shutter=0.0, face_fraction=0.5
    )
    clean = Degradation(0, 0.0, 1.0, 0.0, 0.0, None, None, (1.0, 1.0, 1.0), 1.0, 1.0, 0.0)
    return replace(drawn, camera=camera, occluder=None, degradation=clean)


@pytest.fixture(scope="module")
def clip(scene):
    zeros = np.zeros((FRAMES, 3), np.float32)
    jaw = np.linspace(0, 0.6, FRAMES, dtype=np.float32)
    lids = np.linspace(0, 1, FRAMES, dtype=np.float32)
    motion = Performance(
        {"jawOpen": jaw, "eyeBlink_L": lids}, zeros, zeros, zeros[:, :2], zeros[:, 0]
    )
    return SimpleNamespace(performance=motion, scene=scene)


@pytest.fixture(scope="module")
def drawn(scene, clip):
    renderer = Renderer(small_head(), replace(Speaker.draw(4), glasses=None), scene, 200, 200)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(frame_pairs, "UNSPOKEN", 0.0)
    found = draw_mouths(renderer, clip, 0, MOUTHS, np.random.default_rng(2))
    monkey.undo()
    return found


def moved(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    flow = cv2.resize(flow.astype(np.float32), (SIZE, SIZE))
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return cv2.remap(picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)


def test_only_the_mouth_differs(clip):
    other = with_mouths(clip.performance, 2, 6, np.random.default_rng(0))
    assert other.weights["eyeBlink_L"] == pytest.approx(clip.performance.weights["eyeBlink_L"][2])
    assert len(set(other.weights["jawOpen"].tolist())) > 1
    assert other.weights["jawOpen"][0] == clip.performance.weights["jawOpen"][2]


def test_the_flow_makes_one_picture_of_another(drawn):
    for target, source in ((0, 1), (1, 0), (2, 1)):
        seen = drawn.seen[target, source]
        made = moved(drawn.images[source], drawn.flow[target, source])
        off = np.abs(made.astype(int) - drawn.images[target]).mean(axis=2)
        nothing = np.abs(drawn.images[source].astype(int) - drawn.images[target]).mean(axis=2)
        changed = seen & (np.abs(cv2.resize(drawn.flow[target, source].astype(np.float32),
                                            (SIZE, SIZE))).max(axis=2) > 1)  # fmt: skip
        if changed.any():
            assert off[changed].mean() < 0.5 * nothing[changed].mean()
        assert off[seen].mean() < 3


def test_what_one_picture_hides_is_not_called_seen():
    """A card that moves 8 pixels to the right before a wall."""
    wall = [(-9.0, -9.0, 0.0), (-9.0, 99.0, 0.0), (99.0, -9.0, 0.0), (99.0, 99.0, 0.0)]
    triangles = np.array([(0, 1, 2), (2, 1, 3), (4, 5, 6), (6, 5, 7)], np.int32)
    surfaces = []
    for left in (10, 18):
        right = left + 12.0
        card = [(left, 10.0, 2.0), (left, 30.0, 2.0), (right, 10.0, 2.0), (right, 30.0, 2.0)]
        points = np.array([*wall, *card], np.float32)
        surfaces.append(rasterise_surface(points, triangles, np.ones(4, bool), 40))
    flow, seen = flows_between(surfaces, triangles)
    expected = np.ones((40, 40), bool)
    expected[10:31, 10:18] = False  # wall that the card lays bare as it goes from 10 to 18
    edge = np.zeros((40, 40), bool)  # the card's outline may count either way
    edge[9:32, 8:33] = True
    edge[12:29, 11:17] = edge[12:29, 20:29] = False
    assert (seen[1, 0] == expected)[~edge].all() and not seen[1, 0][15:25, 12:16].any()
    assert flow[1, 0][10, 12].tolist() == pytest.approx([-8, 0], abs=1e-3)
    assert flow[0, 1][10, 8].tolist() == pytest.approx([8, 0], abs=1e-3)
    assert np.abs(flow[1, 0][10, 2]).max() < 1e-3


def test_pixels_are_told_apart(drawn):
    middle = drawn.kinds[0][SIZE // 2 - 30 : SIZE // 2, SIZE // 2 - 10 : SIZE // 2 + 10]
    assert {SKIN, LIPS} <= set(np.unique(drawn.kinds[0])) and BACKGROUND in drawn.kinds[0]
    assert (middle == BACKGROUND).mean() < 0.1


def test_unspoken_mouths_are_within_range_and_of_many_kinds():
    rng = np.random.default_rng(0)
    mouths = np.stack([unspoken_mouth(rng) for _ in range(300)])
    assert mouths.shape == (300, len(NAMES)) and mouths.max() <= 1 and mouths.min() >= -0.2
    apart = opening(mouths)
    assert (apart > 0.5).mean() > 0.1 and (apart < 0.02).mean() > 0.1


def test_a_shard_comes_back_as_it_went(drawn, tmp_path):
    folder = tmp_path / "s00000"
    folder.mkdir()
    write_shard(folder, [drawn, drawn], [4, 4], {"split": "train"})
    shard = Shard(find_shards(tmp_path)[0])
    assert shard.frames == 2 and shard.about == {"split": "train"}
    assert (shard.images[1] == drawn.images).all() and (shard.kinds[0] == drawn.kinds).all()
    assert (shard.seen_between(0, 1, 0) == drawn.seen[1, 0]).all()
    np.testing.assert_array_equal(shard.flow[0, 1, 0], drawn.flow[1, 0])


def test_a_shard_of_another_form_is_refused(drawn, tmp_path):
    folder = tmp_path / "s00000"
    folder.mkdir()
    write_shard(folder, [drawn], [0], {"split": "train"})
    text = (folder / "pairs.json").read_text()
    (folder / "pairs.json").write_text(text.replace('"size": 160', '"size": 128'))
    with pytest.raises(ValueError, match="another form"):
        Shard(folder)
    with pytest.raises(ValueError, match="make_pairs"):
        find_shards(tmp_path / "nothing")
