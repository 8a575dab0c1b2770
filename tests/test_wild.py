"""--wild: films to clips. Parts by themselves, then a whole film of a drawn talker."""

import numpy as np
import pytest

import preprocess
from corpus.clips import examine_clip
from corpus.filelists import done_clips
from corpus.report_page import write_page
from hparams import ClipHParams, HParams
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from preprocessing.wild import preprocess_film
from preprocessing.wild.options import WildOptions
from preprocessing.wild.report import WildReport
from preprocessing.wild.stretches import split_at_pauses
from synchrony.courses import without_short
from synchrony.evidence import EVERY, Evidence
from synchrony.film_sound import FilmSound
from synchrony.fit import fit_of
from synchrony.shifts import MAX_SHIFT, SHIFTS
from synchrony.steps import shift_changes
from synchrony.turns import who_speaks
from tests import talking_ellipse
from tests.film_of_ellipses import PaneDetector, faces_of, write_film


def scores(frames: int, offset: int, seed: int = 0, strength: float = 0.4):
    """Windows that fit best where the sound is `offset` frames early."""
    rng = np.random.default_rng(seed)
    starts = np.arange(0, frames - 4, EVERY)
    by_shift = rng.uniform(0.1, 0.5, (len(starts), len(SHIFTS)))
    by_shift[:, MAX_SHIFT - offset] += strength
    return starts, by_shift


def test_the_fit_finds_the_offset_and_is_sure_of_it():
    fit = fit_of(scores(75, 6)[1])
    assert fit.offset == 6
    assert fit.certainty > 0.9


def test_the_fit_is_unsure_where_no_shift_is_better():
    assert fit_of(scores(75, 0, strength=0.0)[1]).certainty < 0.1


def test_the_fit_of_nothing_and_of_silence_is_none():
    assert fit_of(np.empty((0, 31))).certainty == 0
    assert fit_of(np.full((20, 31), np.nan)).certainty == 0


def test_who_speaks_changes_with_the_voice():
    starts, first = scores(200, 3)
    _, second = scores(200, 3, seed=1)
    column = MAX_SHIFT - 3
    first[starts >= 100, column] -= 0.4
    second[starts < 100, column] -= 0.4
    speaks = who_speaks([(starts, first), (starts, second)], 0, 200, least=30)
    assert (speaks[:85] == 0).all()
    assert (speaks[115:] == 1).all()


def test_short_turns_go_to_those_about_them():
    course = np.array([0] * 20 + [1] * 5 + [0] * 20 + [1] * 30)
    assert without_short(course, 10).tolist() == [0] * 45 + [1] * 30


def test_long_stretches_are_split_where_it_is_quiet():
    loud = np.zeros(500)
    loud[230:240] = -60
    pieces = split_at_pauses(loud, 0, 500, 300)
    assert pieces[0][0] == 0
    assert pieces[-1][1] == 500
    assert 228 <= pieces[0][1] <= 242
    assert all(end - begin <= 300 for begin, end in pieces)


def test_evidence_of_pieces_equals_that_of_the_whole():
    expert = talking_ellipse.expert()
    opened = talking_ellipse.openings(120)
    faces = [talking_ellipse.face(value) for value in opened]
    samples = (talking_ellipse.voice(opened) * 32767).astype(np.int16)
    whole, pieces = Evidence(0), Evidence(0)
    whole.add(faces, expert, FilmSound(expert, samples), 0)
    sound = FilmSound(expert, samples)
    for first in range(0, 120, 17):
        pieces.add(faces[first : first + 17], expert, sound, max(0, first - 8))
    for one, other in zip(whole.settle(), pieces.settle(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
    assert fit_of(whole.settle()[1]).offset == 0


@pytest.mark.parametrize("early", [-5, 4])
def test_evidence_tells_by_how_much_the_sound_is_early(early):
    expert = talking_ellipse.expert()
    opened = talking_ellipse.openings(150)
    wav = talking_ellipse.voice(opened)
    samples = (np.roll(wav, -early * 640) * 32767).astype(np.int16)
    evidence = Evidence(0)
    faces = [talking_ellipse.face(value) for value in opened]
    evidence.add(faces, expert, FilmSound(expert, samples), 0)
    assert fit_of(evidence.settle()[1]).offset == early


class ContentExaminer:
    def faults(self, frames, boxes):
        return [None] * len(frames)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    judges = (talking_ellipse.expert(), ContentExaminer())
    monkeypatch.setattr(preprocess_film, "build_judges", lambda options, device: judges)
    return PreprocessSettings(tmp_path / "out", ClipHParams(), wild=WildOptions(max_seconds=4))


def make(path, settings):
    film = SourceVideo(path.stem, path)
    return preprocess_film.preprocess_film(film, settings, PaneDetector())


def test_a_film_becomes_clips_in_sync(tmp_path, settings):
    opened = talking_ellipse.openings(150)
    wav = talking_ellipse.voice(opened)
    late = np.concatenate([np.zeros(3 * 640, np.float32), wav])[: len(wav)]
    write_film(tmp_path / "a.mp4", [faces_of(opened)], late)
    rows = make(tmp_path / "a.mp4", settings)["rows"]
    kept = [row for row in rows if row["kept"]]
    assert [row["offset"] for row in kept] == [-3] * len(kept)
    assert sum(row["frames"] for row in kept) == 150
    assert max(row["seconds"] for row in kept) <= 4
    clip = examine_clip(settings.root / kept[0]["clip"], "a", HParams())
    assert len(clip.frames) == kept[0]["faces"]
    assert make(tmp_path / "a.mp4", settings)["rows"] == rows  # done: not made again


def test_of_two_people_the_one_who_speaks_is_taken(tmp_path, settings):
    own, other = talking_ellipse.openings(90), talking_ellipse.openings(90, seed=5)
    write_film(tmp_path / "b.mp4", [faces_of(other), faces_of(own)], talking_ellipse.voice(own))
    rows = make(tmp_path / "b.mp4", settings)["rows"]
    assert [row["middle"] > 96 for row in rows if row["kept"]] == [True]
    assert {row["reason"] for row in rows if not row["kept"]} == {"another speaks"}


def test_a_still_and_another_voice_are_left_out_by_name(tmp_path, settings):
    opened = talking_ellipse.openings(90)
    voice = talking_ellipse.voice(talking_ellipse.openings(90, seed=7), seed=3)
    write_film(tmp_path / "c.mp4", [faces_of(opened)], voice)
    write_film(tmp_path / "d.mp4", [faces_of(opened[:1]) * 90], voice)
    assert [row["reason"] for row in make(tmp_path / "c.mp4", settings)["rows"]] == [
        "the sound fits at no shift"
    ]
    assert [row["reason"] for row in make(tmp_path / "d.mp4", settings)["rows"]] == [
        "a still picture"
    ]


def test_a_film_that_cannot_be_read_is_one_row(tmp_path, settings):
    (tmp_path / "e.mp4").write_bytes(b"no film")
    rows = make(tmp_path / "e.mp4", settings)["rows"]
    assert [(row["kept"], row["reason"]) for row in rows] == [(False, "undecodable")]


def test_a_full_disk_ends_the_run_with_the_folder_and_the_way_out(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocess, "_run", full_disk)
    root = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        preprocess.main(["--data_root", str(tmp_path), "--preprocessed_root", str(root), "--wild"])
    assert f"No space left on device: {root}; make room and run" in ended.value.code


def test_the_same_clip_twice_is_set_aside(tmp_path, settings):
    opened = talking_ellipse.openings(90)
    wav = talking_ellipse.voice(opened)
    write_film(tmp_path / "f.mp4", [faces_of(opened)], wav)
    write_film(tmp_path / "g.mp4", [faces_of(opened)], 0.7 * wav)
    films = [make(tmp_path / name, settings) for name in ("f.mp4", "g.mp4")]
    report = WildReport.of_films(settings.root, films)
    assert [row["kept"] for row in report.rows] == [True, False]
    assert report.rows[1]["reason"] == "a duplicate"
    assert done_clips(settings.root) == ["f/00000"]
    page = tmp_path / "report.html"
    write_page(settings.root, report.rows, page)
    assert "a duplicate" in page.read_text()
    assert "http" not in page.read_text()


def test_a_take_with_another_offset_begins_another_stretch():
    starts, first = scores(100, 5)
    _, second = scores(100, -3, seed=1)
    both = np.concatenate([first, second])
    (change,) = shift_changes(np.arange(len(both)) * EVERY, both, 15)
    assert abs(change - EVERY * len(first)) <= 6
    assert shift_changes(starts, first, 15) == []


def test_a_take_that_is_joined_on_in_the_same_place_is_kept_apart(tmp_path, settings):
    takes = [talking_ellipse.openings(75, seed=seed) for seed in (1, 2)]
    wavs = [talking_ellipse.voice(opened, seed=at) for at, opened in enumerate(takes)]
    moved = np.concatenate([wavs[0], np.roll(wavs[1], -6 * 640)])
    write_film(tmp_path / "h.mp4", [faces_of(np.concatenate(takes))], moved)
    kept = [row for row in make(tmp_path / "h.mp4", settings)["rows"] if row["kept"]]
    assert [row["offset"] for row in kept] == [0, 6]
    assert abs(kept[1]["from"] - 3) < 0.3
