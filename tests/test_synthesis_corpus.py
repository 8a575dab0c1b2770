"""The synthetic corpus on disk: layouts, truth, splits, repeatability, resuming, command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import video
from audio import melspectrogram
from hparams import HParams
from preprocessing.clip import preprocess_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo, find_sources
from synthesis import make_corpus
from synthesis.corpus_files import box_errors
from synthesis.renderer import FrameTruth
from synthesis.synthetic_clip import CorpusPlan, make_clip
from tests.espeak_mark import skips_without_espeak

ROOT = Path(__file__).resolve().parents[1]
FRAMES = 40  # 1.6 s
pytestmark = [pytest.mark.espeak, skips_without_espeak]


class FlatRenderer:
    """Stands in for the real one: a grey square for a face, a line for the lips' gap."""

    fails_at = None  # clip number in which drawing fails

    def __init__(self, head, speaker, scene, width: int, height: int) -> None:
        self.width, self.height, self.scene = width, height, scene
        self.shade = int(np.random.default_rng(speaker.seed).integers(60, 200))

    def truth(self, performance, frame: int) -> FrameTruth:
        left = 0.25 * self.width + 4 * performance.rotation[frame, 1]
        box = left, 0.2 * self.height, left + 0.4 * self.width, 0.7 * self.height
        return FrameTruth(box, np.full((68, 2), left), tuple(performance.rotation[frame].tolist()))

    def render(self, performance, frame: int) -> np.ndarray:
        image = np.full((self.height, self.width, 3), 30, np.uint8)
        left, top, right, bottom = (round(edge) for edge in self.truth(performance, frame).box)
        image[top:bottom, left:right] = self.shade
        opening = round(20 * float(performance.weights["jawOpen"][frame]))
        image[bottom - 20 : bottom - 20 + opening, left + 10 : right - 10] = 0
        return image

    def render_crop(self, performance, frame: int, box, width: int, height: int) -> np.ndarray:
        left, top, right, bottom = (round(edge) for edge in box)
        return cv2.resize(self.render(performance, frame)[top:bottom, left:right], (width, height))


@pytest.fixture(autouse=True)
def flat(monkeypatch, request) -> None:
    if "shared_data" not in request.fixturenames:
        monkeypatch.setattr(make_corpus, "Renderer", FlatRenderer)
        monkeypatch.setattr(make_corpus, "load_head", lambda path: None)
        make_corpus._head.cache_clear()


def run(out: Path, *more: str, speakers: int = 3, clips: int = 1) -> Path:
    make_corpus.main(
        ["--head_model", "head.npz", "--out", str(out), "--speakers", str(speakers),
         "--clips", str(clips), "--seconds", str(FRAMES / 25), "--size", "128",
         "--workers", "1", "--quiet", *more]
    )  # fmt: skip
    return out


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_corpus_has_lrs2s_layout(tmp_path, capsys):
    out = run(tmp_path / "corpus", clips=2)
    assert capsys.readouterr().out.strip() == str(out)
    clips = [clip.name for clip in find_sources(out / "main")]
    assert clips == [f"s000{s}/0000{c}" for s in range(3) for c in (1, 2)]
    info = video.probe(out / "main/s0000/00001.mp4")
    assert (info.width, info.height, float(info.fps)) == (128, 128, 25)
    frames = list(video.read_frames(info))
    assert len(frames) == FRAMES
    assert len(video.read_sound(info.path, 16000)) == pytest.approx(FRAMES * 640, abs=1100)
    words = (out / "main/s0000/00001.txt").read_text(encoding="utf-8")
    assert words.startswith("Text:  ") and words == words.replace("text", "TEXT")
    assert not list(out.rglob("*.partial"))


def test_each_speaker_is_in_one_list_with_a_language_of_its_own(tmp_path):
    out = run(tmp_path)
    lists = {name: (out / f"filelists/{name}.txt").read_text() for name in ("train", "val", "test")}
    assert lists == {"train": "s0000/00001\n", "val": "s0001/00001\n", "test": "s0002/00001\n"}
    voices = [
        json.loads((out / f"main/s000{n}/00001.json").read_text())["voice"]["voice"]
        for n in range(3)
    ]
    assert len({voice["language"] for voice in voices}) == 3
    assert len({voice["variant"] for voice in voices}) == 3


def test_the_truth_has_a_row_for_every_frame(tmp_path):
    truth = json.loads((run(tmp_path) / "main/s0000/00001.json").read_text(encoding="utf-8"))
    assert truth["frames"] == FRAMES and truth["size"] == [128, 128]
    assert np.shape(truth["boxes"]) == (FRAMES, 4)
    assert np.shape(truth["landmarks"]) == (FRAMES, 68, 2)
    assert np.shape(truth["pose"]) == (FRAMES, 3)
    assert np.shape(truth["weights"]["jawOpen"]) == (FRAMES,)
    phones = truth["phones"]
    assert phones[0][1] == 0 and phones[-1][2] == pytest.approx(FRAMES / 25, abs=1e-3)
    assert all(a[2] == pytest.approx(b[1], abs=1e-3) for a, b in pairwise(phones))


def test_sound_alone_is_that_of_the_same_clips_and_needs_no_head(tmp_path, monkeypatch):
    drawn = bytes_of(run(tmp_path / "drawn", "--crops_only", speakers=4))
    monkeypatch.setattr(make_corpus, "load_head", None)
    flags = ["--sound_only", "--out", str(tmp_path / "heard"), "--speakers", "4", "--clips", "1"]
    flags += ["--seconds", str(FRAMES / 25), "--workers", "1", "--quiet"]
    make_corpus.main(flags)
    heard = bytes_of(tmp_path / "heard")
    lists = {"sounds": [0, 3], "sounds_val": [1], "sounds_test": [2]}
    for name, speakers in lists.items():
        listed = heard.pop(f"filelists/{name}.txt").decode().split()
        assert listed == [f"s000{speaker}/00001" for speaker in speakers]
    clips = [f"s000{speaker}/00001" for speaker in range(4)]
    files = ("audio.wav", "mel.npy", "truth.json", "words.txt")
    assert sorted(heard) == [f"{clip}/{file}" for clip in clips for file in files]
    for clip in clips:
        assert heard[f"{clip}/mel.npy"] == drawn[f"{clip}/mel.npy"]
        truths = (json.loads(made[f"{clip}/truth.json"]) for made in (heard, drawn))
        told, known = truths
        assert told["weights"] == known["weights"] and "boxes" not in told
    before = bytes_of(tmp_path / "heard")
    for file in ("truth.json", "words.txt"):
        (tmp_path / "heard/s0003/00001" / file).unlink()
    make_corpus.main(flags)
    assert bytes_of(tmp_path / "heard") == before


def test_a_corpus_has_a_head_or_sound_alone(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        make_corpus.main(["--out", str(tmp_path)])
    assert stop.value.code == 2
    assert "--head_model --sound_only" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        make_corpus.main(["--out", str(tmp_path), "--sound_only", "--crops_only"])
    assert stop.value.code == 2
    assert "--sound_only draws nothing" in capsys.readouterr().err


def test_the_sound_in_the_video_is_not_late(tmp_path):
    out = run(tmp_path, speakers=1)
    made = make_clip(CorpusPlan(0, FRAMES / 25, 128), 0, 0).sound
    heard = video.read_sound(out / "main/s0000/00001.mp4", 16000)
    likeness = np.fft.irfft(np.conj(np.fft.rfft(made, 65536)) * np.fft.rfft(heard, 65536))
    assert abs((np.argmax(likeness) + 32768) % 65536 - 32768) <= 1


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(tmp_path):
    first, again = (run(tmp_path / name, speakers=1) for name in ("a", "b"))
    assert bytes_of(first) == bytes_of(again)
    other = run(tmp_path / "c", "--seed", "1", speakers=1)
    assert bytes_of(other).keys() == bytes_of(first).keys()
    assert bytes_of(other) != bytes_of(first)


def test_a_larger_corpus_begins_with_the_smaller_one(tmp_path):
    small = bytes_of(run(tmp_path / "small", "--crops_only", speakers=1))
    large = bytes_of(run(tmp_path / "large", "--crops_only", speakers=2, clips=2))
    assert {name: large[name] for name in small if "filelists" not in name} == {
        name: data for name, data in small.items() if "filelists" not in name
    }


@pytest.mark.parametrize("layout", [(), ("--crops_only",)])
def test_a_run_that_stopped_goes_on_to_the_same_end(tmp_path, monkeypatch, layout):
    whole = bytes_of(run(tmp_path / "whole", *layout, clips=2))
    drawn = []

    class Stops(FlatRenderer):
        def truth(self, performance, frame):
            drawn.append(frame)
            if len(drawn) == 2 * FRAMES + 7:
                raise KeyboardInterrupt
            return super().truth(performance, frame)

    monkeypatch.setattr(make_corpus, "Renderer", Stops)
    with pytest.raises(SystemExit, match="run the same command again"):
        run(tmp_path / "stopped", *layout, clips=2)
    half = bytes_of(tmp_path / "stopped")
    assert half and half.items() < whole.items()
    monkeypatch.setattr(make_corpus, "Renderer", FlatRenderer)
    assert bytes_of(run(tmp_path / "stopped", *layout, clips=2)) == whole


def test_what_a_killed_run_left_is_removed(tmp_path):
    out = run(tmp_path, speakers=1)
    whole = bytes_of(out)
    (out / "main/s0000/00001.mp4").unlink()
    left = out / "main/s0000/.00001.123.partial"
    left.mkdir()
    (left / "made.mp4").write_bytes(b"half")
    os.utime(left, (0, 0))
    assert bytes_of(run(tmp_path, speakers=1)) == whole


def test_a_clip_that_is_there_is_not_made_again(tmp_path):
    out = run(tmp_path, speakers=1)
    target = out / "main/s0000/00001.mp4"
    before = target.stat().st_mtime_ns
    run(tmp_path, speakers=1)
    assert target.stat().st_mtime_ns == before


class FixedBox:
    """A detector that sees the square of FlatRenderer's."""

    settings = {"detector": "fixed"}

    def detect(self, images: list[np.ndarray]) -> list[np.ndarray]:
        return [
            np.array([[0.25, 0.2, 0.65, 0.7, 1.0]])
            * [image.shape[1], image.shape[0], image.shape[1], image.shape[0], 0.99]
            for image in images
        ]


def test_crops_have_the_form_that_preprocessing_gives_them(tmp_path):
    videos = run(tmp_path / "videos", speakers=1)
    crops = run(tmp_path / "crops", "--crops_only", speakers=1) / "s0000/00001"
    settings = PreprocessSettings(root=tmp_path / "preprocessed", hp=HParams())
    source = SourceVideo("s0000/00001", videos / "main/s0000/00001.mp4")
    assert preprocess_clip(source, settings, FixedBox())["kept"]
    other = settings.root / "s0000/00001"
    assert {p.name for p in crops.iterdir()} == {p.name for p in other.iterdir()}
    made, wanted = (json.loads((folder / "clip.json").read_text()) for folder in (crops, other))
    assert {*made, "source_bytes"} == {*wanted}  # of a video, which is not there here
    assert made["settings"].keys() == wanted["settings"].keys()
    for key in ("format", "frames", "faces", "seconds", "source_fps", "source_size"):
        assert made[key] == wanted[key], key
    assert np.abs(np.array(made["boxes"]) - np.array(wanted["boxes"])).max() < 12
    mels = [np.load(folder / "mel.npy") for folder in (crops, other)]
    assert mels[0].shape[0] == mels[1].shape[0] == 80
    assert mels[0].shape[1] == pytest.approx(mels[1].shape[1], abs=6)
    heard = video.read_sound(crops / "audio.wav", 16000)
    assert len(heard) == FRAMES * 640
    assert np.array_equal(melspectrogram(heard, HParams()), mels[0])


def test_a_crop_is_what_its_box_holds_and_no_larger_than_asked(tmp_path):
    folder = run(tmp_path, "--crops_only", "--crop_size", "40", speakers=1) / "s0000/00001"
    boxes = json.loads((folder / "clip.json").read_text())["boxes"]
    assert len(boxes) == FRAMES
    for frame, (left, top, right, bottom) in enumerate(boxes):
        height, width = cv2.imread(str(folder / f"{frame}.jpg")).shape[:2]
        assert max(height, width) == 40
        assert width / height == pytest.approx((right - left) / (bottom - top), rel=0.05)


def test_boxes_are_off_by_a_little_and_calmly():
    clip = make_clip(CorpusPlan(0, 6.0, 256), 0, 0)
    errors, per_yaw = box_errors(clip)
    assert 0 <= per_yaw <= 0.45
    assert errors.shape == (150, 4)
    assert 0 < np.abs(errors).mean() < 0.15
    assert np.abs(np.diff(errors, axis=0)).max() < 0.02  # of a face: two pixels of a hundred
    assert np.array_equal(errors, box_errors(clip)[0])


def test_recordings_can_be_given(tmp_path):
    made = make_clip(CorpusPlan(0, 2.0, 128), 0, 0)
    with wave.open(str(tmp_path / "someone.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((made.sound * 2**15).astype("<i2").tobytes())
    out = run(tmp_path / "out", "--speech", str(tmp_path), speakers=1)
    truth = json.loads((out / "main/s0000/00001.json").read_text())
    assert truth["recording"] == "someone.wav" and "voice" not in truth
    assert max(truth["weights"]["jawOpen"]) > 0.05


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--size", "97"), "no even number from 64"),
        (("--seconds", "0.3"), "training needs 0.64 s"),
        (("--seconds", "nan"), "nan is not over 0"),
        (("--seconds", "inf"), "inf is not over 0"),
        (("--speakers", "0"), "no whole number from 1"),
    ],
)
def test_wrong_flags_are_named(tmp_path, capsys, flags, words):
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, *flags)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--languages", "tlh"), "unknown language 'tlh'"),
        (("--languages", "fr"), "none of the languages fr is kept for val"),
        (("--speech", "nowhere"), "no sound files"),
    ],
)
def test_what_cannot_be_had_is_named(tmp_path, flags, words):
    with pytest.raises(SystemExit, match=words):
        run(tmp_path, *flags)
    assert not (tmp_path / "main").exists()


def real(shared_data: Path, out: Path, *more: str) -> list[str]:
    head = shared_data / "ict_facekit.npz"
    return ["--head_model", str(head), "--out", str(out), "--seconds", "1", "--size", "96",
            "--quiet", *more]  # fmt: skip


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte(shared_data, tmp_path):
    for workers in ("1", "2"):
        make_corpus.main(
            real(shared_data, tmp_path / workers, "--workers", workers, "--crops_only",
                 "--speakers", "2", "--clips", "2")
        )  # fmt: skip
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2")


@pytest.mark.slow
def test_killed_at_any_moment_a_run_ends_with_the_same_bytes(shared_data, tmp_path):
    flags = ("--crops_only", "--speakers", "2", "--clips", "3", "--workers", "2")
    command = [sys.executable, "-m", "synthesis.make_corpus"]
    for delay in (6, 9):
        process = subprocess.Popen(command + real(shared_data, tmp_path / "killed", *flags),
                                   cwd=ROOT)  # fmt: skip
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(1.5)  # the workers notice
    make_corpus.main(real(shared_data, tmp_path / "killed", *flags))
    make_corpus.main(real(shared_data, tmp_path / "whole", *flags))
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    shutil.rmtree(tmp_path)
