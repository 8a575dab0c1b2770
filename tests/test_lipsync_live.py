"""lipsync/live: frames do not depend on the pieces, keep time with the sound, and never drift."""

import gc
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch

from lipsync import LipSync, Settings
from lipsync.live import Camera, LiveSession, Player
from lipsync.live.ear import Ear
from lipsync.live.tape import Resampler, Tape
from lipsync.sound import Speech
from models.checkpoint import load
from models.generator import Generator, Hearing
from models.pretrained import LIP_HEARING_CAUSAL
from tests import lipsync_material, toy_methods
from tests.lipsync_material import EllipseDetector, face_frame, make_face_video

RATE = 16000


class Loud(toy_methods.WholeFace):
    """Paints the face as grey as its window of the sound is loud."""

    def __init__(self):
        super().__init__("mel80x16")

    def forward(self, inputs):
        return super().forward({**inputs, "code": 0.25 * (inputs["code"] + 4)})


def maker_of(method: Generator) -> LipSync:
    """LipSync without a checkpoint's file, its faces found by the ellipse's detector."""
    maker = LipSync.__new__(LipSync)
    maker.device = torch.device("cpu")
    maker.backend = toy_methods.TorchBackend(method, device=maker.device, precision="fp32")
    maker._detector = EllipseDetector()
    return maker


@pytest.fixture
def face(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_face_video(tmp_path / "face.mkv", frames=10)


def session_of(face, method=None, **choices) -> LiveSession:
    return LiveSession(face, maker_of(method or Loud()), **choices)


def burst(seconds: float, begin: float, end: float, rate: int = RATE) -> np.ndarray:
    """Silence with a tone from `begin` to `end`."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2000 * time) * ((time >= begin) & (time < end))).astype(np.float32)


def fed(session: LiveSession, wav: np.ndarray, piece: int) -> list:
    frames = [session.feed(wav[at : at + piece]) for at in range(0, len(wav), piece)]
    return [frame for some in frames for frame in some] + session.finish()


def greys(frames, box=(46, 40)) -> np.ndarray:
    """The green of a pixel amid the face."""
    return np.array([int(frame.image[box[1], box[0], 1]) for frame in frames])


def test_frames_do_not_depend_on_the_pieces(face):
    wav = burst(1.5, 0.6, 1.0)
    whole, small = (fed(session_of(face), wav, piece) for piece in (24000, 333))
    assert len(whole) == len(small) == 38  # of the last, a half has sound
    for one, other in zip(whole, small, strict=True):
        assert (one.number, one.seconds) == (other.number, other.seconds)
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
        np.testing.assert_array_equal(one.sound, other.sound)


def test_sound_comes_out_as_it_went_in_with_its_frames(face):
    wav = burst(1.0, 0.2, 0.8)
    frames = fed(session_of(face), wav, 1000)
    np.testing.assert_array_equal(np.concatenate([frame.sound for frame in frames]), wav)
    assert [frame.seconds for frame in frames] == [Fraction(n, 25) for n in range(25)]
    changed = np.flatnonzero(greys(frames) != greys(frames)[0])
    assert 0 < changed.min() <= 5 and 19 <= changed.max() < 23  # 0.2 to 0.8 s, within 200 ms


def test_a_frame_comes_as_soon_as_what_it_hears(face):
    session = session_of(face)
    assert session.delay_seconds < 0.2
    needed = round((0.02 + session.delay_seconds) * RATE)
    assert not session.feed(np.zeros(needed - 40, np.float32))
    assert len(session.feed(np.zeros(80, np.float32))) == 1


def test_the_given_video_goes_forth_and_back(face):
    session = session_of(face)
    frames = fed(session, np.zeros(RATE, np.float32), RATE)
    given = [face_frame(number) for number in range(10)]
    order = [*range(10), *range(8, 0, -1), *range(7)]
    for frame, number in zip(frames, order, strict=True):
        corner = frame.image[:10].astype(int) - given[number][:10]
        assert np.abs(corner).max() < 12  # the video is coded
    assert np.ptp(greys(frames)) <= 3  # a mouth at rest


def test_what_does_not_fit_into_memory_is_streamed_alike(face, monkeypatch):
    held = fed(session_of(face), np.zeros(RATE, np.float32), 800)
    monkeypatch.setattr("lipsync.live.stage.HELD_BYTES", 0)
    session = session_of(face)
    streamed = fed(session, np.zeros(RATE, np.float32), 800)
    session.close()
    for one, other in zip(held, streamed, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_an_interruption_silences_what_was_not_yet_shown(face):
    session = session_of(face)
    wav = burst(1.0, 0, 1)
    before = session.feed(wav)
    session.interrupt()
    after = session.finish() + session.feed(np.zeros(RATE, np.float32))
    assert len(before) > 15 and np.abs(before[-1].sound).max() > 0.4
    heard = np.concatenate([frame.sound for frame in after])
    assert np.abs(heard[100:]).max() == 0 and np.abs(heard[:20]).max() > 0.01  # a fade, no click
    assert np.abs(greys(after)[8:] - greys(session_frames_of_silence(face))[0]).max() <= 1


def session_frames_of_silence(face):
    return fed(session_of(face), np.zeros(RATE // 2, np.float32), RATE)


def test_late_frames_repeat_the_picture_and_keep_the_sound(face):
    session = session_of(face)
    wav = burst(1.0, 0, 1)
    first = session.feed(wav[:8000])
    late = session.feed(wav[8000:], hurry=True)
    assert all(frame.repeated for frame in late) and not any(frame.repeated for frame in first)
    assert all(frame.image is first[-1].image for frame in late)
    assert [frame.number for frame in first + late] == list(range(len(first) + len(late)))
    np.testing.assert_array_equal(late[0].sound, wav[late[0].number * 640 :][:640])


def test_the_next_session_does_not_look_again(face, monkeypatch):
    class Followed(toy_methods.MovedPixels):
        looks = 0

        def watch(self, video):
            type(self).looks += 1
            return OnlyNumbers(video)

        def feed(self, frame, place, heard):
            square = np.zeros((toy_methods.SIZE, toy_methods.SIZE, 3), np.uint8)
            return {"code": heard[0] * np.float32(1), "square": square}

        reach = (0.5, 0.1)

    class OnlyNumbers(toy_methods.EllipseWatcher):
        def settle(self):
            settled = super().settle()
            return toy_methods.Watched(settled.notes, settled.trust, None, settled.lips)

    images = [
        [frame.image for frame in fed(session_of(face, Followed()), burst(1, 0, 1), RATE)]
        for _ in range(2)
    ]
    assert Followed.looks == 1
    np.testing.assert_array_equal(*images)
    session_of(face, Followed(), settings=Settings(use_cache=False))
    assert Followed.looks == 2


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros((2, 100)), "mono, one axis"),
        (np.array([0.0, np.nan]), "not finite"),
        (np.zeros(RATE * 11), "feed at most 10 s"),
    ],
)
def test_sound_that_cannot_be_is_refused(face, samples, told):
    with pytest.raises(ValueError, match=told):
        session_of(face).feed(samples)


def test_what_hears_whole_speeches_is_refused(face):
    with pytest.raises(ValueError, match="hears whole speeches"):
        session_of(face, toy_methods.WholeFace("mel"))


def test_whole_numbers_are_levels(face):
    wav = burst(0.5, 0.1, 0.4)
    levels = np.round(wav * 32768).astype(np.int16)
    floats, ints = (fed(session_of(face), sound, 999) for sound in (wav, levels))
    assert np.abs(greys(floats) - greys(ints)).max() <= 1


class TestEar:
    """What is heard in pieces is what the whole sound says."""

    class Hears(Generator):
        feed = forward = patch = view = None

        def __init__(self, name):
            self.hearing, self.hears = Hearing(name), load(LIP_HEARING_CAUSAL, "lip_hearing")
            self.network, self.reach = torch.nn.Identity(), self.hears.reach

        def encode_speech(self, sound, seconds):
            return self.hears.hear(sound.cpu().numpy(), seconds)

    @pytest.mark.parametrize(
        ("name", "fps"),
        [
            ("mel", Fraction(25)),
            ("mel", Fraction(30000, 1001)),
            ("mel80x16", Fraction(30000, 1001)),
            ("mfcc12x20", Fraction(25)),
        ],
    )
    def test_pieces_hear_as_the_whole(self, name, fps):
        self.Hears.__abstractmethods__ = frozenset()
        backend = maker_of(self.Hears(name)).backend
        rng = np.random.RandomState(1)
        wav = (0.1 * rng.randn(3 * RATE) * np.repeat(rng.rand(30), RATE // 10)).astype(np.float32)
        speech = Speech(wav, fps, backend.generator.hearing)
        speech.encode(backend.encode_speech, 120)
        ear, heard, done = Ear(backend, fps, RATE), [], 0
        for at in range(0, len(wav), 2700):
            ear.add(wav[at : at + 2700])
            if ear.ready > done:
                heard += list(ear.heard(range(done, ear.ready)))
                done = ear.ready
        assert done > 2.7 * fps
        first = round(1.3 * fps)  # before, the whole has nothing and the pieces have silence
        wanted = np.stack([speech.heard(frame) for frame in range(first, done)])
        np.testing.assert_allclose(np.stack(heard[first:]), wanted, atol=2e-3)

    def test_the_look_ahead_is_under_200_ms(self):
        self.Hears.__abstractmethods__ = frozenset()
        ear = Ear(maker_of(self.Hears("mel")).backend, Fraction(25), RATE)
        assert 0.18 < ear.after < 0.2


@pytest.mark.parametrize("given", [48000, 44100, 24000, 22050, 8000, 16000])
def test_another_rate_is_the_same_tone_in_the_same_place(given):
    seconds = np.arange(given) / given
    wav = np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    whole = Resampler(given, RATE)
    made = whole.add(wav)
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(made)) / RATE)
    assert len(made) > 0.99 * RATE
    assert np.abs(made - wanted)[200:].max() < 0.01
    pieces, resampler = [], Resampler(given, RATE)
    for at in range(0, given, 313):
        pieces.append(resampler.add(wav[at : at + 313]))
    np.testing.assert_allclose(np.concatenate(pieces), made, atol=1e-5)


def test_a_tone_over_half_the_rate_is_gone():
    wav = np.sin(2 * np.pi * 11000 * np.arange(48000) / 48000).astype(np.float32)
    assert np.abs(Resampler(48000, RATE).add(wav)[200:]).max() < 0.01


def test_a_tape_forgets_and_keeps_its_numbers():
    tape = Tape()
    tape.add(np.arange(10, dtype=np.float32))
    tape.forget(4)
    tape.add(np.arange(10, 12, dtype=np.float32))
    assert tape.end == 12
    np.testing.assert_array_equal(tape.cut(6, 11), [6, 7, 8, 9, 10])
    np.testing.assert_array_equal(Tape().cut(-2, 0), [0, 0])
    tape.mute(9)
    np.testing.assert_array_equal(tape.cut(8, 12), [8, 0, 0, 0])


class Clock:
    """A clock that stands still but for sleep, and what a frame takes to be made."""

    def __init__(self):
        self.now, self.slept = 100.0, 0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept += seconds
        self.now += seconds


def player_of(face, clock, **choices) -> Player:
    return Player(session_of(face), clock=clock, sleep=clock.sleep, **choices)


def test_a_player_keeps_the_pace_and_speaks_what_was_pushed(face):
    clock = Clock()
    player = player_of(face, clock)
    wav = burst(1.0, 0.1, 0.9)
    player.push(wav)
    player.end()
    times, frames = [], []
    for frame in player.frames():
        times.append(clock.now - 100)
        frames.append(frame)
    np.testing.assert_array_equal(np.concatenate([f.sound for f in frames])[: len(wav)], wav)
    assert len(frames) == 25 and times[-1] < 1.1
    late = np.array(times[:18]) - [float(frame.seconds) for frame in frames[:18]]
    assert np.ptp(late) < 1e-6 and late.max() < 0.3
    assert player.played.repeated == 0


def test_a_player_without_sound_shows_a_mouth_at_rest(face):
    clock = Clock()
    player = player_of(face, clock)
    frames = []
    for frame in player.frames():
        frames.append(frame)
        if len(frames) == 30:
            player.close()
    assert len(frames) == 30 and not np.concatenate([f.sound for f in frames]).any()
    assert np.ptp(greys(frames)) <= 3


def test_a_player_that_is_too_slow_repeats_and_does_not_drift(face, monkeypatch):
    clock = Clock()
    player = player_of(face, clock)
    make = player.session._make

    def slowly(frames):
        clock.now += 0.06 * len(frames)  # for a frame of 0.04 s
        return make(frames)

    monkeypatch.setattr(player.session, "_make", slowly)
    lags = []
    for frame in player.frames():
        lags.append(clock.now - 100 - float(frame.seconds))
        if frame.number == 200:
            player.close()
    assert max(lags) < 0.4 and abs(np.mean(lags[150:]) - np.mean(lags[50:100])) < 0.02
    assert 0.2 < player.played.repeated / player.played.frames < 0.7


@pytest.mark.slow
def test_a_minute_takes_no_more_memory_than_a_second(face):
    clock, sizes = Clock(), []
    player = player_of(face, clock)
    for frame in player.frames():
        if frame.number % 100 == 0:
            player.push(burst(4, 0, 4))
        if frame.number % 500 == 0:
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0] if frame.number else None)
            tracemalloc.start()
        if frame.number == 1500:
            player.close()
    tracemalloc.stop()
    assert sizes[3] - sizes[2] < 100_000  # one second of frames is 576,000
    assert player._count <= 5 * RATE and len(player.session._sound._samples) < RATE


def test_a_player_that_slept_goes_on_from_now(face):
    clock = Clock()
    player = player_of(face, clock)
    numbers = []
    for frame in player.frames():
        numbers.append(frame.number)
        if frame.number == 20:
            clock.now += 3600
        if frame.number == 40:
            player.close()
    assert numbers == list(range(41)) and player.played.stalls == 1
    assert clock.now < 3800


def test_a_microphone_that_runs_ahead_is_cut(face):
    player = player_of(face, Clock(), most_seconds=0.2, drop=True)
    player.push(burst(1.0, 0, 1))
    player.push(np.full(1600, 0.25, np.float32))
    assert player._count == 3200
    assert player.played.dropped_seconds == pytest.approx(0.9)
    player.end()
    heard = np.concatenate([frame.sound for frame in player.frames()])
    assert (heard[1600:3200] == 0.25).all()


def test_a_player_forgets_what_is_interrupted(face):
    player = player_of(face, Clock())
    player.push(burst(10, 0, 10))
    frames = []
    for frame in player.frames():
        frames.append(frame)
        if frame.number == 20:
            player.interrupt()
        if frame.number == 40:
            player.close()
    heard = np.concatenate([frame.sound for frame in frames])
    assert np.abs(heard[: 20 * 640]).max() > 0.4 and not heard[23 * 640 :].any()


class TestCamera:
    CAMERA = Camera(lipsync_material.WIDTH, lipsync_material.HEIGHT)

    def play(self, pictures, method=None):
        session = session_of(self.CAMERA, method)
        frames = []
        for picture in pictures:
            session.show(picture)
            frames += session.feed(np.zeros(640, np.float32))
        return frames

    def test_a_picture_is_shown_with_the_sound_that_came_with_it(self):
        pictures = [face_frame(number) for number in range(30)]
        frames = self.play(pictures)
        assert len(frames) >= 25
        for frame in frames:
            np.testing.assert_array_equal(frame.image[:10], pictures[frame.number][:10])
            assert (frame.image[40, 46] != pictures[frame.number][40, 46]).any()

    def test_where_no_face_is_pictures_pass(self):
        pictures = [face_frame(number, with_face=False) for number in range(15)]
        for frame in self.play(pictures):
            np.testing.assert_array_equal(frame.image, pictures[frame.number])

    def test_a_picture_of_another_size_is_refused(self):
        with pytest.raises(ValueError, match="the camera's are 96x80"):
            self.play([np.zeros((40, 40, 3), np.uint8)])

    def test_a_given_video_takes_no_pictures(self, face):
        with pytest.raises(ValueError, match="shows a given face"):
            session_of(face).show(face_frame(0))
