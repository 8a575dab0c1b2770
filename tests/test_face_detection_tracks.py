"""Tracks: smoothing, gaps, the choice of the face, and the JSON that a user may edit."""

import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from face_detection import NoFaceError, Track, Tracks
from face_detection.linking import OpenTrack, _assign, link_faces
from face_detection.smoothing import fill_between, smooth_boxes
from face_detection.track_files import read_tracks, to_json
from face_detection.tracks import faceless_spans


def make_track(first: int, last: int, left: float = 10, size: float = 20, **more) -> Track:
    frames = np.arange(first, last + 1)
    box = [left, 5, left + size, 5 + size]
    return Track(
        frames, np.tile(np.array(box, float), (len(frames), 1)), np.ones(len(frames)), **more
    )


def make_tracks(*tracks: Track, count: int = 100, cuts=()) -> Tracks:
    ranked = sorted(tracks, key=lambda track: -track.weight)
    return Tracks(count, 320, 240, 25.0, tuple(cuts), ranked)


def lefts(path: np.ndarray) -> list[float]:
    return np.round(path[:, 0], 3).tolist()


def smooth_slowly(boxes: np.ndarray, width: int) -> np.ndarray:
    """A weighted least-squares line around each frame, by numpy's own fit."""
    half, smoothed = width // 2, np.empty_like(boxes)
    for frame in range(len(boxes)):
        near = np.arange(max(0, frame - half), min(len(boxes), frame + half + 1))
        weights = np.cos(np.pi * (near - frame) / (2 * half + 2))  # polyfit squares them
        for edge in range(4):
            line = np.polyfit(near - frame, boxes[near, edge], 1, w=weights)
            smoothed[frame, edge] = np.polyval(line, 0)
    return smoothed


@pytest.mark.parametrize("count, width", [(40, 9), (40, 4), (3, 9), (5, 2)])
def test_smoothing_equals_a_fitted_line_at_each_frame(count, width):
    boxes = np.random.default_rng(0).normal(50, 5, (count, 4))
    np.testing.assert_allclose(smooth_boxes(boxes, width), smooth_slowly(boxes, width), atol=1e-9)


def test_a_steadily_moving_face_is_not_dragged_even_at_the_ends():
    moving = np.arange(30)[:, None] * np.array([1.0, 2, 1, 2])
    np.testing.assert_allclose(smooth_boxes(moving, 9), moving, atol=1e-9)


def test_smoothing_reads_what_it_does_not_write():
    boxes = np.random.default_rng(0).normal(50, 5, (20, 4))
    before = boxes.copy()
    smooth_boxes(boxes, 9)
    np.testing.assert_array_equal(boxes, before)


def test_frames_between_lie_on_a_line():
    filled = fill_between(np.array([3, 5, 9]), np.array([[0.0] * 4, [2] * 4, [4] * 4]))
    assert lefts(filled) == [0, 1, 2, 2.5, 3, 3.5, 4]


def test_the_path_is_nan_where_the_face_is_away():
    (path,) = make_tracks(make_track(10, 19)).paths(smooth=False)
    assert path.shape == (100, 4)
    assert faceless_spans(path) == [(0, 10), (20, 100)]


def test_gaps_are_filled_unless_asked_not_to():
    rows = [0, 1, 2, 6, 7]
    track = Track(np.array(rows), np.tile([1.0, 1, 9, 9], (5, 1)), np.ones(5), gaps=((3, 6),))
    tracks = make_tracks(track, count=8)
    assert faceless_spans(tracks.paths()[0]) == []
    assert faceless_spans(tracks.paths(fill_gaps=False)[0]) == [(3, 6)]


def test_smoothing_never_crosses_a_cut():
    tracks = make_tracks(make_track(0, 49, left=10), make_track(50, 99, left=200), cuts=[50])
    assert set(lefts(tracks.paths()[0])) == {10.0, 200.0}


def test_the_largest_for_longest_is_chosen_in_each_shot():
    tracks = make_tracks(
        make_track(0, 49, left=10, size=40),
        make_track(0, 49, left=100, size=20),
        make_track(50, 99, left=150, size=20),
        make_track(60, 69, left=200, size=40),
        cuts=[50],
    )
    path = lefts(tracks.paths("largest", smooth=False)[0])
    assert path == [10.0] * 50 + [150.0] * 50


def test_the_next_best_stands_in_while_the_chosen_face_is_away():
    tracks = make_tracks(make_track(0, 59, left=10), make_track(70, 99, left=100))
    path = lefts(tracks.paths(smooth=False)[0])
    assert path[:60] == [10.0] * 60 and path[70:] == [100.0] * 30


def test_a_passer_by_in_the_background_does_not_stand_in():
    tracks = make_tracks(make_track(0, 59, size=40), make_track(70, 99, left=100, size=10))
    assert faceless_spans(tracks.paths()[0]) == [(60, 100)]


def test_left_right_and_number_choose_as_they_say():
    tracks = make_tracks(make_track(0, 99, left=100, size=40), make_track(0, 99, left=10, size=30))
    for select, left in [("leftmost", 10), ("rightmost", 100), ("0", 100), ("1", 10)]:
        (path,) = tracks.paths(select, smooth=False)
        assert set(lefts(path)) == {left}


def test_all_gives_each_face_its_path_and_none_twice():
    tracks = make_tracks(
        make_track(0, 99, left=10, size=40),
        make_track(0, 39, left=100),
        make_track(50, 99, left=200),
        make_track(60, 70, left=250),
    )
    paths = tracks.paths("all", smooth=False)
    boxes_a_frame = sum((~np.isnan(path[:, 0])).astype(int) for path in paths)
    assert len(paths) == 3
    assert boxes_a_frame.sum() == 100 + 40 + 50 + 11


@pytest.mark.parametrize("select", ["biggest", "2", "-1", ""])
def test_an_unknown_choice_is_an_error_that_names_it(select):
    with pytest.raises(ValueError, match=f"face '{select}'"):
        make_tracks(make_track(0, 9), make_track(20, 29)).paths(select)


def test_no_track_at_all_is_an_error_that_says_how_much_was_seen():
    with pytest.raises(NoFaceError, match="100 frames"):
        make_tracks().paths()


def test_json_brings_back_what_was_written(tmp_path):
    tracks = make_tracks(make_track(0, 9, gaps=((2, 3),)), make_track(20, 30, size=50), cuts=[15])
    file = tmp_path / "tracks.json"
    file.write_text(to_json(tracks))
    again = read_tracks(file)
    assert to_json(again) == to_json(tracks)
    assert again.cuts == (15,) and again.tracks[1].gaps == ((2, 3),)
    np.testing.assert_array_equal(again.paths()[0], tracks.paths()[0])


def test_a_user_may_leave_out_rows_and_the_rest_is_interpolated(tmp_path):
    values = json.loads(to_json(make_tracks(make_track(0, 99))))
    values["tracks"][0]["boxes"] = [[0, 0, 0, 10, 10, 1], [99, 99, 0, 109, 10, 1]]
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(values))
    (path,) = read_tracks(file).paths()
    np.testing.assert_allclose(path[:, 0], np.arange(100), atol=1e-6)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("not json", "Expecting value"),
        ("[1]", "no face tracks"),
        ('{"format": "other"}', "'other'"),
        ('{"format": "talkface tracks 1"}', "frame_count"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, text, fault):
    file = tmp_path / "odd.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"odd.json.*{fault}"):
        read_tracks(file)


@pytest.mark.parametrize(
    "number", ["1e999", "Infinity", "NaN", "-1", "1" + "0" * 400, "1e12", "[]"]
)
@pytest.mark.parametrize("field", ["frame_count", "width", "fps", "cut", "edge", "frame", "track"])
def test_numbers_that_are_none_are_refused(tmp_path, field, number):
    if field == "edge" and number == "-1":
        return  # a face may reach over the edge of the picture
    text = to_json(make_tracks(make_track(0, 99), cuts=[50]))
    places = {
        "frame_count": "100", "width": "320", "fps": "25.0", "cut": "50", "edge": "10.00",
        "frame": "0", "track": "0",
    }  # fmt: skip
    before = {"cut": '"cuts": [', "edge": "[99, ", "frame": "[\n   [", "track": '"track": '}
    start = before.get(field, f'"{field}": ')
    assert start + places[field] in text
    file = tmp_path / "odd.json"
    file.write_text(text.replace(start + places[field], start + number, 1))
    with pytest.raises(ValueError, match="odd.json: no face tracks"):
        read_tracks(file)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "\xff", "[]", "7"])
def test_what_is_no_object_is_refused(tmp_path, text):
    file = tmp_path / "odd.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="odd.json: no face tracks"):
        read_tracks(file)


def test_a_track_keeps_its_number_when_others_are_taken_out(tmp_path):
    tracks = make_tracks(*(make_track(0, 99, left=50 * n, size=40 - n) for n in range(3)))
    values = json.loads(to_json(tracks))
    del values["tracks"][0]
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(values))
    again = read_tracks(file)
    assert lefts(again.paths("2")[0])[:2] == [100, 100]
    assert read_tracks_of(to_json(again), file).numbered.keys() == {1, 2}
    with pytest.raises(ValueError, match="'0' is no number of a track; there are 1, 2"):
        again.paths("0")


def read_tracks_of(text, file):
    file.write_text(text)
    return read_tracks(file)


@pytest.mark.parametrize("spoil", [{"track": 1}, {"gaps": [[90, 120]]}, {"gaps": [[-5, 3]]}])
def test_doubled_numbers_and_gaps_outside_are_refused(tmp_path, spoil):
    values = json.loads(to_json(make_tracks(make_track(0, 99), make_track(0, 99, left=90))))
    values["tracks"][0] |= spoil
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="one number|a gap does not lie"):
        read_tracks(file)


@pytest.mark.parametrize(
    "rows, fault",
    [
        ([[5, 0, 0, 9, 9, 1], [4, 0, 0, 9, 9, 1]], "rise"),
        ([[5, 9, 0, 0, 9, 1]], "left over its right"),
        ([[5, 0, 0, 9, 9]], "score"),
        ([[5, 0, 0, None, 9, 1]], "track 0"),
        ([[100, 0, 0, 9, 9, 1]], "frame_count"),
        ([], "track 0"),
    ],
)
def test_a_wrong_edit_is_named(tmp_path, rows, fault):
    values = json.loads(to_json(make_tracks(make_track(0, 99))))
    values["tracks"][0]["boxes"] = rows
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=fault):
        read_tracks(file)


def crossing(frames: int, hidden: range = range(0)) -> dict[int, np.ndarray]:
    """Two faces of one size on their ways past each other; while they meet, one hides the other."""
    faces = {}
    for frame in range(frames):
        left, right = 10 + 4 * frame, 250 - 4 * frame
        rows = [[left, 50, left + 40, 100, 0.9], [right, 52, right + 40, 102, 0.9]]
        if abs(left - right) < 24:
            rows = rows[:1]
        if frame in hidden:
            rows = rows[1:]
        faces[frame] = np.array(rows)
    return faces


def test_people_who_cross_keep_their_tracks():
    tracks = link_faces(crossing(60), [], 25, 60)
    assert len(tracks) == 2
    for track in tracks:
        steps = np.diff(track.boxes[:, 0]) / np.diff(track.frames)
        assert (np.abs(steps) == 4).all() and len(set(np.sign(steps))) == 1


def test_a_face_that_moves_is_followed_through_a_short_absence():
    tracks = link_faces(crossing(25, range(8, 20)), [], 25, 25)
    assert sorted((track.first, track.last) for track in tracks) == [(0, 24), (0, 24)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (3, 4)])
def test_tracks_and_faces_are_paired_for_the_best_in_all(shape):
    """A single track or face takes the short way."""
    score = np.random.default_rng(0).random(shape)
    rows, columns = linear_sum_assignment(score, maximize=True)
    assert _assign(score) == list(zip(rows, columns, strict=True))


def test_a_track_keeps_no_looks_of_the_frames_it_was_seen_in():
    track, found = OpenTrack(), np.zeros((3, 197))
    track.add(0, found[1])
    assert track.faces[0].base is None
