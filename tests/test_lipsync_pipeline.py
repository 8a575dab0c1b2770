"""The whole way from a face and a sound to finished frames, with tiny networks and clips."""

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from face_detection import Box, Pads
from lipsync import LipSync, Settings
from lipsync.pipeline import refuse_to_overwrite
from lipsync.plan import make_plan
from lipsync.preview import draw_preview
from lipsync.render import Tally, open_writer, render
from models.talkface import TalkFace
from tests.deterministic import filled
from tests.lipsync_material import (
    EllipseDetector,
    Painter,
    backend,
    face_frame,
    make_face_video,
    make_sound,
    save_tiny_generator,
    shown,
)
from video import MediaError, VideoWriter, probe, read_frames, read_sound

BOX = Box(30, 20, 66, 70)


@pytest.fixture
def material(tmp_path):
    return make_face_video(tmp_path / "face.mkv"), make_sound(tmp_path / "speech.wav")


def rendered(face, audio, network=None, tally=None, **settings):
    settings = {"use_cache": False, "detect_every": 1, "blend": "none"} | settings
    runs = backend(network, batch_size=8)
    plan = make_plan(face, audio, Settings(**settings), runs, EllipseDetector)
    return list(shown(render(plan, runs, tally)))


def painted(frame):
    """Whether the middle of the face is what Painter paints."""
    return (np.abs(frame[40:50, 45:60].astype(int) - 40) <= 2).all()


def test_every_frame_is_painted_and_only_in_its_box(material):
    face, audio = material
    frames = rendered(face, audio, box=BOX)
    assert len(frames) == 25 and all(map(painted, frames))
    for frame, before in zip(frames, read_frames(face), strict=False):
        outside = np.ones(frame.shape[:2], bool)
        outside[BOX.top : BOX.bottom, BOX.left : BOX.right] = False
        assert np.array_equal(frame[outside], before[outside])


@pytest.mark.parametrize(
    "length, loop, count", [("audio", "repeat", 62), ("video", "repeat", 30),
                            ("shortest", "repeat", 30), ("audio", "pingpong", 62),
                            ("audio", "freeze", 62)]
)  # fmt: skip
def test_length_with_longer_sound(tmp_path, material, length, loop, count):
    audio = make_sound(tmp_path / "long.wav", 2.5)
    assert len(rendered(material[0], audio, length=length, loop=loop)) == count


@pytest.mark.parametrize("length, count", [("audio", 25), ("video", 30), ("shortest", 25)])
@pytest.mark.parametrize("box", [None, BOX])
def test_length_with_longer_video(material, length, count, box):
    assert len(rendered(*material, length=length, box=box)) == count


def test_faceless_frames_pass_through_and_are_counted(tmp_path):
    face = make_face_video(tmp_path / "a.mkv", frames=40, faceless=range(20, 24))
    audio = make_sound(tmp_path / "a.wav", 1.6)
    tally = Tally()
    frames = rendered(face, audio, tally=tally, no_face="keep")
    assert [n for n, frame in enumerate(frames) if not painted(frame)] == tally.faceless
    assert tally.faceless == list(range(20, 24))
    tally = Tally()
    assert all(map(painted, rendered(face, audio, tally=tally)))
    assert tally.filled == list(range(20, 24)) and not tally.faceless


def test_two_faces(tmp_path):
    with VideoWriter(tmp_path / "two.mkv", 192, 80, 25, crf=5) as writer:
        for _ in range(20):
            writer.write(np.hstack([face_frame(0), face_frame(0)]))

    class Two(EllipseDetector):
        def detect(self, images):
            halves = [super(Two, self).detect([image[:, :96], image[:, 96:]]) for image in images]
            shift = np.array([[96, 0, 96, 0, 0]])
            return [np.vstack([left, right + shift]) for left, right in halves]

    audio = make_sound(tmp_path / "a.wav", 0.8)
    for select, expected in (("leftmost", (1, 0)), ("rightmost", (0, 1)), ("all", (1, 1))):
        settings = Settings(face_select=select, blend="none", use_cache=False)
        plan = make_plan(tmp_path / "two.mkv", audio, settings, backend(), Two)
        for frame in shown(render(plan, backend())):
            assert (painted(frame[:, :96]), painted(frame[:, 96:])) == expected


def test_silence_keep_leaves_the_original_mouth(tmp_path):
    face = make_face_video(tmp_path / "a.mkv", frames=75)
    audio = make_sound(tmp_path / "a.wav", 3, "aevalsrc='0.3*sin(2000*t)*between(t,1,2)'")
    before = list(read_frames(face))
    kept = rendered(face, audio, silence="keep")
    assert np.array_equal(kept[0], before[0]) and np.array_equal(kept[74], before[74])
    assert painted(kept[37])
    moved = rendered(face, audio)
    assert painted(moved[0]) and painted(moved[74])


class Listener(Painter):
    """Paints as loud as what it hears: grey 255 where the window's middle is loudest."""

    def forward(self, mel, face):
        level = mel.amax(dim=(1, 2))[:, 8:10].mean(dim=1).add(4).div(8).clamp(0, 1)
        return level[:, None, None, None].expand(-1, 3, 32, 32)


def test_mouth_and_sound_are_in_step(tmp_path):
    """A burst at 1.0 to 1.2 s is heard in the frames that are shown then; an offset moves it."""
    face = make_face_video(tmp_path / "a.mkv", frames=75)
    audio = make_sound(tmp_path / "a.wav", 3, "aevalsrc='0.5*sin(2000*t)*between(t,1,1.2)'")

    def loud(**settings):
        frames = rendered(face, audio, Listener(), box=BOX, **settings)
        return [n for n, frame in enumerate(frames) if frame[45, 50, 0] > 128]

    in_step = loud()
    assert np.mean(in_step) == pytest.approx(1.1 * 25, abs=1.6)
    assert loud(audio_offset_ms=200) == [frame + 5 for frame in in_step]


def test_still_and_folder(tmp_path):
    audio = make_sound(tmp_path / "a.wav")
    (tmp_path / "frames").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), face_frame(number))
    for face in (tmp_path / "frames", tmp_path / "frames" / "0.png"):
        frames = rendered(face, audio, still_fps=10)
        assert len(frames) == 10 and all(map(painted, frames))


def test_result_has_rate_size_and_sound_of_its_inputs(tmp_path):
    face = make_face_video(tmp_path / "face.mkv", fps=Fraction(30000, 1001))
    audio = make_sound(tmp_path / "speech.m4a")
    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"), device="cpu", precision="fp32")
    seen = []
    report = maker.run(
        face, audio, tmp_path / "new/result.mp4", Settings(box=BOX),
        lambda stage, done, total: seen.append((stage, done, total)),
    )  # fmt: skip
    info = probe(report.path)
    assert (info.width, info.height, info.fps) == (96, 80, Fraction(30000, 1001))
    assert info.sounds[0].codec == "aac"
    assert len(list(read_frames(info))) == report.frame_count == 30
    assert seen[-1] == ("frames", 30, 30)
    assert {"generate", "decode and cut"} <= report.tally.seconds.keys()
    sound, before = read_sound(report.path, 16000), read_sound(audio, 16000)
    assert len(sound) == pytest.approx(len(before), abs=2000)
    assert report.notes() == []


def test_own_sound_is_cut_with_the_picture(tmp_path):
    sweep = make_sound(tmp_path / "a.wav", 2, "aevalsrc='0.3*sin(2000*t*t)'")
    talk = make_face_video(tmp_path / "talk.mkv", frames=50, sound=sweep)
    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"), device="cpu", precision="fp32")
    settings = Settings(box=BOX, start=0.4, end=1.2)
    report = maker.run(talk, talk, tmp_path / "part.mkv", settings)
    assert report.frame_count == 20
    made = read_sound(report.path, 16000)[2000:10000]
    expected = read_sound(talk, 16000, start=0.4)[2000:10000]
    assert np.corrcoef(made, expected)[0, 1] > 0.99


@pytest.mark.parametrize("fps, start", [(25, 0.419), (5, 0.29), (5, 0.5)])
def test_a_start_between_two_frames_is_the_nearest_frames_for_both(tmp_path, fps, start):
    """Pictures begin with a frame; so the sound that goes with them begins there too."""
    click = make_sound(tmp_path / "a.wav", 2, "aevalsrc='0.5*sin(2000*t)*between(t,1,1.04)'")
    talk = make_face_video(tmp_path / "talk.mkv", frames=2 * fps, fps=fps, sound=click)
    settings = Settings(box=BOX, start=start, end=1.5 + start)
    plan = make_plan(talk, talk, settings, backend(), EllipseDetector)
    first = round(start * fps)
    assert plan.source.start == plan.sound_span[0] == pytest.approx(first / fps)
    with open_writer(tmp_path / "o.mkv", plan) as writer:
        for frame in plan.source.native_frames():
            writer.write(frame)
    heard = np.flatnonzero(np.abs(read_sound(tmp_path / "o.mkv", 16000)) > 0.1)[0] / 16000
    assert heard == pytest.approx(1 - first / fps, abs=0.006)


def test_video_longer_than_wanted_cuts_the_sound(tmp_path, material):
    audio = make_sound(tmp_path / "long.wav", 5)
    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"), device="cpu", precision="fp32")
    report = maker.run(material[0], audio, tmp_path / "o.mp4", Settings(box=BOX, length="video"))
    assert probe(report.path).duration == pytest.approx(1.2, abs=0.1)


def test_inputs_are_never_overwritten(tmp_path, material):
    face, audio = material
    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"), device="cpu", precision="fp32")
    os.link(face, tmp_path / "other name.mkv")
    content = face.read_bytes()
    for target in (face, tmp_path / "other name.mkv"):
        with pytest.raises(ValueError, match="is an input"):
            maker.run(face, audio, target, Settings(box=BOX))
    assert face.read_bytes() == content


def test_a_frame_of_the_given_folder_is_not_overwritten(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), face_frame(0))
    with pytest.raises(ValueError, match="1.png is an input"):
        refuse_to_overwrite(tmp_path / "1.png", tmp_path, "a.wav")
    refuse_to_overwrite(tmp_path / "2.png", tmp_path, "a.wav")


def test_failure_in_the_middle_leaves_nothing(tmp_path, material):
    class Failing(Painter):
        def forward(self, mel, face):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 1:
                raise RuntimeError("broken network")
            return super().forward(mel, face)

    maker = LipSync(save_tiny_generator(tmp_path / "tiny.pth"), device="cpu", precision="fp32")
    maker.backend = backend(Failing(), batch_size=8)
    (tmp_path / "out").mkdir()
    with pytest.raises(RuntimeError, match="broken network"):
        maker.run(*material, tmp_path / "out" / "o.mp4", Settings(box=BOX))
    assert os.listdir(tmp_path / "out") == []


def test_preview_shows_box_and_result(material):
    settings = Settings(box=BOX, blend="none", pads=Pads(0, 0, 0, 0))
    plan = make_plan(*material, settings, backend(), EllipseDetector)
    picture = draw_preview(plan, backend(), 0.5)
    assert picture.shape[1] > 2 * 400 and picture.dtype == np.uint8
    half = picture.shape[1] // 2
    assert ((picture[:388, half:] == 40).all(axis=-1)).sum() > 10_000
    with pytest.raises(MediaError, match="no frame could be decoded"):
        draw_preview(plan, backend(), 99)
    with pytest.raises(ValueError, match="no second -1"):
        draw_preview(plan, backend(), -1)


def test_preview_of_a_still_at_any_second(tmp_path, material):
    cv2.imwrite(str(tmp_path / "still.png"), face_frame(0))
    plan = make_plan(
        tmp_path / "still.png", material[1], Settings(box=BOX), backend(), EllipseDetector
    )
    assert draw_preview(plan, backend(), 0.9).ndim == 3


@pytest.mark.slow
@pytest.mark.parametrize("native", [False, True])
def test_frames_equal_the_originals(shared_data, native):
    """Weights from tests/deterministic.py at full size; regenerate from the original alone.

    Such weights paint a colour of its own into every pixel, of which planes of 4:2:0 keep the
    brightness alone.
    """
    golden = np.load(Path(__file__).parent / "data/golden_inference.npz")
    runs = backend(filled(TalkFace()))
    settings = Settings(
        legacy_timing=True, blend="none", smooth=False, box=Box.from_cli(100, 260, 110, 250)
    )
    clips = shared_data / "grid_s1"
    plan = make_plan(clips / "bbaf2n.mpg", clips / "bbaf3s.mpg", settings, runs, EllipseDetector)
    assert plan.frame_count == golden["frames_in_all"] and plan.source.fps == golden["fps"]
    if not native:
        vars(plan.source)["layout"] = None
    frames = {}
    for number, frame in enumerate(shown(render(plan, runs))):
        if number in golden["frame_numbers"]:
            frames[number] = frame[100:260:2, 110:250:2]
    for number, region in zip(golden["frame_numbers"], golden["regions"], strict=True):
        made, golden_region = frames[number], np.uint8(region)
        if native:
            made, golden_region = (
                cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY)
                for picture in (made, golden_region)
            )
        assert np.abs(made.astype(int) - golden_region).mean() < 1.0
