"""Several people in one video: who speaks when, and a sound for each of them."""

import json

import numpy as np
import pytest

from jobs.arguments import build_parser
from lipsync import Settings, turns
from lipsync.plan import make_plan
from lipsync.render import render
from lipsync.turns import Turn, weights_of
from synchrony.shifts import MAX_SHIFT
from tests import talking_ellipse
from tests.film_of_ellipses import SIZE, PaneDetector, faces_of, write_film
from tests.lipsync_material import backend, make_sound, shown
from video import read_frames

FRAMES = 150
LEFT, RIGHT = slice(0, SIZE), slice(SIZE, 2 * SIZE)


@pytest.fixture
def film(tmp_path, monkeypatch):
    """The left one speaks in the first half, the right one in the second; both always move."""
    monkeypatch.setattr("synchrony.expert.read_expert", lambda *_: talking_ellipse.expert())
    left, right = (talking_ellipse.openings(FRAMES, seed=seed) for seed in (1, 2))
    heard = np.concatenate([left[: FRAMES // 2], right[FRAMES // 2 :]])
    panes = [faces_of(left), faces_of(right)]
    return write_film(tmp_path / "film.mkv", panes, talking_ellipse.voice(heard))


def plan_of(film, sound, **settings):
    settings = {"use_cache": False, "blend": "none", "length": "video"} | settings
    return make_plan(film, sound, Settings(**settings), backend(batch_size=8), PaneDetector)


def changed(film, plan):
    """Whether the left and the right pane of each frame were made anew. (frames, 2)"""
    made = shown(render(plan, backend(batch_size=8)))
    differ = [
        np.abs(one.astype(int) - other) for one, other in zip(made, read_frames(film), strict=False)
    ]
    return np.array([[d[50:, part].mean() > 5 for part in (LEFT, RIGHT)] for d in differ])


def test_only_whoever_speaks_gets_the_new_mouth(film, tmp_path):
    sound = make_sound(tmp_path / "new.wav", 6)
    made = changed(film, plan_of(film, sound, speakers="auto"))
    assert not (made[:, 0] & made[:, 1]).any()
    assert made[5:60, 0].all()
    assert made[90:145, 1].all()


def test_a_take_with_an_offset_of_its_own_is_not_taken_for_a_listener():
    def scores(offset: int, begin: int) -> turns.Scores:
        by_shift = np.random.default_rng(begin).uniform(0.1, 0.5, (35, 2 * MAX_SHIFT + 1))
        by_shift[:, MAX_SHIFT - offset] += 0.4
        return begin + 2 * np.arange(35), by_shift

    of_film = {0: scores(-2, 0), 1: scores(6, 75)}
    speaks = [
        list(turns._turns_of_shot([number], of_film, (75 * number, 75 * number + 75), -2))
        for number in of_film
    ]
    assert [len(turn) for turn in speaks] == [1, 1]
    noise = {0: (2 * np.arange(35), np.random.default_rng(5).uniform(0.1, 0.5, (35, 31)))}
    assert not list(turns._turns_of_shot([0], noise, (0, 75), -2))


def test_turns_are_written_edited_and_read(film, tmp_path):
    sound, file = make_sound(tmp_path / "new.wav", 6), tmp_path / "turns.json"
    plan_of(film, sound, speakers=str(file))
    told = json.loads(file.read_text())["turns"]
    assert [turn["track"] for turn in told][0] != [turn["track"] for turn in told][-1]
    whole = [{"begin": 2.0, "end": 3.0, "track": told[0]["track"]}]
    file.write_text(json.dumps({"format": turns.FORMAT, "turns": whole}))
    made = changed(film, plan_of(film, sound, speakers=str(file)))
    assert made[55:70].any(axis=1).all()
    assert not made[:48].any() and not made[78:].any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "format"),
        ("no json", "turns.json"),
        ('{"format": "talkface turns 1", "turns": [{"begin": 0, "end": 1, "track": 9}]}', "9"),
        ('{"format": "talkface turns 1", "turns": [{"begin": 2, "end": 1, "track": 0}]}', "rise"),
        ('{"format": "talkface turns 1", "turns": [{"begin": 0, "end": 1}]}', "track"),
    ],
)
def test_a_file_of_turns_that_is_wrong_is_named(film, tmp_path, text, words):
    file = tmp_path / "turns.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        plan_of(film, make_sound(tmp_path / "new.wav", 1), speakers=str(file))


def test_each_of_two_people_is_given_their_own_sound(film, tmp_path):
    sounds = [make_sound(tmp_path / "a.wav", 1, "sine=300"), make_sound(tmp_path / "b.wav", 2)]
    plan = plan_of(film, sounds, face_select=("leftmost", "rightmost"), length="audio")
    assert plan.frame_count == 50
    first, second = (plan.heard(10, place) for place in plan.places(10, 10))
    assert np.array_equal(first, plan.voices[0].speech.heard(10))
    assert np.array_equal(second, plan.voices[1].speech.heard(10))
    assert plan.sound.is_file()
    assert list(plan.audios) == sounds


def test_as_many_sounds_as_faces_are_wanted(film, tmp_path):
    sounds = [make_sound(tmp_path / name, 1) for name in ("a.wav", "b.wav")]
    with pytest.raises(ValueError, match="each face wants its sound"):
        plan_of(film, sounds)


def test_a_video_without_sound_says_what_to_do(film, tmp_path):
    silent = tmp_path / "silent.mkv"
    from video import VideoWriter

    with VideoWriter(silent, SIZE, SIZE, 25) as writer:
        for face in faces_of(np.full(10, 0.5)):
            writer.write(face)
    with pytest.raises(ValueError, match="--speakers FILE.json"):
        plan_of(silent, make_sound(tmp_path / "new.wav", 1), speakers="auto")


def test_weights_fade_within_the_turn():
    weights = weights_of([Turn(1.0, 2.0, 3)], 3, 75, 25)
    assert weights[:25].max() == 0 and weights[50:].max() == 0
    assert weights[30:45].min() == 1
    assert 0 < weights[25] < weights[26] < 1
    assert weights_of([Turn(1.0, 2.0, 3)], 4, 75, 25).max() == 0


def test_flags_of_one_and_of_several(tmp_path):
    parse = build_parser().parse_args
    assert parse(["--audio", "a.wav"]).audio == "a.wav"
    several = parse(["--audio", "a.wav", "b.wav", "--face_select", "1", "2"])
    assert several.audio == ["a.wav", "b.wav"]
    assert several.face_select == ["1", "2"]
