"""inference.py with an expert: what is printed, and --auto_offset."""

import numpy as np
import pytest

import evaluation
import inference
import lipsync.pipeline
from audio import load_wav
from evaluation.around_inference import at_frame_rate, similarity_of_given
from evaluation.metrics.faces import at_rate
from lipsync import Settings
from lipsync.plan import Given, make_plan
from lipsync.render import open_writer
from models.checkpoint import save_weights
from models.pretrained import EXPERT
from models.talkface import TalkFace
from tests.lipsync_material import backend
from tests.talking_ellipse import FixedBox, expert, openings, voice, write_sound, write_video


@pytest.fixture(autouse=True)
def _own_cache_detector_and_expert(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lipsync.pipeline, "make_detector", lambda *args, **kwargs: FixedBox())
    monkeypatch.setattr(evaluation, "read_expert", lambda path, device: expert())


@pytest.fixture
def early_by_4(tmp_path):
    """A video, and its sound with the first four frames' worth cut off."""
    opened = openings(100)
    face = write_video(tmp_path / "face.mp4", opened, None)
    return face, write_sound(tmp_path / "early.wav", voice(opened)[4 * 640 :])


def plan_of(face, sound, delay=0.0, **settings):
    chosen = Settings(**settings)
    return make_plan(face, sound, chosen, backend(), FixedBox, measure_delay=lambda given: delay)


def similarity_of_plan(plan):
    return similarity_of_given(
        Given(plan.source, plan.faces, plan.sound, plan.sound_span), expert()
    )


def test_the_given_face_is_judged_as_the_plan_cuts_it(early_by_4):
    found = similarity_of_plan(plan_of(*early_by_4))
    assert found.trusted_offset == 4
    begun_later = similarity_of_plan(plan_of(*early_by_4, start=0.16))
    assert begun_later.best_offset == 0
    assert begun_later.describe().mean > 0.8


@pytest.mark.parametrize("frames", [4, -3])
def test_shifted_sound_begins_with_the_video(early_by_4, frames):
    """With silence, or without its first moments."""
    plan, moved = plan_of(*early_by_4), plan_of(*early_by_4, delay=frames / 25)
    assert similarity_of_plan(moved).best_offset == 4 - frames
    assert moved.speech.seconds - plan.speech.seconds == pytest.approx(frames / 25, abs=1e-3)


@pytest.mark.parametrize("frames", [4, -3])
def test_a_part_of_the_videos_own_sound_is_shifted_whole(tmp_path, frames):
    """What lies before the part, or after it, is heard in place of silence, or of nothing."""
    opened = openings(100)
    sound = write_sound(tmp_path / "voice.wav", voice(opened))
    face = write_video(tmp_path / "face.mkv", opened, sound)
    moved = plan_of(face, face, delay=frames / 25, start=0.8, end=3.2)
    assert moved.speech.seconds == pytest.approx(2.4)
    assert similarity_of_plan(moved).best_offset == -frames
    made = tmp_path / "part.mkv"
    with open_writer(made, moved) as writer:
        for frame in moved.source.native_frames(0, 60):
            writer.write(frame)
    heard, given = load_wav(made, 16000), load_wav(face, 16000)
    begin = round((0.8 - frames / 25) * 16000)
    expected = given[begin : begin + 38400]
    assert len(heard) == pytest.approx(len(expected), abs=1100)
    shared = min(len(heard), len(expected))
    assert np.corrcoef(heard[:shared], expected[:shared])[0, 1] > 0.95


@pytest.mark.parametrize(("fps", "wanted"), [(25, 25), (50, 25), (30, 25), (12.5, 25), (25, 30)])
def test_a_stream_at_another_rate_is_the_one_of_the_boxes(fps, wanted):
    items = list(range(100))
    found = list(at_frame_rate(items, fps, wanted))
    expected = list(at_rate(np.array(items), fps, wanted))
    assert abs(len(found) - len(expected)) <= 1
    shared = min(len(found), len(expected))
    assert found[:shared] == expected[:shared]


def infer(tmp_path, face, sound, *flags: str, expert: tuple = ("expert.pth",)) -> int:
    hparams = {"img_height": 32, "img_width": 32, "multiplier": 0.0625}
    save_weights(tmp_path / "tiny.safetensors", TalkFace(32, 32, 0.0625), hparams)
    return inference.main([
        "--checkpoint_path", str(tmp_path / "tiny.safetensors"), "--face", str(face),
        "--audio", str(sound), "--outfile", str(tmp_path / "out.mp4"), "--device", "cpu",
        *(f"--syncnet_checkpoint_path={path}" for path in expert), *flags,
    ])  # fmt: skip


def test_the_score_is_printed_before_and_after_and_the_path_comes_last(
    early_by_4, tmp_path, capsys
):
    assert infer(tmp_path, *early_by_4) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("best shift" in line for line in lines) == 2
    assert not any("DescribeResult" in line for line in lines)
    assert any(line.startswith("best shift +4 frames") for line in lines)
    assert lines[-1] == str(tmp_path / "out.mp4")
    assert len(load_wav(lines[-1], 16000)) == pytest.approx(96 * 640, abs=1100)


def test_auto_offset_shifts_the_sound_that_is_heard(early_by_4, tmp_path):
    assert infer(tmp_path, *early_by_4, "--auto_offset") == 0
    shifted = load_wav(tmp_path / "out.mp4", 16000)
    assert len(shifted) == pytest.approx(100 * 640, abs=1100)
    assert abs(shifted[: 3 * 640]).max() < 0.02


@pytest.mark.parametrize("flag", ["--score", "--auto_offset"])
def test_without_a_named_expert_the_repositorys_own_scores(flag, early_by_4, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        evaluation, "read_expert", lambda path, device: asked.append(path) or expert()
    )
    assert infer(tmp_path, *early_by_4, flag, expert=()) == 0
    assert set(asked) == {EXPERT}
