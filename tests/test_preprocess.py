"""preprocess.py: what a clip becomes, why clips are left out, resuming, shards, lists."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import preprocess
import video
from audio import load_wav, melspectrogram
from corpus.errors import CorpusError
from corpus.filelists import done_clips, make_filelists, split_folders
from corpus.truth import TRUTH_FILE, TRUTH_FORMAT
from face_detection import Track, Tracks, make_detector
from hparams import HParams
from models.devices import DeviceError
from preprocessing import attempt, workers
from preprocessing import clip as clip_module
from preprocessing.clip import preprocess_clip
from preprocessing.report import CorpusReport
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo, find_sources, take_shard
from preprocessing.workers import Machine, SharedDetector, run_here
from tests.drawn_talker import write_clip
from training.session import training_parser

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def detector():
    return make_detector("haar")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Two speakers with two clips each, at two frame rates, made once."""
    root = tmp_path_factory.mktemp("corpus") / "main"
    for speaker in ("anna", "ben"):
        write_clip(root / speaker / "00001.mp4")
        write_clip(root / speaker / "00002.mp4", frames=36, fps=30)
    (root / "anna/00001.txt").write_text("Text:  GOOD MORNING\n")
    return root


@pytest.fixture
def settings(tmp_path) -> PreprocessSettings:
    return PreprocessSettings(root=tmp_path / "out", hp=HParams(), detector="haar")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def run(corpus: Path, root: Path, *flags: str) -> int:
    arguments = ["--data_root", str(corpus), "--preprocessed_root", str(root)]
    with pytest.raises(SystemExit) as stopped:
        preprocess.main([*arguments, "--detector", "haar", "--quiet", "--workers", "1", *flags])
    return stopped.value.code


def test_a_clip_becomes_crops_sound_mel_and_a_description(corpus, settings, detector):
    row = preprocess_clip(SourceVideo("anna/00001", corpus / "anna/00001.mp4"), settings, detector)
    folder = settings.root / "anna/00001"
    names = {path.name for path in folder.iterdir()}
    kept = {"audio.wav", "mel.npy", "words.txt", "clip.json"}
    assert names == {f"{n}.jpg" for n in range(30)} | kept
    described = json.loads((folder / "clip.json").read_text())
    assert (row["kept"], row["frames"], row["faces"]) == (True, 30, 30)
    for number, (left, top, right, bottom) in enumerate(described["boxes"]):
        crop = cv2.imread(str(folder / f"{number}.jpg"))
        assert crop.shape == (bottom - top, right - left, 3)
    assert described["settings"]["detector"] == "haar" and described["source"] == "00001.mp4"


def test_crops_show_the_picture_under_their_box(corpus, settings, detector):
    preprocess_clip(SourceVideo("anna/00001", corpus / "anna/00001.mp4"), settings, detector)
    folder = settings.root / "anna/00001"
    boxes = json.loads((folder / "clip.json").read_text())["boxes"]
    for number, image in enumerate(video.read_frames(corpus / "anna/00001.mp4", 25)):
        left, top, right, bottom = boxes[number]
        crop = cv2.imread(str(folder / f"{number}.jpg"))
        difference = cv2.absdiff(crop, image[top:bottom, left:right])
        assert difference.mean() < 2


def test_sound_is_16_khz_mono_and_the_mel_is_that_of_the_file(corpus, settings, detector):
    preprocess_clip(SourceVideo("anna/00001", corpus / "anna/00001.mp4"), settings, detector)
    folder = settings.root / "anna/00001"
    info = video.probe(folder / "audio.wav")
    assert info.sounds[0].sample_rate == 16000 and info.sounds[0].codec == "pcm_s16le"
    expected = melspectrogram(load_wav(folder / "audio.wav", 16000), HParams())
    np.testing.assert_array_equal(np.load(folder / "mel.npy"), expected)


def test_the_truth_of_a_made_video_comes_along(corpus, settings, detector, tmp_path):
    source = shutil.copy(corpus / "anna/00001.mp4", tmp_path / "made.mp4")
    beside, truth = tmp_path / "made.json", {"format": TRUTH_FORMAT, "fps": 25, "frames": 30}
    for name, content, comes in (
        ("made", truth, True),
        ("slow", truth | {"fps": 30}, False),
        ("cut", truth | {"frames": 50}, False),
        ("other", {"title": "a film"}, False),
    ):
        beside.write_text(json.dumps(content))
        assert preprocess_clip(
            SourceVideo(
                f"x/{name}",
                Path(source),
            ),
            settings,
            detector,
        )["kept"]
        carried = settings.root / "x" / name / TRUTH_FILE
        assert carried.exists() == comes
        assert not comes or carried.read_bytes() == beside.read_bytes()


def test_any_frame_rate_comes_out_at_the_wanted_one(corpus, settings, detector):
    row = preprocess_clip(SourceVideo("a/b", corpus / "anna/00002.mp4"), settings, detector)
    assert (row["frames"], row["seconds"], row["source_fps"]) == (30, 1.2, "30")


def test_a_long_clip_is_decoded_twice_with_the_same_result(corpus, settings, detector, monkeypatch):
    source = corpus / "anna/00001.mp4"
    preprocess_clip(SourceVideo("in/memory", source), settings, detector)
    monkeypatch.setattr(clip_module, "FRAMES_IN_MEMORY", 1 << 20)
    preprocess_clip(SourceVideo("decoded/twice", source), settings, detector)
    assert contents(settings.root / "in/memory") == contents(settings.root / "decoded/twice")


def test_crops_are_no_larger_than_asked_and_keep_their_shape(corpus, settings, detector):
    small = PreprocessSettings(root=settings.root, hp=HParams(), detector="haar", crop_size=64)
    preprocess_clip(SourceVideo("a/b", corpus / "anna/00001.mp4"), small, detector)
    boxes = json.loads((settings.root / "a/b/clip.json").read_text())["boxes"]
    for number, (left, top, right, bottom) in enumerate(boxes):
        height, width = cv2.imread(str(settings.root / f"a/b/{number}.jpg")).shape[:2]
        assert max(height, width) == 64
        assert width / height == pytest.approx((right - left) / (bottom - top), abs=0.02)


def test_a_faceless_stretch_leaves_a_hole_and_later_frames_keep_their_numbers(
    tmp_path, settings, detector, monkeypatch
):
    source = write_clip(tmp_path / "hole.mp4", frames=60)
    frames = np.r_[0:20, 30:60]
    track = Track(frames[:20], np.tile([90.0, 50, 200, 190], (20, 1)), np.ones(20))
    later = Track(frames[20:], np.tile([90.0, 50, 200, 190], (30, 1)), np.ones(30))
    tracks = Tracks(60, 320, 240, 25.0, (), [later, track])
    monkeypatch.setattr(
        clip_module, "find_tracks", lambda stream, *_, **__: list(stream) and tracks
    )
    row = preprocess_clip(SourceVideo("a/b", source), settings, detector)
    crops = {int(path.stem) for path in (settings.root / "a/b").glob("*.jpg")}
    assert crops == set(frames.tolist()) and (row["frames"], row["faces"]) == (60, 50)


def bad_clips(folder: Path) -> Iterator[tuple[Path, str]]:
    folder.mkdir()
    yield write_clip(folder / "no_face.mp4", face=lambda frame: False), "no face"
    yield write_clip(folder / "no_sound.mp4", sound=False), "no sound"
    yield write_clip(folder / "short.mp4", frames=15), "too short"
    late = write_clip(folder / "late.mp4", frames=50, face=lambda frame: frame >= 30)
    yield late, "too many frames without a face"
    text = folder / "text.mp4"
    text.write_text("this is no video")
    yield text, "undecodable"
    cut = write_clip(folder / "cut.mp4", frames=50)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    yield cut, "undecodable"
    yield folder / "gone.mp4", "undecodable"


def test_each_bad_clip_is_named_with_its_reason_and_leaves_nothing(tmp_path, settings, detector):
    for source, reason in bad_clips(tmp_path / "bad"):
        row = preprocess_clip(SourceVideo(f"bad/{source.stem}", source), settings, detector)
        assert (row["clip"], row["kept"], row["reason"]) == (f"bad/{source.stem}", False, reason)
        assert row["detail"]
    assert contents(settings.root) == {}
    assert list((settings.root / "bad").iterdir()) == []


def test_a_failed_write_leaves_nothing_of_the_clip(corpus, settings, detector, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(clip_module, "write_heard", full_disk)
    with pytest.raises(OSError, match="No space"):
        preprocess_clip(SourceVideo("anna/00001", corpus / "anna/00001.mp4"), settings, detector)
    assert contents(settings.root) == {}


def test_the_run_reports_every_clip_and_does_nothing_twice(corpus, tmp_path, capsys):
    root = tmp_path / "out"
    assert (
        run(corpus, root, "--make_filelists", "1,0,0", "--filelists", str(tmp_path / "lists")) == 0
    )
    rows = [json.loads(line) for line in (root / "report.jsonl").read_text().splitlines()]
    names = ["anna/00001", "anna/00002", "ben/00001", "ben/00002"]
    assert [row["clip"] for row in rows] == names
    shown = capsys.readouterr().out
    assert "kept 4 of 4 clips" in shown and "2 x 25, 2 x 30" in shown
    assert (tmp_path / "lists/train.txt").read_text().split() == names
    before = contents(root)
    stamps = {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")}
    assert run(corpus, root) == 0
    assert contents(root) == before
    assert stamps == {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg")}


def test_half_done_clips_are_made_anew(corpus, tmp_path):
    whole, spoilt = tmp_path / "whole", tmp_path / "spoilt"
    assert run(corpus, whole) == 0
    leftover = spoilt / "anna/.00001.4711.partial"
    leftover.mkdir(parents=True)
    (leftover / "0.jpg").write_bytes(b"half")
    os.utime(leftover, (0, 0))
    (spoilt / "ben/00002").mkdir(parents=True)
    (spoilt / "ben/00002/999.jpg").write_bytes(b"of the original's making")
    assert run(corpus, spoilt) == 0
    assert contents(spoilt) == contents(whole)
    assert not leftover.exists()


def test_a_folder_that_is_not_ours_is_never_removed(corpus, tmp_path):
    notes = tmp_path / "out/ben/00002/notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("years of work")
    assert "notes.txt, which preprocessing does not make" in run(corpus, tmp_path / "out")
    assert notes.read_text() == "years of work"


def test_clips_made_with_other_settings_are_kept_and_told_of(corpus, tmp_path, capsys):
    run(corpus, tmp_path / "out")
    before = contents(tmp_path / "out/anna")
    capsys.readouterr()
    run(corpus, tmp_path / "out", "--crop_size", "64")
    assert contents(tmp_path / "out/anna") == before
    assert "4 clips were there already, made with other settings" in capsys.readouterr().out


def test_a_video_that_was_replaced_under_its_name_is_told_of(corpus, tmp_path, capsys):
    videos = tmp_path / "main/x"
    videos.mkdir(parents=True)
    for name, source in (("1.mp4", "anna/00001.mp4"), ("2.mp4", "anna/00001.mp4")):
        shutil.copy(corpus / source, videos / name)
    run(videos.parent, tmp_path / "out")
    shutil.copy(corpus / "anna/00002.mp4", videos / "2.mp4")
    before = contents(tmp_path / "out/x")
    capsys.readouterr()
    run(videos.parent, tmp_path / "out")
    assert "1 videos have another size than when their clips were made (the first: x/2)" in (
        capsys.readouterr().out
    )
    assert contents(tmp_path / "out/x") == before


def test_every_number_of_the_mel_is_a_setting(corpus, tmp_path, capsys):
    run(corpus, tmp_path / "out")
    for file in (tmp_path / "out/anna").rglob("clip.json"):  # as they were before
        described = json.loads(file.read_text())
        del described["settings"]["preemphasis"]
        file.write_text(json.dumps(described))
    capsys.readouterr()
    run(corpus, tmp_path / "out", "--hparams", "preemphasis=0.5")
    assert "2 clips were there already, made with other settings" in capsys.readouterr().out
    run(corpus, tmp_path / "out")
    assert "other settings" not in capsys.readouterr().out


def test_lists_lie_where_training_looks_for_them():
    parser, trainer = preprocess.build_parser(), training_parser("")
    assert parser.get_default("filelists") == trainer.get_default("filelists")


def test_a_broken_description_is_one_line_of_error(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    (tmp_path / "out/ben/00001/clip.json").write_text("")
    assert "ben/00001/clip.json is broken; remove" in run(corpus, tmp_path / "out")


def test_over_half_bad_is_exit_code_1(tmp_path, capsys):
    root = tmp_path / "data" / "main"
    for number in range(3):
        (root / "x").mkdir(parents=True, exist_ok=True)
        (root / f"x/{number}.mp4").write_text("no video")
    write_clip(root / "x/good.mp4")
    assert run(root, tmp_path / "out") == 1
    shown = capsys.readouterr()
    assert "3 left out: undecodable (the first: x/0)" in shown.out
    assert "left out x/1: undecodable: " in shown.err


@pytest.mark.slow
def test_shards_are_disjoint_and_together_everything(corpus, tmp_path):
    clips = find_sources(corpus)
    shards = [take_shard(clips, 3, index) for index in range(3)]
    assert sorted(sum(shards, [])) == clips
    assert run(corpus, tmp_path / "one") == 0
    for index in range(2):
        flags = ["--num_shards", "2", "--shard_index", str(index)]
        assert run(corpus, tmp_path / "two", *flags) == 0
    crops = {name: data for name, data in contents(tmp_path / "two").items() if "/" in name}
    expected = {name: data for name, data in contents(tmp_path / "one").items() if "/" in name}
    assert crops == expected
    assert len(list((tmp_path / "two").glob("report_0000?-of-00002.jsonl"))) == 2
    with pytest.raises(CorpusError, match="shard_index 2"):
        take_shard(clips, 2, 2)


def test_clips_are_named_after_folder_and_file(tmp_path):
    root = tmp_path / "my clips"
    for name in (
        "top.mp4", "a/x.mp4", "a/x.avi", "b/c/deep one.MKV", "b/c.mov", "a/notes.txt", "a/._x.mp4"
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    names = [clip.name for clip in find_sources(root)]
    assert names == ["a/x.avi", "a/x.mp4", "b/c.mov", "b/c/deep_one", "my_clips/top"]


def test_no_two_clips_have_one_name(tmp_path):
    root = tmp_path / "main"
    for name in ("s/a b.mpg", "s/a_b.mpg", "s/a_b.avi", "s/x.avi", "s/x.mp4", "s/x.avi.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    clips = {clip.source.name: clip.name for clip in find_sources(root)}
    assert len(set(clips.values())) == len(clips) == 6
    assert clips["a_b.avi"] == "s/a_b.avi" and clips["x.mp4"] == "s/x.mp4"
    assert clips["a b.mpg"].startswith("s/a_b.mpg-") and clips["a_b.mpg"].startswith("s/a_b.mpg-")
    (root / "s/a b.mpg").unlink()
    assert "s/a_b.mpg" in {clip.name for clip in find_sources(root)}


def test_every_name_found_is_listed_and_fits_the_file_system(corpus, tmp_path, capsys):
    root = tmp_path / ".data"
    (root / ".trash").mkdir(parents=True)
    for name in (".trash/old.mp4", "y" * 251 + ".mp4", "top.mp4"):
        (root / name).symlink_to(corpus / "anna/00001.mp4")
    assert run(root, tmp_path / "out") == 0
    assert "kept 2 of 2 clips" in capsys.readouterr().out
    assert len(done_clips(tmp_path / "out")) == 2


def test_one_clip_that_nobody_foresaw_does_not_end_the_run(corpus, tmp_path, monkeypatch, capsys):
    probe = clip_module.video.probe

    def fails(path):
        if path.name == "00002.mp4":
            raise KeyError("a fault of ours")
        return probe(path)

    monkeypatch.setattr(clip_module.video, "probe", fails)
    assert run(corpus, tmp_path / "out") == 0
    assert "left out ben/00002: failed: KeyError: 'a fault of ours' (" in capsys.readouterr().err
    assert done_clips(tmp_path / "out") == ["anna/00001", "ben/00001"]


def test_what_ails_the_machine_ends_the_run(corpus, settings, detector, monkeypatch):
    for fault in (OSError(28, "No space left"), torch.OutOfMemoryError("CUDA")):
        monkeypatch.setattr(attempt, "preprocess_clip", raising(fault))
        with pytest.raises((OSError, DeviceError)):
            attempt.try_clip(find_sources(corpus)[0], settings, detector)


def raising(error: Exception):
    def fails(*_):
        raise error

    return fails


def test_a_shard_makes_no_lists(corpus, tmp_path):
    flags = ["--num_shards", "2", "--make_filelists", "1,0,0", "--filelists", str(tmp_path / "l")]
    assert run(corpus, tmp_path / "out", *flags) == 2
    assert not (tmp_path / "l").exists()


@pytest.mark.parametrize("folder", ["missing", "."])
def test_a_corpus_without_clips_is_one_line_of_error(tmp_path, folder):
    with pytest.raises(SystemExit, match="error: .*" + str(tmp_path)):
        preprocess.main(
            ["--data_root", str(tmp_path / folder), "--preprocessed_root", str(tmp_path / "out")]
        )


def test_lists_split_by_folder_and_always_alike():
    folders = {f"speaker{number}" for number in range(40)}
    lists = split_folders(folders, (0.8, 0.1, 0.1))
    assert [len(lists[which]) for which in ("train", "val", "test")] == [32, 4, 4]
    assert frozenset.union(*lists.values()) == folders
    assert lists == split_folders(sorted(folders, reverse=True), (0.8, 0.1, 0.1))


def test_lists_never_replace_others(tmp_path):
    for speaker in "abc":
        (tmp_path / f"out/{speaker}/1").mkdir(parents=True)
        (tmp_path / f"out/{speaker}/1/clip.json").touch()
    target = tmp_path / "lists"
    counts = make_filelists(tmp_path / "out", (0.4, 0.3, 0.3), target)
    assert counts == {"train": 1, "val": 1, "test": 1}
    make_filelists(tmp_path / "out", (0.4, 0.3, 0.3), target)
    (target / "val.txt").write_text("my own\n")
    with pytest.raises(CorpusError, match="val.txt is there and differs"):
        make_filelists(tmp_path / "out", (0.4, 0.3, 0.3), target)
    assert (target / "val.txt").read_text() == "my own\n"


def test_one_speaker_cannot_be_split():
    with pytest.raises(CorpusError, match="1 folders cannot be split"):
        split_folders(["only"], (0.8, 0.1, 0.1))


@pytest.mark.parametrize("flags", [["--make_filelists", "0.9,0.2,0.1"], ["--hparams", "fsp=25"]])
def test_wrong_flags_are_exit_code_2(tmp_path, flags):
    assert run(tmp_path, tmp_path / "out", *flags) == 2


def test_small_faces_are_warned_of(settings):
    row = {"clip": "a", "kept": True, "faces": 30, "median_face_height": 60.0, "source_fps": "25"}
    summary = CorpusReport.of([row]).summary(settings)
    assert "median face is 60 px high, the networks' 96" in summary


def test_two_runs_at_once_are_refused(tmp_path):
    with preprocess._alone(tmp_path / "report.lock"):
        with pytest.raises(CorpusError, match="another run"):
            with preprocess._alone(tmp_path / "report.lock"):
                pass
    assert not (tmp_path / "report.lock").exists()


class CountingDetector:
    settings = {"detector": "counting"}

    def __init__(self):
        self.batches: list[int] = []

    def detect(self, images):
        time.sleep(0.0 if self.batches else 0.5)  # meanwhile others ask
        self.batches.append(len(images))
        return [np.array([[90, 50, 200, 190, 0.9]]) for _ in images]


def test_threads_share_batches_across_clips_and_results_stay_apart(corpus, settings):
    alone, shared = CountingDetector(), CountingDetector()
    clips = find_sources(corpus)
    expected = [preprocess_clip(clip, settings, alone) for clip in clips]
    before = contents(settings.root)
    again = PreprocessSettings(
        root=settings.root.with_name("shared"), hp=HParams(), detector="haar"
    )
    workers._worker = workers._Worker(again, SharedDetector(shared), threads=4)
    try:
        assert workers._preprocess(clips) == expected
    finally:
        workers._worker = None
    assert contents(again.root) == before
    assert len(shared.batches) < len(alone.batches)
    assert sum(shared.batches) == sum(alone.batches)


def test_a_failing_detector_fails_those_who_wait_for_it():
    class Broken:
        settings = {}

        def detect(self, images):
            raise RuntimeError("CUDA error: device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        SharedDetector(Broken()).detect([np.zeros((3, 3, 3), np.uint8)])


def test_haar_uses_processors_whatever_gpus_there_are(monkeypatch):
    monkeypatch.setattr(workers.torch.cuda, "device_count", lambda: 4)
    assert set(Machine.find(2, 3, "haar").devices) == {"cpu"}
    assert Machine.find(2, 3, "s3fd").devices == ("cuda:0", "cuda:1")
    assert Machine.find(0, 3, "s3fd").devices == ("cpu",) * 3


def test_without_ray_the_way_out_is_named(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'ray[default]'" in run(corpus, tmp_path / "out", "--backend", "ray")


@pytest.mark.slow
def test_a_dead_worker_is_one_clear_error(corpus, settings, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    rows = run_here(find_sources(corpus) * 20, settings, Machine(("cpu", "cpu"), 1, 1))
    next(rows)
    worker, _ = workers.multiprocessing.active_children()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(workers.WorkerError, match="fewer --workers"):
        list(rows)


def children_of(process: subprocess.Popen) -> set[str]:
    """Process ids; none where the system does not tell."""
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return set(told.read_text().split()) if told.exists() else set()


@pytest.mark.slow
def test_killed_five_times_ends_with_the_same_bytes(corpus, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    many = tmp_path / "many"
    for number in range(8):
        (many / f"s{number}").parent.mkdir(exist_ok=True)
        (many / f"s{number}").symlink_to(corpus / "anna")
    command = [sys.executable, "preprocess.py", "--data_root", str(many), "--detector", "haar"]
    command += ["--quiet", "--workers", "2", "--preprocessed_root"]
    subprocess.run([*command, str(whole)], cwd=ROOT, check=True)
    dice, workers_seen = random.Random(0), set()
    for _ in range(5):
        process = subprocess.Popen([*command, str(killed)], cwd=ROOT)
        time.sleep(dice.uniform(2, 5))
        workers_seen |= children_of(process)
        process.kill()
        process.wait()
    subprocess.run([*command, str(killed)], cwd=ROOT, check=True)
    assert contents(killed) == contents(whole)
    assert not list(killed.rglob("*.partial"))
    assert not [pid for pid in workers_seen if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_real_clips_preprocess_without_a_miss(shared_data, tmp_path):
    assert run(shared_data / "grid_other", tmp_path / "out", "--workers", "2") == 0
    rows = [json.loads(line) for line in (tmp_path / "out/report.jsonl").read_text().splitlines()]
    assert len(rows) == 6 and all(row["kept"] and row["faces"] == 75 for row in rows)


@pytest.mark.slow
def test_odd_media_each_give_a_folder_or_a_reason(shared_data, tmp_path):
    run(shared_data / "odd_media", tmp_path / "out", "--workers", "2")
    rows = [json.loads(line) for line in (tmp_path / "out/report.jsonl").read_text().splitlines()]
    assert len(rows) == 16
    for row in rows:
        folder = tmp_path / "out" / row["clip"]
        assert folder.is_dir() == row["kept"]
        assert row["kept"] or (row["reason"] and row["detail"])
