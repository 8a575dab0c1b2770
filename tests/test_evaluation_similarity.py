"""The similarity: its windows, its shifts, its words; and the same in constant memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from evaluation import measure_similarity, similarity_of_faces
from evaluation.describe import describe, mean_with_interval
from evaluation.metrics.faces import at_rate
from evaluation.metrics.similarity import FEWEST_WINDOWS, Similarity
from evaluation.plot import plot_similarity
from synchrony.shifts import SHIFTS, SoundWindows, runs_of_faces, scores_by_shift
from tests.talking_ellipse import (
    FixedBox,
    expert,
    face,
    openings,
    voice,
    write_sound,
    write_video,
)
from video import MediaError, VideoWriter


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def moved(wav: np.ndarray, early: int) -> np.ndarray:
    return np.roll(wav, -early * 640)


def similarity(opened: np.ndarray, wav: np.ndarray) -> Similarity:
    return similarity_of_faces(map(face, opened), wav, expert())


def scored(mean: float, windows: int = 100, offset: int = 0, elsewhere: float = 0.1) -> Similarity:
    """A result with that mean at that offset and another everywhere else."""
    by_shift = np.full((windows, len(SHIFTS)), elsewhere)
    by_shift[:, SHIFTS.index(-offset)] = mean
    return Similarity(np.arange(windows), by_shift, faceless=0, soundless=0, fps=25)


@pytest.mark.parametrize("early", [0, 3, 6, 12, -3, -12])
def test_finds_by_how_much_the_sound_was_moved(early):
    opened = openings(100)
    found = similarity(opened, moved(voice(opened), early))
    assert found.best_offset == early
    assert found.trusted_offset == early
    assert found.best_mean > 0.8


def test_true_sound_scores_best_and_another_voice_lower():
    opened = openings(150)
    true = similarity(opened, voice(opened)).describe().mean
    others = [similarity(opened, moved(voice(opened), early)) for early in (3, 6, 12)]
    others.append(similarity(opened, voice(openings(150, seed=5))))
    assert true > 0.8
    assert max(other.describe().mean for other in others) < 0.6


def test_the_offset_is_found_in_at_least_nine_of_ten_clips():
    near = 0
    for seed in range(20):
        opened = openings(60, seed)
        early = (3, 6, 12, 0)[seed % 4]
        near += abs(similarity(opened, moved(voice(opened), early)).best_offset - early) <= 1
    assert near >= 18


def test_windows_without_a_face_are_left_out_and_counted():
    opened = openings(100)
    faces = [None if 40 <= number < 50 else face(value) for number, value in enumerate(opened)]
    found = similarity_of_faces(faces, voice(opened), expert())
    whole = similarity(opened, voice(opened))
    assert found.faceless == 14  # ten frames, and the four windows that end among them
    assert found.nobs == whole.nobs - 14
    kept = np.isin(whole.frames, found.frames)
    np.testing.assert_allclose(found.cosines, whole.cosines[kept], atol=1e-6)


def test_windows_after_the_end_of_the_sound_are_left_out_and_counted():
    opened = openings(100)
    found = similarity(opened, voice(opened)[: 50 * 640])
    assert found.nobs + found.soundless == 96
    assert found.frames.max() <= 46


def test_a_face_that_comes_after_the_end_of_the_sound_is_an_answer():
    faces = [None] * 60 + [face(0.5)] * 10
    found = similarity_of_faces(faces, voice(openings(20)), expert())
    assert (found.nobs, found.faceless, found.soundless) == (0, 60, 6)


@pytest.mark.parametrize("frames", [0, 1, 3, 4])
def test_too_few_frames_for_one_window_is_an_answer(frames):
    found = similarity(openings(frames), voice(openings(50)))
    assert found.nobs == 0
    assert found.describe() == (0, None, None, None, None, None)
    values = found.to_dict()
    assert values["mean"] is None and values["best_offset"] is None and values["fits"] is None
    assert "no window could be scored" in found.report()


def test_too_few_windows_to_tell_is_said():
    found = scored(0.9, windows=FEWEST_WINDOWS - 1)
    assert found.fits is None and found.trusted_offset == 0
    assert "too few windows to tell: 24" in found.report()


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (scored(0.5), "the voice fits the face (mean similarity 0.500"),
        (scored(0.2), "the voice does not fit the face"),
        (scored(0.5, offset=3), "the voice fits the face once it is shifted"),
        (
            scored(0.5, offset=3),
            "best shift +3 frames (the sound is 120 ms early), 100% sure, mean 0.500",
        ),
        (scored(0.5, offset=-2), "-2 frames (the sound is 80 ms late)"),
    ],
)
def test_says_in_words_what_the_numbers_mean(result, words):
    assert words in result.report()


def test_chance_is_not_called_sure():
    random = np.random.default_rng(0).uniform(0, 1, (100, len(SHIFTS)))
    found = Similarity(np.arange(100), random, 0, 0, 25)
    assert found.sureness < 0.8
    assert found.trusted_offset == 0


def test_a_shift_that_does_not_stand_out_is_said():
    flat = np.tile(np.linspace(0.4, 0.402, len(SHIFTS)), (60, 1))
    flat[::2] = flat[::2, ::-1]
    found = Similarity(np.arange(60), flat, 0, 0, 25)
    assert "no shift stands out" in found.report()
    assert "does not fit the face: no shift is better than others" in found.report()
    assert found.fits is False


def test_the_report_has_the_line_that_scipy_prints():
    opened = openings(60)
    found = similarity(opened, voice(opened))
    first = found.report().splitlines()[0]
    assert first.startswith(f"DescribeResult(nobs={found.nobs}, minmax=(")
    assert "np.float" not in found.report()


def test_moments_are_scipys():
    values = np.random.default_rng(0).gamma(2, size=50)
    np.testing.assert_allclose(
        np.hstack(describe(values)), np.hstack(list(scipy.stats.describe(values)))
    )
    assert describe(np.array([0.5])) == (1, (0.5, 0.5), 0.5, None, None, None)


def test_the_interval_covers_the_mean_and_narrows_with_the_clips():
    random = np.random.default_rng(0)
    few, many = (mean_with_interval(random.normal(7, 1, count)) for count in (10, 1000))
    assert few.low < few.mean < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / 1000**0.5, rel=0.1)
    assert mean_with_interval(np.array([3.0])) == (1, 3.0, None, None)
    assert mean_with_interval(np.array([])) == (0, None, None, None)


@pytest.mark.parametrize("windows", [1, 3, 64])
def test_every_window_of_five_faces_lies_in_one_run(windows):
    random = np.random.default_rng(1)
    faces = [number if random.uniform() < 0.9 else None for number in range(300)]
    expected = [
        first for first in range(296) if all(face is not None for face in faces[first : first + 5])
    ]
    found = []
    for first, run in runs_of_faces(faces, windows):
        assert run == list(range(first, first + len(run)))
        assert len(run) <= windows + 4
        found += range(first, first + len(run) - 4)
    assert found == expected


def test_shifted_scores_equal_the_slow_way():
    random = torch.Generator().manual_seed(0)
    pictures, sounds = (torch.randn(40, 3, generator=random) for _ in range(2))
    calls = []

    def embed(frames: range) -> torch.Tensor:
        calls.extend(frames)
        return sounds[frames.start : frames.stop]

    pieces = [(2, pictures[2:9]), (20, pictures[20:21]), (21, pictures[21:40])]
    windows = SoundWindows(embed, 38, outside=float("nan"))
    frames, scores = scores_by_shift(pieces, windows, lambda a, b: (a * b).sum(dim=1))
    assert list(frames) == [*range(2, 9), *range(20, 40)]
    for frame, row in zip(frames, scores, strict=True):
        for shift, score in zip(SHIFTS, row, strict=True):
            there = 0 <= frame + shift < 38
            slow = float(pictures[frame] @ sounds[frame + shift]) if there else np.nan
            assert score == pytest.approx(slow, abs=1e-5, nan_ok=True)
    assert len(calls) == len(set(calls)), "a sound was embedded twice"


def test_boxes_at_another_rate_are_those_nearest_in_time():
    boxes = np.arange(60.0)[:, None] * np.ones(4)
    assert at_rate(boxes, 60, 25)[:, 0].tolist()[:4] == [0, 2, 5, 7]
    assert len(at_rate(boxes, 60, 25)) == 25
    assert (at_rate(boxes, 25, 25) == boxes).all()
    assert at_rate(boxes[:0], 25, 50).shape == (0, 4)


@pytest.mark.parametrize("fps", [25, 30, 50])
def test_a_video_file_at_any_rate(tmp_path, fps):
    opened = openings(round(4 * fps * 25 / 50))
    times = np.arange(round(len(opened) / 25 * fps)) / fps * 25
    shown = np.interp(times, np.arange(len(opened)), opened)
    sound = write_sound(tmp_path / "voice.wav", voice(opened))
    clip = write_video(tmp_path / "talk.mp4", shown, sound, fps)
    found = measure_similarity(clip, clip, expert(), FixedBox())
    assert abs(found.best_offset) <= (0 if fps == 25 else 1)
    assert found.best_mean > 0.8
    assert found.nobs == pytest.approx(len(opened) - 4, abs=2)


def test_a_video_without_a_face_is_an_answer(tmp_path):
    sound = write_sound(tmp_path / "voice.wav", voice(openings(50)))
    clip = tmp_path / "empty.mp4"
    with VideoWriter(clip, 160, 128, 25, sound=sound) as writer:
        for _ in range(50):
            writer.write(np.full((128, 160, 3), 90, np.uint8))
    found = measure_similarity(clip, clip, expert(), FixedBox())
    assert (found.nobs, found.faceless) == (0, 46)
    assert "46 windows left out without a face" in found.report()


def test_a_video_without_sound_is_refused_by_name(tmp_path):
    clip = write_video(tmp_path / "mute.mp4", openings(30), None)
    with pytest.raises(MediaError, match="mute.mp4 has no sound"):
        measure_similarity(clip, clip, expert(), FixedBox())


@pytest.mark.parametrize("result", [scored(0.5), scored(0.5, offset=3), scored(0.3, windows=0)])
def test_the_plot_is_drawn(tmp_path, result):
    target = tmp_path / "out.png"
    plot_similarity(result, target, "tälk.mp4")
    assert target.stat().st_size > 1000
    with pytest.raises(MediaError, match="cannot"):
        plot_similarity(result, tmp_path / "out.xyz", "talk")


MEMORY = """
import resource, sys
import numpy as np
from tests.talking_ellipse import expert, face
from evaluation import similarity_of_faces
frames = int(sys.argv[1])
wav = np.random.default_rng(0).standard_normal(frames * 640, dtype=np.float32)
faces = (face(number % 10 / 10) for number in range(frames))
assert similarity_of_faces(faces, wav, expert()).nobs
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pictures():
    root = Path(__file__).resolve().parents[1]
    short, long = (
        int(subprocess.check_output([sys.executable, "-c", MEMORY, str(n)], cwd=root, text=True))
        for n in (250, 15000)
    )
    # Ten minutes: 415 MB of faces, 38 MB of samples, of which there are four at a time, and of mel.
    assert long - short < 200
