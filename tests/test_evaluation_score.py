"""evaluation.score: several videos, some of them bad, and what is written of all."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation import score
from evaluation.metrics.similarity import Similarity
from synchrony.shifts import SHIFTS
from video import MediaError


def measured(mean: float) -> Similarity:
    return Similarity(
        np.arange(50), np.full((50, len(SHIFTS)), mean), faceless=0, soundless=0, fps=25
    )


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A function that scores: by the videos' names, without networks."""
    monkeypatch.setattr(score, "read_expert", lambda *_: None)
    monkeypatch.setattr(score, "make_detector", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    asked = []

    def measure(path: Path, *_, **__) -> Similarity:
        asked.append(path)
        faults = {
            "broken": MediaError("no sound"),
            "gone": PermissionError(13, "not for you"),
            "stop": KeyboardInterrupt(),
            "large": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nSee"),
        }
        if path.stem in faults:
            raise faults[path.stem]
        return measured(0.6 if path.parent.name == "a" else 0.2)

    monkeypatch.setattr(score, "measure_similarity", measure)

    def score_them(*arguments: str) -> int:
        asked.clear()
        return score.main(list(arguments))

    score_them.asked = asked
    return score_them


def test_videos_of_one_name_each_have_a_plot(run, tmp_path):
    plots = ["--plot", "out/score.png", "--json", "out.json"]
    assert run("a/talk.mp4", "b/talk.mp4", "a/other.mp4", *plots) == 0
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert len(drawn) == len(set(drawn.values())) == 3
    assert "score.other.png" in drawn
    assert run("a/talk.mp4", "--plot", "one.png") == 0
    assert (tmp_path / "one.png").exists()


def test_one_bad_video_stops_no_other_and_is_told_in_the_json(run, tmp_path, capsys):
    files = ["--json", "out.json", "--csv", "out.csv"]
    assert run("a/gone.mp4", "a/broken.mp4", "a/talk.mp4", *files) == 1
    rows = json.loads((tmp_path / "out.json").read_text())["videos"]
    assert [row.get("absent") for row in rows] == ["[Errno 13] not for you", "no sound", None]
    assert rows[2]["mean"] == pytest.approx(0.6)
    with (tmp_path / "out.csv").open() as file:
        assert {row["video"] for row in csv.DictReader(file)} == {"a/talk.mp4"}
    assert "cannot be scored: no sound" in capsys.readouterr().out


def test_a_gpu_without_memory_is_one_line(run, monkeypatch, capsys):
    assert run("a/large.mp4", "a/talk.mp4") == 1
    told = "CUDA out of memory. Tried to allocate 9 GiB; try again with --device cpu\n"
    assert f"cannot be scored: {told}" in capsys.readouterr().out

    def no_room(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    monkeypatch.setattr(score, "read_expert", no_room)
    assert run("a/talk.mp4") == 1
    assert capsys.readouterr().err == f"error: {told}"


def test_a_video_given_twice_is_scored_once(run, tmp_path):
    assert run("a/talk.mp4", "a/talk.mp4", "--json", "out.json") == 0
    assert len(run.asked) == 1
    assert json.loads((tmp_path / "out.json").read_text())["video"] == "a/talk.mp4"


def test_ctrl_c_is_one_line(run, tmp_path, capsys):
    assert run("a/talk.mp4", "a/stop.mp4", "a/never.mp4", "--json", "out.json") == 130
    assert capsys.readouterr().err == "interrupted; no file was written\n"
    assert not (tmp_path / "out.json").exists() and len(run.asked) == 2
