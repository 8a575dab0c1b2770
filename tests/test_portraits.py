"""Photographs fitted and redrawn: the fit, the layers, lips' edges, pairs and their command."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.lip_motion import INDEX, NAMES
from models.mouth_crop import SIZE, place_mouth
from synthesis.figure.head import load_head
from synthesis.figure.wet_mouth import levels_of, light_on_face, linear_of
from synthesis.make_portrait_pairs import find_sources
from synthesis.make_portrait_pairs import main as make_portrait_pairs
from synthesis.pairs.fitting import Fit, HeadFitter
from synthesis.pairs.lip_edges import sharpen_lips
from synthesis.pairs.portrait import Portrait
from synthesis.pairs.portrait_layers import FINE, PortraitLayers
from synthesis.pairs.portrait_mesh import (
    SHEET_MARGIN,
    face_mesh,
    make_plate,
    make_sheet,
    move_sheet,
)
from synthesis.pairs.portrait_mouths import draw_mouth, lips_of, spoken_mouth, with_lips
from synthesis.pairs.portrait_pairs import PortraitArtist, Unfit, _as_frame
from tests.small_head import small_head
from training.pair_files import BACKGROUND, SKIN, Shard, write_shard

FACEKIT = Path(__file__).resolve().parents[2] / "shared" / "data" / "ict_facekit.npz"
HEAD = small_head()
MESH = face_mesh(HEAD)
FITTER = HeadFitter(HEAD)


def seen(expression: dict[str, float], identity=(0.0, 0.0, 0.0)) -> Fit:
    return Fit(
        (0.05, -0.1, 0.08), 11.0, (160.0, 150.0), np.array(identity), expression,
        np.zeros((68, 2)), 150.0,
    )  # fmt: skip


def landmarks(fit: Fit) -> np.ndarray:
    return fit.place(fit.shape(HEAD, fit.expression))[HEAD.landmarks, :2]


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    """A face of noise: a picture in which every place looks like no other."""
    fit = seen({})
    photo = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (360, 320, 3)), (0, 0), 2.5)
    photo = cv2.normalize(photo, None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)
    return Portrait(MESH, photo, fit, place_mouth(landmarks(fit)), seed=1)


def test_the_fit_finds_pose_and_jaw():
    truth = seen({"jawOpen": 0.4}, identity=(0.8, -0.6, 0.3))
    found = FITTER.fit(landmarks(truth))
    assert np.abs(np.subtract(found.angles, truth.angles)).max() < 0.03
    assert found.expression["jawOpen"] == pytest.approx(0.4, abs=0.08)
    assert found.error < 0.01
    shut = FITTER.fit(landmarks(seen({})))
    assert shut.expression["jawOpen"] < 0.05


def test_a_point_that_is_unsure_counts_less():
    truth = seen({})
    points, spreads = landmarks(truth).astype(float), np.full(68, 0.5)
    points[20] += 40
    spreads[20] = 60
    assert np.abs(np.subtract(FITTER.fit(points, spreads).angles, truth.angles)).max() < 0.03


def test_points_that_are_no_face_fit_badly():
    rng = np.random.default_rng(3)
    points = landmarks(seen({})) + rng.normal(0, 15, (68, 2))
    assert FITTER.fit(points).error > 0.03


def test_with_its_own_mouth_a_photograph_stays_as_it_is(portrait):
    own = portrait.draw(portrait.fit.expression, 0.0)
    changed = np.abs(own.image.astype(int) - portrait.as_it_is()).mean(axis=2)
    outside = np.ones((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(own.marks[48:60].round().astype(np.int32)), 0)
    outside = cv2.erode(outside, np.ones((9, 9), np.uint8)) > 0
    assert changed[outside].mean() < 2.0


def test_a_jaw_that_drops_takes_the_photograph_with_it(portrait):
    """The flow between two pictures says where the one's pixels are in the other."""
    shut, dropped = (portrait.draw({"jawOpen": jaw}, 0.0) for jaw in (0.0, 0.5))
    assert dropped.marks[8, 1] - shut.marks[8, 1] > 5
    frame = _as_frame(
        portrait, [shut.image, dropped.image], [shut, dropped], [np.zeros(len(NAMES))] * 2
    )
    flow = cv2.resize(frame.flow[1, 0].astype(np.float32), (SIZE, SIZE))
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    there = cv2.remap(shut.image, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    both = frame.seen[1, 0] & (frame.kinds[1] == SKIN)
    both = cv2.erode(both.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    both[:, [0, -1]] = False
    moved = np.abs(there.astype(int) - dropped.image).mean(axis=2)[both].mean()
    still = np.abs(shut.image.astype(int) - dropped.image).mean(axis=2)[both].mean()
    assert both.sum() > 1000
    assert moved < 0.4 * still
    assert set(np.unique(frame.kinds)) >= {BACKGROUND, SKIN}


def test_a_photograph_without_colours_stays_so(portrait):
    grey = np.repeat(portrait.photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    fit = portrait.fit
    wide = Portrait(MESH, grey, fit, place_mouth(landmarks(fit)), seed=1).draw({"jawOpen": 0.8}, 0)
    assert np.ptp(wide.image.astype(int), axis=2).max() <= 2


@pytest.mark.slow
@pytest.mark.skipif(not FACEKIT.is_file(), reason="no ICT-FaceKit beside the repository")
def test_the_face_has_no_holes():
    """Of ICT-FaceKit: nothing of the mouth's inside shows where there is no mouth."""
    mesh = face_mesh(load_head(FACEKIT))
    for yaw in (-0.5, 0.0, 0.5):
        fit = Fit((0.0, yaw, 0.0), 10.0, (160.0, 150.0), np.zeros(3), {}, np.zeros((68, 2)), 150.0)
        marks = fit.place(mesh.head.neutral)[mesh.head.landmarks, :2]
        layers = PortraitLayers(mesh, fit, place_mouth(marks).to_crop(SIZE))
        for jaw in (0.0, 0.5):
            points = layers.place(layers.shape({"jawOpen": jaw}, 0.0))
            surface = layers.fine_surface(layers.all_points(points), plate=True)
            lips = np.zeros(surface.owner.shape, np.uint8)
            outline = (points[mesh.marks[48:60], :2] * FINE).round().astype(np.int32)
            cv2.fillConvexPoly(lips, cv2.convexHull(outline), 1)
            wet = layers.is_wet[surface.owner] & (surface.owner >= 0)
            assert (wet & (cv2.dilate(lips, np.ones((9, 9), np.uint8)) == 0)).sum() <= 4


def test_far_from_the_face_nothing_moves(portrait):
    shut, dropped = (portrait.draw({"jawOpen": jaw}, 0.0).image for jaw in (0.0, 0.5))
    assert np.abs(shut[:4].astype(int) - dropped[:4]).max() <= 2
    assert np.abs(shut[:, :3].astype(int) - dropped[:, :3]).max() <= 2


def test_the_sheet_never_folds():
    sheet = make_sheet(SIZE)
    side = SIZE + 2 * SHEET_MARGIN
    face = np.zeros((side, side), bool)
    face[60:120, 70:140] = True
    moved = np.zeros((side, side, 2), np.float32)
    moved[face] = (0, 14)
    points = move_sheet(sheet, moved, face)[:, :2].reshape(53, 53, 2)
    assert (np.diff(points[..., 0], axis=1) > 0).all()
    assert (np.diff(points[..., 1], axis=0) > -0.5).all()


def test_what_shows_between_the_lips_is_cut_along_them():
    angle = np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)
    inner = np.stack([80 + 20 * np.cos(angle), 90 + 6 * np.sin(angle), 9 + np.cos(angle)], axis=1)
    plate = make_plate(inner.astype(np.float32))
    middles = plate.points[plate.triangles, :2].mean(axis=1)
    assert (np.abs(middles - [80, 90]) <= [22, 8]).all()
    assert (np.abs(middles - [80, 90]) > [12, 2]).any()
    assert plate.points[:, 2].max() < inner[:, 2].max()


def test_lips_edges_go_where_colours_change():
    points = landmarks(seen({})).astype(float)
    red, white = (60, 60, 190), (235, 240, 240)
    image = np.full((360, 320, 3), red, np.uint8)
    middle, left, right = points[62, 1], points[48, 0], points[54, 0]
    top, bottom = round(middle - 4), round(middle + 6)
    cv2.rectangle(image, (int(left), top), (int(right), bottom - 1), white, -1)
    for index in (61, 62, 63):
        points[index, 1] = top + 2.0
    for index in (65, 66, 67):
        points[index, 1] = bottom - 2.5
    moved = sharpen_lips(image, points)
    assert np.abs(moved[[61, 62, 63], 1] - top).max() < 0.8
    assert np.abs(moved[[65, 66, 67], 1] - bottom).max() < 0.8
    assert (moved[:60] == points[:60]).all()


def test_closed_lips_have_no_edges_to_seek():
    points = landmarks(seen({})).astype(float)
    points[[67, 66, 65]] = points[[61, 62, 63]] + [0, 0.5]
    image = np.random.default_rng(0).integers(0, 255, (360, 320, 3), np.uint8)
    assert (sharpen_lips(image, points) == points).all()


def test_light_is_judged_by_the_whites_of_the_eyes():
    skin = np.full((50, 3), 120.0)
    bright, dim = (light_on_face(np.full((50, 3), white), skin) for white in (170.0, 110.0))
    assert bright.mean() > 1.5 * dim.mean()
    levels = np.array([[10.0, 90, 180]])
    assert levels_of(linear_of(levels)) == pytest.approx(levels, abs=0.5)


def test_spoken_mouths_keep_the_smile_and_its_sides():
    fit = seen({"mouthSmile_L": 0.6, "mouthSmile_R": 0.4, "mouthLeft": 0.2})
    own = lips_of(fit.expression, 0.0)
    assert own[INDEX["mouthSmile"]] == pytest.approx(0.5)
    kept = with_lips(fit, own, own)
    assert kept["mouthSmile_L"] == pytest.approx(0.6) and kept["mouthLeft"] == 0.2
    rng = np.random.default_rng(0)
    drawn = [lips_of(*draw_mouth(fit, rng)) for _ in range(200)]
    smiles = np.stack(drawn)[:, INDEX["mouthSmile"]]
    assert smiles.max() > 0.45 and smiles.min() < 0.1
    spoken = np.stack([spoken_mouth(rng) for _ in range(200)])
    assert spoken.min() >= 0 and 0.2 < spoken[:, INDEX["jawOpen"]].max() < 0.7


def test_pairs_of_a_portrait_have_the_form_of_the_others(portrait, tmp_path):
    drawn = [portrait.draw({"jawOpen": jaw}, 0.0) for jaw in (0.0, 0.2, 0.4)]
    lips = [lips_of({"jawOpen": jaw}, 0.0) for jaw in (0.0, 0.2, 0.4)]
    frame = _as_frame(portrait, [one.image for one in drawn], drawn, lips)
    write_shard(tmp_path, [frame], [0], {"real": True, "split": "train"})
    shard = Shard(tmp_path)
    assert shard.images.shape == (1, 3, SIZE, SIZE, 3)
    assert shard.flow.shape == (1, 3, 3, SIZE // 2, SIZE // 2, 2)
    assert shard.seen_between(0, 1, 2).mean() > 0.5
    assert shard.about["real"] is True


class NoFace:
    settings: dict = {}

    def detect(self, images):
        return [np.zeros((0, 5)) for _ in images]


def test_a_photograph_without_a_face_is_left_out():
    artist = PortraitArtist(MESH, FITTER, NoFace(), None)
    with pytest.raises(Unfit, match="face"):
        artist.draw(np.zeros((100, 100, 3), np.uint8), 3, np.random.default_rng(0))


def test_sources_have_names_of_their_own(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.jpg"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b" / "talk.mp4").touch()
    sources = find_sources([tmp_path / "a", tmp_path / "b"], [tmp_path / "b"])
    assert [one.name for one in sources] == ["photo_a_1", "photo_b_1", "video_b_talk"]
    assert [one.is_video for one in sources] == [False, False, True]


def test_wrong_flags_and_folders_are_said(tmp_path, capsys):
    given = ["--head_model", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert make_portrait_pairs(given) == 1
    assert "no head model" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        make_portrait_pairs([*given, "--mouths", "1"])
