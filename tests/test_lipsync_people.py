"""lipsync/people.py, LipSync.hear, and how a run is ended from outside."""

import numpy as np
import pytest

from lipsync import LipSync
from lipsync.people import find_people
from lipsync.settings import Settings
from lipsync.source import open_source
from models.lip_motion import NAMES
from tests.lipsync_material import (
    FACE,
    EllipseDetector,
    make_face_video,
    make_sound,
    save_tiny_generator,
)
from tests.toy_methods import BURST, MovedPixels, save_toy


class EndedError(Exception):
    """As a page raises it when its user presses cancel."""


def people_in(path, detector=None, **settings):
    chosen = Settings(use_cache=False, **settings)
    return find_people(open_source(path), chosen, detector or EllipseDetector)


def test_a_face_is_shown_with_its_number_and_its_time(tmp_path):
    (person,) = people_in(make_face_video(tmp_path / "clip.mkv", frames=30))
    assert person.number == 0
    assert (person.first_second, person.last_second) == (0.0, pytest.approx(1.2))
    height, width = person.picture.shape[:2]
    assert FACE[3] - FACE[1] <= height <= 80 and FACE[2] - FACE[0] <= width <= 96
    centre = person.picture[height // 2, width // 2].astype(int)
    assert np.abs(centre - (140, 170, 220)).max() < 25  # the face's own colour


def test_who_is_not_there_is_no_error(tmp_path):
    assert people_in(make_face_video(tmp_path / "c.mkv", frames=8, faceless=range(8))) == []


@pytest.mark.parametrize("stage", ["faces", "looks", "frames"])
def test_progress_may_end_a_run_at_any_stage_and_nothing_is_left(toy_folder, stage):
    maker = LipSync(save_toy(toy_folder / "toy.pth", MovedPixels()))
    maker._detector = EllipseDetector()
    seen = []

    def end(at: str, done: int, total: int | None) -> None:
        seen.append(at)
        if at == stage:
            raise EndedError

    before = set(toy_folder.iterdir())
    with pytest.raises(EndedError):
        maker.run("face.mkv", "speech.wav", "out.mp4", Settings(use_cache=False), end)
    assert seen[-1] == stage
    assert set(toy_folder.iterdir()) == before


def test_what_is_heard_is_lip_motion_at_its_own_rate(toy_folder):
    maker = LipSync(save_toy(toy_folder / "toy.pth", MovedPixels()))
    motion = maker.hear("speech.wav")
    assert motion.values.shape == (50, len(NAMES))
    make_sound(toy_folder / "short.wav", 0.5, BURST)
    assert len(maker.hear("short.wav")) in (12, 13)


def test_a_method_that_hears_for_itself_has_no_lip_motion(tmp_path):
    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"))
    with pytest.raises(ValueError, match="hears its speech itself"):
        maker.hear(make_sound(tmp_path / "a.wav"))
