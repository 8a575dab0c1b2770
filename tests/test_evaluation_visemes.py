"""What lips should do by what is spoken, found in what is seen; with a made-up eye."""

import json
import math

import numpy as np
import pytest

import video
from corpus.truth import TRUTH_FORMAT
from evaluation import visemes
from evaluation.metrics.lip_sight import (
    EYES,
    LOWER,
    UPPER,
    Eye,
    Sight,
    landmark_eye,
    look_at,
    opening_of,
)
from evaluation.metrics.spoken import (
    OPEN,
    QUIET,
    ROUNDED,
    SHUT,
    TUCKED,
    Event,
    Spoken,
    find_spoken,
    is_loud,
    read_spoken,
)
from evaluation.metrics.viseme_scores import leak, score_lips, summarise
from models.lip_motion import INDEX, NAMES, LipMotion
from synthesis.speech.mouth import MouthStyle, move_mouth
from synthesis.speech.visemes import gestures
from tests.test_synthesis_mouth import speech_of

EYE = Eye(lambda frames, boxes: None, 0.05, 0.0, frozenset(NAMES), "made up")
SAID = ("", "a", "m", "a", "f", "a", "u", "t", "a", "p", "o", "")


def seen(values: np.ndarray, trust: float = 1.0, eye: Eye = EYE) -> Sight:
    return Sight(LipMotion(values), np.full(len(values), trust, np.float32), eye)


def open_lips(frames: int = 50, opening: float = 0.3) -> np.ndarray:
    values = np.zeros((frames, len(NAMES)), np.float32)
    values[:, INDEX["jawOpen"]] = opening
    return values


def spoken(*events: tuple) -> Spoken:
    return Spoken(tuple(Event(*event) for event in events), "test")


@pytest.fixture
def made():
    """Some speech: what is said, and the true lips of it."""
    said = gestures(speech_of(*SAID, seconds=0.16))
    frames = math.ceil(said[-1].end * 25)
    mouth = move_mouth(said, frames, MouthStyle()).sampled(frames)
    from models.lip_motion import from_blendshapes

    return said, from_blendshapes(mouth.weights, mouth.tongue)


def test_true_lips_do_all_that_is_spoken(made):
    said, lips = made
    truth = visemes_of(said)
    values = summarise(score_lips(seen(lips), truth))
    assert values["shut_expected"] == 2 and values["tucked_expected"] == 1
    assert (values["shut"], values["tucked"], values["rounded"]) == (1.0, 1.0, 1.0)
    assert values["open"] >= 0.75
    assert abs(values["shut_frames_late"]) <= 0.5


def visemes_of(said) -> Spoken:
    from evaluation.metrics.spoken import events_of

    return Spoken(events_of(said), "test")


@pytest.mark.parametrize("frames", [-3, -2, 2, 3])
def test_lips_that_are_late_are_called_so(made, frames):
    said, lips = made
    values = summarise(score_lips(seen(np.roll(lips, frames, axis=0)), visemes_of(said)))
    assert values["shut_frames_late"] == pytest.approx(frames, abs=1)
    assert frames > 0 or values["shut"] < 1  # what begins in time is there at the burst


def test_a_mouth_that_stays_shut_or_open_is_found_out():
    events = spoken((SHUT, 0.4, 0.5), (OPEN, 0.6, 0.8), (SHUT, 0.9, 1.0))
    shut = summarise(score_lips(seen(open_lips(opening=0.0)), events))
    agape = summarise(score_lips(seen(open_lips()), events))
    assert (shut["shut"], shut["open"]) == (1.0, 0.0)
    assert (agape["shut"], agape["open"]) == (0.0, 1.0)
    assert "shut_frames_late" not in agape


@pytest.mark.parametrize(("frame", "kept"), [(10, 0), (11, 1), (12, 1), (13, 0)])
def test_a_contact_is_in_the_bursts_frame_or_the_one_before(frame, kept):
    lips = open_lips()
    lips[frame, INDEX["jawOpen"]] = 0
    sums = score_lips(seen(lips), spoken((SHUT, 0.4, 0.49)))  # heard to open in frame 12
    assert sums["shut_kept"] == kept
    assert sums["shut_late"] == {10: -1, 11: 0, 12: 0, 13: 1}[frame]


def test_a_dip_is_a_closure_where_gaps_are_seen_too_wide():
    eye = Eye(EYE.look, 0.05, 0.5, frozenset(NAMES), "soft")
    lips = open_lips(opening=0.25)
    lips[20:23, INDEX["jawOpen"]] = 0.1
    lips[40:, INDEX["jawOpen"]] = 0.2  # lips that rest apart
    assert np.flatnonzero(seen(lips, eye=eye).shut).tolist() == [20, 21, 22]


def test_what_is_hidden_counts_for_nothing():
    events = spoken((SHUT, 0.4, 0.5), (OPEN, 0.6, 0.8), (ROUNDED, 0.9, 1.0), (QUIET, 1.2, 2.0))
    assert summarise(score_lips(seen(open_lips(), trust=0.2), events)) == {}


def test_landmarks_are_not_asked_for_what_they_do_not_see():
    eye = Eye(EYE.look, 0.08, 0.0, frozenset(("jawOpen", "mouthClose")), "landmarks")
    events = spoken((TUCKED, 0.4, 0.5), (ROUNDED, 0.6, 0.8), (SHUT, 0.9, 1.0))
    assert set(summarise(score_lips(seen(open_lips(), eye=eye), events))) == {
        "shut_expected", "shut"
    }  # fmt: skip


def test_a_mouth_that_moves_in_silence_is_restless():
    calm = open_lips(100)
    calm[:50:2, INDEX["jawOpen"]] = 0.1  # speaks in the first half
    restless = calm.copy()
    restless[50::2, INDEX["jawOpen"]] = 0.1
    events = spoken((OPEN, 0.0, 2.0), (QUIET, 2.0, 4.0))
    values = [summarise(score_lips(seen(lips), events)) for lips in (calm, restless)]
    assert values[0]["restlessness"] == 0
    assert values[1]["restlessness"] == pytest.approx(1.0, abs=0.05)


def test_a_leak_is_what_two_videos_lips_share():
    random = np.random.default_rng(0)
    one, other = (open_lips(250) for _ in range(2))
    for lips in (one, other):
        lips[:, INDEX["jawOpen"]] = random.uniform(0, 0.5, 250)
        lips[:, INDEX["mouthPucker"]] = random.uniform(0, 0.5, 250)
    assert leak(seen(one), seen(one)) == pytest.approx(1.0)
    assert abs(leak(seen(one), seen(other))) < 0.2
    assert 0.5 < leak(seen((one + other) / 2), seen(other)) < 0.9
    slow = one + np.linspace(0, 0.5, 250, dtype=np.float32)[:, None]  # a mood, and no leak
    assert abs(leak(seen(slow), seen(other + slow - one))) < 0.2
    assert math.isnan(leak(seen(open_lips(250)), seen(other)))


def test_what_two_speeches_share_by_chance_is_no_leak():
    random = np.random.default_rng(5)
    one, other = (open_lips(250) for _ in range(2))
    for lips in (one, other):
        lips[:, [INDEX["jawOpen"], INDEX["mouthPucker"]]] = random.uniform(0, 0.5, (250, 2))
    given = (one + other) / 2
    assert leak(seen(one), seen(given)) > 0.5
    assert abs(leak(seen(one), seen(given), LipMotion(one))) < 0.05
    leaking = one + 0.5 * other
    assert leak(seen(leaking), seen(given), LipMotion(one)) > 0.3


def test_the_truth_beside_a_video_says_what_is_spoken(tmp_path):
    path = tmp_path / "talk.mp4"
    assert find_spoken(path) is None
    (tmp_path / "talk.json").write_text('{"boxes": []}')
    assert find_spoken(path) is None  # a file of something else
    said = [["rest", 0, 0.5], ["p", 0.5, 0.6], ["a", 0.6, 0.8], ["t", 0.8, 0.9], ["rest", 0.9, 1]]
    (tmp_path / "talk.json").write_text(json.dumps({"format": TRUTH_FORMAT, "visemes": said}))
    known = find_spoken(path)
    assert known == tmp_path / "talk.json"
    events = read_spoken(known, path).events
    assert [event.kind for event in events] == [QUIET, SHUT, OPEN]  # the last rest is too short
    assert events[1] == Event(SHUT, 0.5, 0.6)


def test_silence_is_what_is_30_db_quieter():
    wav = np.concatenate([np.full(6400, 0.3), np.full(6400, 0.003), np.full(6400, 0.03)])
    loud = is_loud(wav.astype(np.float32), 30, 16000)
    assert loud.tolist() == [True] * 10 + [False] * 10 + [True] * 10


def test_an_opening_is_measured_in_landmarks():
    points = np.zeros((1, 68, 2))
    points[0, list(EYES)] = (0, 0), (100, 0)
    points[0, list(UPPER)], points[0, list(LOWER)] = (50, 80), (50, 92.5)
    assert opening_of(points) == pytest.approx(0.3, abs=0.01)


class Finder:
    """Says that the mouth is open as wide as a frame is bright."""

    def find_batch(self, frames, boxes):
        points = np.zeros((len(frames), 68, 2))
        points[:, EYES[1], 0] = 100
        for index, frame in enumerate(frames):
            points[index, list(LOWER), 1] = 12.5 * (frame.mean() > 128)
        return points, np.zeros((len(frames), 68))


class Detector:
    name, version, wants = "made up", "1", None


@pytest.fixture
def blinking(tmp_path, monkeypatch):
    """A video of bright and dark frames, 10 each; no face in the last ten."""
    path = tmp_path / "blinking.mp4"
    with video.VideoWriter(path, 64, 64, 25) as writer:
        for frame in range(40):
            level = 220 if frame // 10 % 2 == 0 else 20
            writer.write(np.full((64, 64, 3), level, np.uint8))
    boxes = np.tile([10.0, 10, 50, 50], (40, 1))
    boxes[30:] = np.nan
    monkeypatch.setattr("evaluation.metrics.lip_sight.face_boxes", lambda *_, **__: boxes)
    return path


def test_a_video_is_looked_at_frame_by_frame(blinking):
    sight = look_at(blinking, landmark_eye(Finder()), Detector())
    assert len(sight.motion) == 40
    np.testing.assert_allclose(sight.motion.opening[:30], [0.3] * 10 + [0] * 10 + [0.3] * 10)
    assert sight.trust.tolist() == [1] * 30 + [0] * 10


def test_the_command_writes_what_it_found(blinking, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(visemes, "open_eye", lambda *_: landmark_eye(Finder()))
    said = [["a", 0, 0.4], ["p", 0.4, 0.8], ["a", 0.8, 1.2]]
    truth = {"format": TRUTH_FORMAT, "visemes": said}
    blinking.with_suffix(".json").write_text(json.dumps(truth))
    out = tmp_path / "out.json"
    line = [str(blinking), "--given", str(blinking), "--json", str(out), "--detector", "haar"]
    assert visemes.main(line) == 0
    (row,) = json.loads(out.read_text())
    assert (row["shut"], row["open"], row["spoken"]) == (1.0, 1.0, "truth")
    assert row["leak"] == pytest.approx(1.0)
    said = capsys.readouterr().out
    assert "closures of p b m       100 % of 1, 0.0 frames late" in said
    with pytest.raises(SystemExit) as stopped:
        visemes.main([*line, str(blinking)])
    assert stopped.value.code == 2


def test_a_video_without_a_face_is_named(tmp_path, capsys):
    path = tmp_path / "grey.mp4"
    with video.VideoWriter(path, 64, 64, 25) as writer:
        for _ in range(5):
            writer.write(np.full((64, 64, 3), 90, np.uint8))
    truth = {"format": TRUTH_FORMAT, "visemes": [["p", 0, 0.1]]}
    path.with_suffix(".json").write_text(json.dumps(truth))
    assert visemes.main([str(path), "--detector", "haar"]) == 1
    assert "no frame shows a face" in capsys.readouterr().out
