"""Pictures of talking heads: what is drawn is what the truth says, from the same seeds always."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from small_head import small_head

from synthesis.figure.clothes import CUTS, PATTERNS
from synthesis.figure.figure import build_figure
from synthesis.figure.hair_styles import FEMININE, MASCULINE, STYLES
from synthesis.figure.head import load_head
from synthesis.figure.posing import euler_angles, face_speed
from synthesis.figure.speaker import Scene, Speaker
from synthesis.render.camera import rotation_matrix
from synthesis.renderer import Renderer
from synthesis.speech.performance import Performance

SIZE = 160


def performance(rotation=(0, 0, 0), translation=(0, 0, 0), gaze=(0, 0), tongue=0.0, **weights):
    """One frame of motion."""
    return Performance(
        weights={name: np.array([weight], np.float32) for name, weight in weights.items()},
        rotation=np.array([rotation], np.float32),
        translation=np.array([translation], np.float32),
        gaze=np.array([gaze], np.float32),
        tongue=np.array([tongue], np.float32),
    )


@pytest.fixture(scope="module")
def head():
    return small_head()


@pytest.fixture(scope="module")
def scene():
    """A quiet scene: frontal, on a tripod, nothing before the face."""
    drawn = Scene.draw(3)
    camera = replace(
        drawn.camera, yaw=0.0, pitch=0.0, roll=0.0, shake=0.0, centre=(0.5, 0.5), face_fraction=0.6
    )
    return replace(drawn, camera=camera, occluder=None)


@pytest.fixture(scope="module")
def renderer(head, scene):
    return Renderer(head, replace(Speaker.draw(4), glasses=None), scene, SIZE, SIZE)


@pytest.mark.slow
def test_the_same_seeds_give_the_same_bytes(head, scene):
    motion = performance(jawOpen=0.4)
    first = Renderer(head, Speaker.draw(5), scene, 96, 96).render(motion, 0)
    build_figure.cache_clear()
    again = Renderer(head, Speaker.draw(5), scene, 96, 96).render(motion, 0)
    other = Renderer(head, Speaker.draw(6), scene, 96, 96).render(motion, 0)
    assert first.shape == (96, 96, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("turn", "axis"), [((0.25, 0, 0), 1), ((0, 0.25, 0), 0)], ids=["pitch down", "yaw right"]
)
def test_the_nose_goes_where_the_head_turns(renderer, turn, axis):
    nose = 30
    rest = renderer.truth(performance(), 0).landmarks[nose]
    moved = renderer.truth(performance(rotation=turn), 0).landmarks[nose]
    assert moved[axis] > rest[axis] + 3


def test_a_clockwise_roll_lowers_the_eye_at_the_right(renderer):
    marks = renderer.truth(performance(rotation=(0, 0, 0.2)), 0).landmarks
    assert marks[42:48, 1].mean() > marks[36:42, 1].mean() + 3


def test_a_step_to_the_right_and_up_moves_the_face_so(renderer):
    rest = renderer.truth(performance(), 0).landmarks.mean(axis=0)
    moved = renderer.truth(performance(translation=(1, 1, 0)), 0).landmarks.mean(axis=0)
    assert moved[0] > rest[0] + 2 and moved[1] < rest[1] - 2


def test_the_speed_is_how_far_the_nose_goes(renderer, scene):
    turns = np.array([(0, 0, 0), (0.01, 0.02, 0), (0.02, 0.04, 0)])
    motion = replace(
        performance(jawOpen=0),
        rotation=turns,
        translation=np.zeros((3, 3)),
        gaze=np.zeros((3, 2)),
        tongue=np.zeros(3),
        weights={},
    )
    first, last = (renderer.truth(motion, k).landmarks[30] for k in (0, 2))
    speed = face_speed(scene.camera, motion, 1, (SIZE, SIZE))
    assert np.allclose(speed, (last - first) / 2, atol=0.35) and np.abs(speed).max() > 0.5


def test_angles_survive_the_matrix():
    angles = (0.3, -0.4, 0.1)
    assert np.allclose(euler_angles(rotation_matrix(*angles)), angles, atol=1e-5)


def test_only_the_lower_face_changes_when_the_jaw_opens(renderer):
    closed, opened = performance(), performance(jawOpen=0.8)
    change = np.abs(renderer.render(closed, 0).astype(int) - renderer.render(opened, 0)).max(axis=2)
    marks = renderer.truth(closed, 0).landmarks
    brow, lip = int(marks[17:27, 1].min()), int(marks[57, 1])
    assert (change[:brow] > 12).mean() < 0.002
    assert (change[lip - 8 : lip + 16] > 12).mean() > 0.02
    assert renderer.truth(opened, 0).landmarks[8, 1] > marks[8, 1] + 3


def test_a_crop_is_the_frame_cut_out(renderer):
    motion = performance(jawOpen=0.3)
    box = (40, 30, 120, 130)
    crop = renderer.render_crop(motion, 0, box, 80, 100)
    cut = renderer.render(motion, 0)[30:130, 40:120]
    assert crop.shape == cut.shape
    assert cv2.PSNR(crop, cut) > 30


def test_the_box_holds_the_landmarks_and_ends_at_the_chin(renderer):
    truth = renderer.truth(performance(), 0)
    left, top, right, bottom = truth.box
    assert top < truth.landmarks[:, 1].min() and left <= truth.landmarks[:, 0].min()
    assert right >= truth.landmarks[:, 0].max()
    assert 0 <= bottom - truth.landmarks[8, 1] < 0.1 * (bottom - top)


def test_the_eyes_turn_with_the_gaze(renderer):
    rest, aside = performance(), performance(gaze=(0.4, 0))
    eyeball = renderer.figure.head.eyeballs[0]
    front = renderer.pose(rest, 0).points[eyeball][:, 2].argmax()
    moved = renderer.pose(aside, 0).points[eyeball] - renderer.pose(rest, 0).points[eyeball]
    assert moved[front, 0] > 0.2
    assert abs(moved.mean(axis=0)).max() < 0.05


def test_the_tongue_rises(renderer):
    lift = renderer.figure.head.tongue_lift[:, 1]
    low, high = (renderer.pose(performance(tongue=t), 0).points[: len(lift)] for t in (0.0, 1.0))
    assert np.allclose((high - low)[:, 1], lift, atol=0.02)


@pytest.mark.slow
def test_every_style_of_hair_and_cloth_can_be_drawn(head, scene):
    speaker = Speaker.draw(8)
    styles = sorted(set(MASCULINE) | set(FEMININE))
    assert set(STYLES) <= set(styles)
    for number, style in enumerate(styles):
        look = replace(speaker.hair, style=style)
        clothes = replace(
            speaker.clothes, cut=CUTS[number % len(CUTS)], pattern=PATTERNS[number % len(PATTERNS)]
        )
        dressed = replace(speaker, hair=look, clothes=clothes)
        image = Renderer(head, dressed, scene, 48, 48).render(performance(), 0)
        assert image.std() > 5, style


def test_a_thousand_speakers_cover_all_skin_tones_and_styles():
    speakers = [Speaker.draw(seed) for seed in range(1000)]
    tones = np.histogram([s.skin.tone for s in speakers], 5, (0, 1))[0]
    assert tones.min() > 120
    assert {s.hair.style for s in speakers} == set(MASCULINE) | set(FEMININE)
    assert 0.2 < np.mean([s.glasses is not None for s in speakers]) < 0.36


@pytest.mark.slow
def test_haar_finds_most_real_heads(shared_data):
    head = load_head(shared_data / "ict_facekit.npz")
    haar = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    found = 0
    for seed in range(12):
        scene = replace(Scene.draw(seed), occluder=None)
        scene = replace(scene, camera=replace(scene.camera, yaw=0.0))
        image = Renderer(head, Speaker.draw(seed), scene, 256, 256).render(performance(), 0)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        found += len(haar.detectMultiScale(grey, 1.08, 3, minSize=(50, 50))) > 0
    assert found >= 9
