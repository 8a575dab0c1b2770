"""The search: which frames are looked at, how looks become tracks, cuts, and the cache."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import video
from face_detection import Detector, Tracks, cached_tracks, find_tracks, find_tracks_in_video
from face_detection import search as search_module
from face_detection.cache import cache_folder
from face_detection.cuts import CutFinder
from face_detection.linking import link_faces
from face_detection.smoothing import fill_between
from face_detection.track_files import to_json
from face_detection.tracks import faceless_spans

NOTHING = np.zeros((0, 5))


class ScriptedDetector:
    """Gives the faces that a script says, by the number that frames() painted into each."""

    settings = {"detector": "scripted"}

    def __init__(self, script):
        self.script = script
        self.looks: list[int] = []

    def detect(self, images):
        numbers = [int(image[0, 0, 0]) + 256 * int(image[0, 0, 1]) for image in images]
        self.looks += numbers
        return [np.array(self.script(number), float).reshape(-1, 5) for number in numbers]


def frames(count: int, grey=lambda frame: 0):
    for number in range(count):
        image = np.full((60, 80, 3), grey(number), np.uint8)
        image[0, 0] = number % 256, number // 256, 0
        yield image


def face(left: float, top: float = 10, size: float = 30, score: float = 0.9) -> list[float]:
    return [left, top, left + size, top + size, score]


def filled(tracks: Tracks, number: int = 0) -> np.ndarray:
    track = tracks.tracks[number]
    return fill_between(track.frames, track.boxes)


def test_a_steady_face_is_looked_at_every_few_frames():
    detector = ScriptedDetector(lambda frame: [face(20)])
    tracks = find_tracks(frames(150), detector, fps=25, detect_every=5)
    assert len(detector.looks) <= 150 / 5 + 150 / 64 + 2
    assert len(detector.looks) == len(set(detector.looks))
    assert tracks.frame_count == 150 and len(tracks.tracks) == 1
    np.testing.assert_allclose(filled(tracks)[:, 0], np.full(150, 20))


def test_a_sudden_move_is_looked_at_until_its_frame_is_known():
    detector = ScriptedDetector(lambda frame: [face(20 if frame < 73 else 32)])
    tracks = find_tracks(frames(150), detector, fps=25, detect_every=8)
    expected = np.where(np.arange(150) < 73, 20, 32)
    np.testing.assert_array_equal(filled(tracks)[:, 0], expected)
    assert {72, 73} <= set(detector.looks)


def test_the_frames_in_which_a_face_comes_and_goes_are_exact():
    detector = ScriptedDetector(lambda frame: [face(20)] if 31 <= frame < 118 else [])
    tracks = find_tracks(frames(150), detector, fps=25, detect_every=10)
    assert faceless_spans(tracks.paths()[0]) == [(0, 31), (118, 150)]


@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 64, 65, 129])
def test_any_length_is_covered_to_its_last_frame(every, count):
    detector = ScriptedDetector(lambda frame: [face(20 + frame / 10)])
    tracks = find_tracks(frames(count), detector, fps=25, detect_every=every)
    np.testing.assert_allclose(filled(tracks)[:, 0], 20 + np.arange(count) / 10, atol=1e-6)


def test_no_frames_give_no_tracks():
    tracks = find_tracks(iter(()), ScriptedDetector(lambda frame: []), fps=25)
    assert (tracks.frame_count, tracks.tracks) == (0, [])


def test_a_short_gap_is_bridged_and_a_long_one_ends_the_track():
    def script(frame):
        return [] if 20 <= frame < 30 or 60 <= frame < 100 else [face(20)]

    tracks = find_tracks(frames(150), ScriptedDetector(script), fps=25)
    spans = sorted((track.first, track.last, track.gaps) for track in tracks.tracks)
    assert spans == [(0, 59, ((20, 30),)), (100, 149, ())]


def test_faint_faces_go_on_with_a_track_but_begin_none():
    def script(frame):
        return [face(20, score=0.3 if 40 <= frame < 60 else 0.9), face(45, score=0.3)]

    tracks = find_tracks(frames(100), ScriptedDetector(script), fps=25)
    assert [(t.first, t.last, t.gaps) for t in tracks.tracks] == [(0, 99, ())]


def test_flashes_of_a_face_are_false_alarms():
    def script(frame):
        return [face(20)] + ([face(45)] if frame in (30, 31) else [])

    tracks = find_tracks(frames(100), ScriptedDetector(script), fps=25, detect_every=1)
    assert len(tracks.tracks) == 1


def test_a_still_has_its_face_though_it_is_short():
    tracks = find_tracks(frames(1), ScriptedDetector(lambda frame: [face(20)]), fps=25)
    assert len(tracks.tracks) == 1


def test_two_faces_that_pass_near_each_other_keep_their_tracks():
    def script(frame):
        return [face(5 + frame * 0.25, 5, 20), face(55 - frame * 0.25, 30, 20)]

    tracks = find_tracks(frames(150), ScriptedDetector(script), fps=25)
    assert len(tracks.tracks) == 2
    for number in (0, 1):
        moved = np.diff(filled(tracks, number)[:, 0])
        assert np.ptp(moved) < 0.01


def test_no_track_goes_on_past_a_cut():
    def grey(frame):
        return 20 if frame < 45 else 160

    detector = ScriptedDetector(lambda frame: [face(20)])
    tracks = find_tracks(frames(100, grey), detector, fps=25, detect_every=10)
    assert tracks.cuts == (45,)
    assert sorted((track.first, track.last) for track in tracks.tracks) == [(0, 44), (45, 99)]


def test_slow_changes_and_moving_pictures_are_no_cuts():
    random = np.random.default_rng(0)
    wide = cv2.resize(random.integers(0, 255, (6, 40, 3), np.uint8), (800, 120))
    finder = CutFinder()
    panned = [wide[:, shift : shift + 160] for shift in range(0, 600, 6)]
    faded = [np.full((90, 160, 3), grey, np.uint8) for grey in range(0, 250, 5)]
    assert not any(finder.is_cut(image) for image in panned)
    finder = CutFinder()
    assert not any(finder.is_cut(image) for image in faded)


def test_boxes_are_in_pixels_of_the_full_size_picture():
    class WholePicture:
        settings = {}

        def detect(self, images):
            assert {image.shape[:2] for image in images} == {(360, 640)}
            return [np.array([[0, 0, 640, 360, 0.9]]) for _ in images]

    large = (np.zeros((1080, 1920, 3), np.uint8) for _ in range(10))
    tracks = find_tracks(large, WholePicture(), fps=25)
    assert (tracks.width, tracks.height) == (1920, 1080)
    np.testing.assert_allclose(tracks.tracks[0].boxes[0], [0, 0, 1920, 1080])


def test_linking_equals_itself_whatever_the_order_of_detections():
    random = np.random.default_rng(0)
    faces = {
        frame: random.permutation([face(5 + frame / 10), face(45), face(25, 30, 20)])
        for frame in range(60)
    }
    sorted_faces = {frame: found[np.argsort(found[:, 0])] for frame, found in faces.items()}
    one, other = (link_faces(these, [], 25, 60) for these in (faces, sorted_faces))
    assert len(one) == len(other) == 3
    for track, twin in zip(one, other, strict=True):
        np.testing.assert_array_equal(track.boxes, twin.boxes)


def test_detect_every_must_be_positive():
    with pytest.raises(ValueError, match="detect_every.*0"):
        find_tracks(frames(3), ScriptedDetector(lambda frame: []), fps=25, detect_every=0)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    with video.VideoWriter(path, 80, 60, 25) as writer:
        for image in frames(30):
            writer.write(image)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


class CountingDetector:
    settings = {"detector": "counting"}

    def __init__(self):
        self.looks = 0

    def detect(self, images):
        self.looks += len(images)
        return [np.array([face(20 + len(images) / 7)]) for _ in images]


def test_a_video_is_searched_once(clip, cache):
    detector: Detector = CountingDetector()
    first = find_tracks_in_video(clip, detector)
    looks = detector.looks
    again = find_tracks_in_video(clip, detector)
    assert looks > 0 and detector.looks == looks
    np.testing.assert_array_equal(again.paths()[0], first.paths()[0])
    assert to_json(again) == to_json(first)


def test_it_is_searched_anew_when_anything_differs(clip, cache):
    detector = CountingDetector()
    for settings in [{}, {"fps": 10}, {"detect_every": 2}, {"end": 0.5}, {"use_cache": False}]:
        before = detector.looks
        find_tracks_in_video(clip, detector, **settings)
        assert detector.looks > before, settings
    before = detector.looks
    clip.write_bytes(clip.read_bytes() + b"\0")
    find_tracks_in_video(clip, detector)
    assert detector.looks > before


def test_the_cache_knows_a_file_by_its_content_alone(clip, cache, tmp_path):
    detector = CountingDetector()
    find_tracks_in_video(clip, detector)
    looks = detector.looks
    find_tracks_in_video(clip.rename(tmp_path / "other name.mp4"), detector)
    assert detector.looks == looks


def test_a_spoilt_cache_entry_is_replaced(clip, cache, caplog):
    detector = CountingDetector()
    expected = to_json(find_tracks_in_video(clip, detector))
    (entry,) = cache.glob("*.json")
    entry.write_text("{ half a fi")
    assert to_json(find_tracks_in_video(clip, detector)) == expected
    assert str(entry) in caplog.text and entry.read_text() == expected


def test_a_cache_that_cannot_be_written_stops_nothing(clip, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = cached_tracks([clip], {}, lambda: Tracks(3, 80, 60, 25.0))
    assert found.frame_count == 3 and "could not be cached" in caplog.text


def test_sound_alone_is_no_video(tmp_path, monkeypatch):
    monkeypatch.setattr(
        search_module.video, "probe", lambda path: video.MediaInfo(path, kind="sound")
    )
    with pytest.raises(video.MediaError, match="no pictures"):
        find_tracks_in_video(tmp_path / "speech.wav", CountingDetector())


def test_a_cache_entry_that_may_not_be_read_is_sought_anew(clip, cache, caplog, monkeypatch):
    expected = to_json(find_tracks_in_video(clip, CountingDetector()))
    (entry,) = cache.glob("*.json")
    entry.unlink()
    entry.mkdir()  # root may read all files, but not a folder as one
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    assert to_json(find_tracks_in_video(clip, CountingDetector())) == expected
    assert "faces are detected anew" in caplog.text


def test_a_user_without_a_home_has_no_cache(clip, caplog, monkeypatch):
    """As in a container with --user, where the system does not know the number."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert find_tracks_in_video(clip, CountingDetector()).tracks
    assert "not cached" in caplog.text
