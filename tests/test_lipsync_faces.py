"""lipsync/faces.py: where the face comes from, and what is done where there is none."""

import json

import numpy as np
import pytest

from face_detection import Box, NoFaceError, Pads, find_tracks_in_video
from lipsync.faces import describe_frames, locate_faces
from lipsync.settings import Settings
from lipsync.source import open_source
from tests.lipsync_material import EllipseDetector, make_face_video

GAP = range(12, 16)


@pytest.fixture
def clip(tmp_path):
    return make_face_video(tmp_path / "clip.mkv", frames=60, faceless=GAP)


def locate(clip, detector=None, **settings):
    detector = detector or EllipseDetector()
    settings = {"use_cache": False, "detect_every": 1, "pads": Pads(0, 0, 0, 0)} | settings
    return locate_faces(open_source(clip), Settings(**settings), lambda: detector)


def test_boxes_follow_the_face(clip):
    faces = locate(clip)
    for frame in (0, 30, 59):
        (box,) = faces.at(frame)
        expected = (30 + frame // 8, 20, 67 + frame // 8, 71)
        assert np.abs(np.subtract(box, expected)).max() <= 2


def test_short_gaps_are_interpolated_and_named(clip):
    faces = locate(clip)
    assert all(faces.at(frame) for frame in range(60))
    assert [frame for frame in range(60) if faces.is_filled(frame)] == list(GAP)


def test_keep_leaves_gaps_alone(clip):
    faces = locate(clip, no_face="keep")
    assert [frame for frame in range(60) if not faces.at(frame)] == list(GAP)
    assert not faces.is_filled(20)


def test_error_names_frames_and_time(clip):
    with pytest.raises(NoFaceError, match=r"no face in 4 of 60 frames \(0\.5-0\.6 s\)"):
        locate(clip, no_face="error")


def test_no_face_at_all_names_the_count_and_the_way_out(tmp_path):
    clip = make_face_video(tmp_path / "empty.mkv", frames=20, faceless=range(20))
    with pytest.raises(NoFaceError, match=r"any of 20 frames looked at; .*--box") as error:
        locate(clip)
    assert str(clip) in str(error.value)


def test_a_given_box_needs_no_detector_and_no_pads(clip):
    detector = EllipseDetector()
    faces = locate(clip, detector, box=Box(10, 20, 50, 60), pads=Pads(5, 5, 5, 5))
    assert faces.at(0) == faces.at(59) == [Box(10, 20, 50, 60)]
    assert detector.looked == 0


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"box": Box(10, 20, 97, 60)}, "box 20 60 10 97 .* not lie inside the picture of 96x80"),
        ({"box": Box(10, 60, 50, 20)}, "does not lie inside|not lie inside"),
        ({"pads": Pads(80, 0, 0, 0)}, "pads 80 0 0 0 .* larger than the picture of 96x80"),
        ({"pads": Pads(-40, -40, 0, 0)}, "leaves nothing of a 96x80 picture"),
        ({"face_select": "7"}, "no number of a track"),
        ({"face_select": "prettiest"}, "prettiest"),
    ],
)
def test_wrong_places_are_refused(clip, wrong, words):
    with pytest.raises(ValueError, match=words):
        locate(clip, **wrong)


def test_tracks_are_written_edited_and_read(clip, tmp_path):
    file = tmp_path / "new folder" / "faces.json"
    locate(clip, boxes=file)
    values = json.loads(file.read_text())
    values["tracks"][0]["boxes"] = [[0, 5, 6, 45, 66, 1.0], [59, 5, 6, 45, 66, 1.0]]
    file.write_text(json.dumps(values))
    detector = EllipseDetector()
    faces = locate(clip, detector, boxes=file)
    assert faces.at(33) == [Box(5, 6, 45, 66)]
    assert detector.looked == 0


def test_tracks_of_another_size_are_refused(clip, tmp_path):
    file = tmp_path / "faces.json"
    locate(clip, boxes=file)
    file.write_text(file.read_text().replace('"width": 96', '"width": 64'))
    with pytest.raises(ValueError, match="made for frames of 64x80, .* has 96x80"):
        locate(clip, boxes=file)


@pytest.mark.parametrize(
    "other, words",
    [({"start": 0.4}, "start"), ({"end": 1.0}, "end"), ({"static": True}, "static"),
     ({"crop": (0, 78, 0, -1)}, "made for frames"), ({"path": "other.mkv"}, "content")],
)  # fmt: skip
def test_boxes_belong_to_their_pictures(clip, tmp_path, other, words):
    file = tmp_path / "faces.json"
    locate(clip, boxes=file)
    path = other.pop("path", clip)
    if path != clip:
        path = make_face_video(tmp_path / path, frames=61)
    source, settings = open_source(path, **other), Settings(boxes=file)
    with pytest.raises(ValueError, match=f"faces.json was .*{words}"):
        locate_faces(source, settings, EllipseDetector)
    values = json.loads(file.read_text())
    del values["made_for"]
    file.write_text(json.dumps(values))
    if "crop" not in other:
        assert locate_faces(source, settings, EllipseDetector).at(3)


def test_cache_is_kept_by_content_and_settings(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    detector = EllipseDetector()

    def looks(**settings):
        before = detector.looked
        source = open_source(settings.pop("path", clip), **settings)
        locate_faces(source, Settings(detect_every=1), lambda: detector)
        return detector.looked - before

    assert looks() > 0
    assert looks() == 0
    renamed = clip.with_name("renamed.mkv")
    renamed.write_bytes(clip.read_bytes())
    assert looks(path=renamed) == 0
    assert looks(resize_factor=2) > 0 and looks(end=1.0) > 0 and looks(crop=(0, 78, 0, -1)) > 0


@pytest.mark.parametrize("part", [{}, {"start": 0.4, "end": 1.2}])
def test_a_video_that_was_scored_is_not_searched_again(clip, tmp_path, monkeypatch, part):
    """Evaluation searches whole frames at the video's own rate; so does this."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = find_tracks_in_video(clip, EllipseDetector(), **part)
    detector = EllipseDetector()
    source, settings = open_source(clip, **part), Settings(pads=Pads(0, 0, 0, 0))
    faces = locate_faces(source, settings, lambda: detector)
    assert detector.looked == 0
    np.testing.assert_array_equal(faces.paths[0], found.paths()[0])


def test_spans_for_people():
    assert describe_frames([0, 1, 2, 50, 51, 99], 25) == "0.0-0.1, 2.0-2.1, 4.0-4.0 s"
    assert describe_frames(range(0, 300, 30), 30).endswith("and 5 more")
