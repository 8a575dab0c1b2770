"""Methods of other shapes go through inference.py as they are: lipsync/ names none."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from face_detection import Box
from lipsync import contact_sheet, stages
from lipsync.render import Tally, render
from lipsync.sound import Speech
from models.generator import Hearing, Place
from tests.lipsync_material import (
    backend,
    face_frame,
    looks_only_into_its_region,
    make_sound,
    shown,
)
from tests.toy_methods import BURST, EllipseWatcher, MovedPixels, WholeFace, infer, planned
from video import read_frames

BOX = Box(30, 20, 66, 70)


def test_a_whole_face_by_whole_sentence_goes_through_inference(toy_folder):
    assert infer(WholeFace(), "--box", 20, 70, 30, 66, "--precision", "fp32") == 0
    made, given = list(read_frames("o.mkv")), list(read_frames("face.mkv"))
    assert len(made) == 50
    loud = [int(frame[45, 50, 1]) for frame in made]
    assert max(loud[:15] + loud[36:]) <= 2 and min(loud[20:30]) > 120
    for frame, before in zip(made, given, strict=True):
        reference = before[20:70, 30:66].mean()
        assert frame[20:70, 30:66, 0].mean() == pytest.approx(reference, abs=2)
        assert (np.ptp(frame[20:70, 30:66].reshape(-1, 3), axis=0) == 0).all()  # all of the box
        frame[20:70, 30:66] = before[20:70, 30:66]
        assert np.array_equal(frame, before)


def test_a_window_of_another_feature_goes_through_the_same_way(toy_folder):
    plan, runs = planned(WholeFace("mfcc12x35"), box=BOX)
    assert plan.speech.heard(30).shape == (12, 35)
    assert sum(1 for _ in render(plan, runs)) == 50


def test_a_frames_own_pixels_are_moved_where_the_watcher_saw_the_face(toy_folder):
    plan, runs = planned(MovedPixels(), smooth=False)
    frames = list(shown(render(plan, runs)))
    for number in (0, 37, 49):
        x, y, side = plan.watched[0].notes[number]
        shift = side / 4
        assert x == pytest.approx(48 + number // 8, abs=0.6)
        given = face_frame(number)
        rows = slice(round(y - side / 4), round(y + side / 4))
        middle = np.arange(round(x - side / 5), round(x + side / 5))
        expected = cv2.remap(
            given,
            *np.meshgrid(
                np.float32(middle - shift), np.arange(rows.start, rows.stop, dtype=np.float32)
            ),
            cv2.INTER_CUBIC,
        )
        found = frames[number][rows, middle[0] : middle[-1] + 1].astype(int)
        assert np.abs(found - expected).mean() < 3
        assert np.abs(given[rows, middle].astype(int) - expected).mean() > 10
        far = np.abs(np.arange(given.shape[1]) - x) > side / 2 + 1
        assert np.abs(frames[number][:, far].astype(int) - given[:, far]).mean() < 1


def test_moved_pixels_go_through_inference_with_preview_and_sheet(toy_folder, capsys):
    box = ("--box", 20, 70, 30, 66)
    assert infer(MovedPixels(), *box, "--sheet") == 0
    lines = -(-50 // contact_sheet.COLUMNS)
    assert len(cv2.imread("o.png")) == lines * (3 * contact_sheet.FACE_HEIGHT + 6)
    assert infer(MovedPixels(), *box, "--preview", 1) == 0
    assert Path("o.png").exists()
    assert infer(MovedPixels(), *box, "--legacy_timing") == 1
    assert "hears windows of the sound" in capsys.readouterr().err


def test_doubt_keeps_the_given_frame_and_is_told(toy_folder):
    plan, runs = planned(MovedPixels(), options={"doubt_from": 30, "doubt_to": 40})
    tally = Tally()
    frames, given = list(shown(render(plan, runs, tally))), list(read_frames("face.mkv"))
    kept = [n for n in range(50) if np.array_equal(frames[n], given[n])]
    assert kept == tally.doubtful == list(range(30, 40))


def test_options_are_the_methods_own(toy_folder):
    plan, runs = planned(MovedPixels(), options={"amount": 0.0})
    given = list(read_frames("face.mkv"))
    for frame, before in zip(shown(render(plan, runs)), given, strict=True):
        assert np.abs(frame.astype(int) - before).max() <= 1
    with pytest.raises(ValueError, match="no option 'amuont'; it has: doubt_from, .*amount"):
        planned(MovedPixels(), options={"amuont": 0.0})
    with pytest.raises(ValueError, match="it has: none"):
        planned(WholeFace(), options={"amount": 0.0})


def test_no_more_is_looked_at_than_will_be_shown_nor_much_at_a_time(toy_folder, monkeypatch):
    watchers = []
    monkeypatch.setattr(
        MovedPixels,
        "watch",
        lambda self, video: watchers.append(EllipseWatcher(video)) or watchers[-1],
    )
    make_sound(toy_folder / "speech.wav", 1.6, BURST)
    planned(MovedPixels())
    assert sorted(watchers[0].rows) == list(range(40)) and watchers[0].most_at_once == 16
    planned(MovedPixels(), static=True)
    assert sorted(watchers[1].rows) == [0]
    monkeypatch.setitem(stages.BYTES_ON_THE_WAY, "cpu", 5 * 3 * 96 * 80 * 3)  # three batches of 5
    planned(MovedPixels())
    assert len(watchers[2].rows) == 40 and watchers[2].most_at_once == 5


def test_a_look_that_does_not_fit_into_memory_is_halved(toy_folder, monkeypatch):
    see = EllipseWatcher.see

    def hungry(self, numbers, frames, boxes):
        if len(frames) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        see(self, numbers, frames, boxes)

    monkeypatch.setattr(EllipseWatcher, "see", hungry)
    plan, runs = planned(MovedPixels())
    assert runs.batch_size == 4 and len(plan.watched[0].notes) == 50


def test_speech_heard_whole_is_asked_for_the_middles_of_frames():
    asked = []

    def encode(values, seconds):
        asked.append((values.shape, seconds))
        return np.arange(len(seconds), dtype=np.float32)[:, None]

    speech = Speech(np.zeros(16000, np.float32), Fraction(50), Hearing("mel"), offset_seconds=0.1)
    speech.encode(encode, 60)
    ((shape, seconds),) = asked
    assert shape == (80, 81) and len(seconds) == 60
    assert seconds[[0, 25]] == pytest.approx([-0.09, 0.41])
    assert speech.heard(30) == 30 and speech.heard(99) == 59
    with pytest.raises(
        ValueError, match="nothing that can be heard is called 'moo'; there are mel80x16"
    ):
        Speech(np.zeros(9, np.float32), Fraction(25), Hearing("moo"))


def test_methods_of_windows_encode_no_speech():
    with pytest.raises(TypeError, match="MaskedFace hears windows"):
        backend().encode_speech(np.zeros((80, 10), np.float32), np.zeros(3))


def test_half_of_a_face_is_painted_from_its_box_alone():
    heard = np.zeros((80, 16), np.float32)
    place = Place(BOX, blend="feather")
    assert looks_only_into_its_region(backend().generator, face_frame(0), place, heard)
