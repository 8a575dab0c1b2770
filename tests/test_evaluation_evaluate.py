"""A folder of videos to a table and a JSON file: pairing, absence, resuming, workers, comparing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation import SyncNetV2, batch, compare, evaluate, scorer
from evaluation.metrics.table import METRICS, parse_metrics
from evaluation.scorer import Options, Row, Scorer, mouth_half, mouth_movement
from evaluation.summary import as_table, paired_differences, read_scores, summarise
from evaluation.videos import find_videos
from face_detection import make_detector
from models.checkpoint import save_weights
from models.pretrained import AbsentError
from models.syncnet import SyncNet
from tests.deterministic import fill
from tests.talking_ellipse import FixedBox, face, openings, voice, write_sound, write_video
from video import VideoWriter


@pytest.fixture(autouse=True)
def _own_cache_and_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(scorer, "make_detector", lambda name, device: FixedBox())


@pytest.fixture
def folders(tmp_path) -> Path:
    """Two true clips; generated ones with less movement; and one made with silent sound."""
    for number in range(2):
        opened = openings(40, number)
        sound = write_sound(tmp_path / f"{number}.wav", voice(opened))
        name = f"speaker/{number}.mp4"
        write_video(tmp_path / "true" / name, opened, sound)
        write_video(tmp_path / "made" / name, opened * 0.8, sound)
    write_video(tmp_path / "still" / "speaker" / "0.mp4", np.full(40, 0.2), sound)
    return tmp_path


def run(folders: Path, *flags: str, truth: bool = True) -> tuple[int, dict]:
    paths = ["--generated", str(folders / "made"), "--json", str(folders / "out.json")]
    paths += ["--truth", str(folders / "true")] if truth else []
    code = evaluate.main([*paths, "--device", "cpu", *flags])
    written = folders / "out.json"
    return code, json.loads(written.read_text()) if written.exists() else {}


def test_pictures_are_scored_against_their_truth(folders, capsys):
    code, content = run(folders, "--metrics", "psnr,ssim,cpbd,sharpness", "--csv",
                        str(folders / "out.csv"))  # fmt: skip
    assert code == 0
    summary = content["summary"]
    assert 20 < summary["psnr"]["mean"] < 45
    assert 0.8 < summary["ssim"]["mean"] < 1
    for name, entry in summary.items():
        assert entry["clips"] == 2
        assert entry["low"] <= entry["mean"] <= entry["high"]
        assert entry["unit"] and entry["better"] and entry["title"] == METRICS[name].title
    assert [row["clip"] for row in content["clips"]] == ["speaker/0", "speaker/1"]
    assert "PSNR" in capsys.readouterr().out
    assert (folders / "out.csv").read_text().startswith("clip,psnr,ssim,cpbd,sharpness\nspeaker/0,")
    assert not (folders / "out.json.rows").exists()


def test_a_video_against_itself_is_perfect(folders):
    (folders / "true").rename(folders / "gone")
    (folders / "made").rename(folders / "true")
    (folders / "made").symlink_to(folders / "true")
    _, content = run(folders, "--metrics", "psnr,ssim")
    assert content["summary"]["psnr"]["mean"] == 100
    assert content["summary"]["ssim"]["mean"] == pytest.approx(1)


def test_what_cannot_be_measured_is_absent_and_never_zero(folders, capsys):
    absent = ("--syncnet_checkpoint_path", str(folders / "none.safetensors"))
    code, content = run(folders, "--metrics", "all", *absent, truth=False)
    assert code == 0  # CPBD and sharpness are there
    for name in ("lse_d", "lse_c", "fid", "psnr", "ssim", "lmd_sum", "leak", "similarity"):
        entry = content["summary"][name]
        assert entry["mean"] is None and entry["clips"] == 0
        assert entry["absent"]
    assert "--truth DIR" in content["summary"]["psnr"]["absent"]
    assert "models.pretrained syncnet_v2" in content["summary"]["lse_d"]["absent"]
    printed = capsys.readouterr().out
    assert "0.000" not in printed.split("absent")[0]


def test_nothing_measured_is_a_failure(folders):
    code, content = run(folders, "--metrics", "psnr", truth=False)
    assert code == 1
    assert content["summary"]["psnr"]["mean"] is None


def test_without_syncnet_the_expert_is_asked_instead(folders, capsys):
    expert = folders / "expert.safetensors"
    hparams = {"img_height": 32, "img_width": 32, "multiplier": 0.0625}
    save_weights(expert, SyncNet(32, 32, 0.0625), hparams)
    code, content = run(
        folders, "--metrics", "lse", "--syncnet_checkpoint_path", str(expert), truth=False
    )
    assert code == 0
    assert "absent" in content["summary"]["lse_d"]
    assert 0 <= content["summary"]["similarity"]["mean"] <= 1
    assert "similarity is measured instead" in capsys.readouterr().err


@pytest.mark.slow
def test_lse_of_a_folder(folders):
    weights = folders / "syncnet_v2.model"
    torch.save(fill(SyncNetV2().state_dict()), weights)
    for crop in ("whole", "face"):
        _, content = run(
            folders, "--metrics", "lse", "--syncnet_v2_path", str(weights), "--lse_crop", crop
        )
        assert content["summary"]["lse_d"]["mean"] > 0
        assert abs(content["summary"]["lse_offset"]["mean"]) <= 15


def test_leak_is_the_movement_in_silence(folders):
    _, content = run(folders, "--metrics", "leak", "--silent", str(folders / "still"), truth=False)
    assert content["summary"]["leak"]["clips"] == 1
    assert content["summary"]["leak"]["mean"] < 0.2
    assert "silent sound" in content["unscored"]["speaker/1"]["leak"]


def test_broken_and_faceless_clips_are_named_and_the_rest_scored(folders, capsys):
    (folders / "made" / "broken.mp4").write_bytes(b"no video")
    with VideoWriter(folders / "made" / "plain.mp4", 160, 128, 25) as writer:
        for _ in range(10):
            writer.write(np.full((128, 160, 3), 90, np.uint8))
    code, content = run(folders, "--metrics", "sharpness")
    assert code == 0
    assert content["summary"]["sharpness"]["clips"] == 2
    assert content["unscored"].keys() == {"broken", "plain"}
    assert "no face in any of 10 frames" in content["unscored"]["plain"]["sharpness"]
    assert "broken: no sharpness" in capsys.readouterr().err


def options() -> Options:
    return Options(syncnet_checkpoint_path=Path("none"))


def test_a_stopped_run_goes_on_where_it_stopped(folders, monkeypatch):
    clips = find_videos(folders / "made", folders / "true")
    journal = folders / "rows"
    scored = []

    def score(self, clip, groups):
        if len(scored) == 1:
            raise KeyboardInterrupt
        scored.append(clip.name)
        return Row(clip.name, {"psnr": 30.0})

    monkeypatch.setattr(Scorer, "score", score)
    with pytest.raises(KeyboardInterrupt):
        batch.score_clips(clips, ("psnr",), options(), journal)
    with journal.open("a") as file:
        file.write('{"key": [], "cl')  # the line that the stop cut off
    monkeypatch.setattr(Scorer, "score", lambda self, clip, groups: Row(clip.name, {"psnr": 40.0}))
    rows = batch.score_clips(clips, ("psnr",), options(), journal)
    assert [row.scores["psnr"] for row in rows] == [30.0, 40.0]


def test_changed_files_and_options_are_scored_again(folders, monkeypatch):
    monkeypatch.setattr(Scorer, "score", lambda self, clip, groups: Row(clip.name, {"psnr": 1.0}))
    journal = folders / "rows"

    def clips():
        return find_videos(folders / "made", folders / "true")

    batch.score_clips(clips(), ("psnr",), options(), journal)
    monkeypatch.setattr(Scorer, "score", lambda self, clip, groups: Row(clip.name, {"psnr": 2.0}))
    (folders / "made" / "speaker" / "0.mp4").write_bytes(b"another")
    rows = batch.score_clips(clips(), ("psnr",), options(), journal)
    assert [row.scores["psnr"] for row in rows] == [2.0, 1.0]
    rows = batch.score_clips(clips(), ("ssim",), options(), journal)
    assert [row.scores["psnr"] for row in rows] == [2.0, 2.0]


@pytest.mark.slow
def test_workers_give_the_same_rows(tmp_path, shared_data, monkeypatch):
    monkeypatch.setattr(scorer, "make_detector", make_detector)
    (tmp_path / "made").mkdir()
    for clip in sorted((shared_data / "grid_other").glob("*.mpg"))[:2]:
        (tmp_path / "made" / clip.name).symlink_to(clip)
    clips = find_videos(tmp_path / "made")
    alone, together = (
        batch.score_clips(clips, ("sharpness",), options(), tmp_path / f"rows{workers}", workers)
        for workers in (1, 2)
    )
    assert alone == together
    assert all(row.scores for row in together)


def test_clips_are_paired_by_name_whatever_the_suffix(tmp_path):
    for name in ("made/a/1.mp4", "made/b.avi", "made/.hidden.mp4", "made/x.txt", "true/a/1.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clips = find_videos(tmp_path / "made", tmp_path / "true")
    assert [(clip.name, clip.truth and clip.truth.name) for clip in clips] == [
        ("a/1", "1.mkv"),
        ("b", None),
    ]


def test_folders_that_do_not_fit_are_refused(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_videos(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no videos"):
        find_videos(tmp_path / "empty")
    for name in ("made/1.mp4", "true/2.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="has the name of one in"):
        find_videos(tmp_path / "made", tmp_path / "true")
    assert evaluate.main(["--generated", str(tmp_path / "none"), "--json", "x.json"]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_metrics_by_name():
    assert parse_metrics("fid, lse,fid") == ("fid", "lse")
    assert len(parse_metrics("all")) == 10 and "talklip_psnr" not in parse_metrics("all")
    with pytest.raises(ValueError, match="unknown metrics psnrr"):
        parse_metrics("psnrr,ssim")
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(["--generated", "x", "--json", "y", "--metrics", "psnrr"])
    assert stopped.value.code == 2


def test_one_clip_has_a_mean_and_no_interval():
    rows = [Row("a", {"psnr": 30.0}), Row("b", {}, {"psnr": "no face"})]
    summary = summarise(rows, ("psnr",), {}, None)
    assert summary["psnr"]["mean"] == 30
    assert summary["psnr"]["low"] is None
    assert "30.000" in as_table(summary)


def test_still_mouths_do_not_move_and_single_faces_cannot_tell():
    assert mouth_movement(iter([face(0.5)] * 3)) == 0
    assert mouth_movement(iter([face(0.1), face(0.9), face(0.1)])) > 1
    assert mouth_half(face(0.5)).shape == (48, 96, 3)
    with pytest.raises(AbsentError, match="no frame"):
        mouth_movement(iter([face(0.1), None, face(0.9)]))


def evaluation(scores: list[float]) -> dict:
    return {"clips": [{"clip": str(n), "scores": {"psnr": s}} for n, s in enumerate(scores)]}


def test_methods_are_compared_clip_by_clip(tmp_path, capsys):
    hard_and_easy = np.linspace(20, 40, 30)
    ours, theirs = (tmp_path / name for name in ("ours.json", "theirs.json"))
    ours.write_text(json.dumps(evaluation(list(hard_and_easy))))
    noise = np.random.default_rng(0).normal(0, 0.2, 30)
    theirs.write_text(json.dumps(evaluation(list(hard_and_easy + 0.5 + noise))))
    assert compare.main([str(ours), str(theirs)]) == 0
    assert "the second is better" in capsys.readouterr().out
    assert compare.main([str(theirs), str(ours)]) == 0
    assert "the first is better" in capsys.readouterr().out
    assert compare.main([str(ours), str(ours)]) == 0
    assert "no difference that chance could not make" in capsys.readouterr().out


def test_only_clips_that_both_have_are_compared(tmp_path, capsys):
    fewer = evaluation([1.0, 2.0])
    for name, content in (("more", evaluation([0.0, 0.0, 9.0])), ("fewer", fewer)):
        (tmp_path / name).write_text(json.dumps(content))
    difference = paired_differences(*(read_scores(tmp_path / n) for n in ("more", "fewer")))["psnr"]
    assert (difference.count, difference.mean) == (2, 1.5)
    (tmp_path / "a.json").write_text("{}")
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1
    assert "cannot compare" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\xff\xfe\x00",
        b"[1, 2]",
        b"[" * 100_000,
        b'{"clips": [{"clip": "a", "scores": [1]}]}',
        b'{"clips": [{"clip": "a", "scores": {"psnr": "high"}}]}',
        b'{"clips": [{"clip": "a", "scores": {"psnr": 1' + b"0" * 400 + b"}}]}",
    ],
)
def test_files_of_another_kind_are_one_line_of_error(tmp_path, capsys, content):
    (tmp_path / "good.json").write_text(json.dumps(evaluation([1.0, 2.0])))
    (tmp_path / "bad.json").write_bytes(content)
    assert compare.main([str(tmp_path / "good.json"), str(tmp_path / "bad.json")]) == 1
    error = capsys.readouterr().err
    assert "bad.json is no JSON file of evaluation.evaluate" in error and error.count("\n") == 1


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_no_video_is_dropped_for_its_name(tmp_path):
    touch(
        tmp_path, "made/b.mpg", "made/b.avi", "made/c.ts", "true/b.mpg", "true/b.avi", "true/c.mp4"
    )
    clips = find_videos(tmp_path / "made", tmp_path / "true")
    assert [(clip.name, clip.generated.name, clip.truth.name) for clip in clips] == [
        ("b.avi", "b.avi", "b.avi"),
        ("b.mpg", "b.mpg", "b.mpg"),
        ("c", "c.ts", "c.mp4"),
    ]


def test_a_video_is_never_paired_by_guess(tmp_path):
    touch(tmp_path, "made/b.mp4", "true/b.mpg", "true/b.avi")
    with pytest.raises(ValueError, match="true has b.avi and b.mpg: which belongs to b.mp4"):
        find_videos(tmp_path / "made", tmp_path / "true")


def test_a_gpu_without_memory_is_one_line_here_too(folders, monkeypatch, capsys):
    def score(self, clip, groups):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")

    monkeypatch.setattr(Scorer, "score", score)
    flags = ["--generated", str(folders / "made"), "--json", str(folders / "out.json")]
    assert evaluate.main([*flags, "--metrics", "sharpness", "--device", "cpu"]) == 1
    assert "error: CUDA out of memory" in capsys.readouterr().err
    assert not (folders / "out.json").exists()
