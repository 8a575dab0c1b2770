"""talklip_train.py: what learns when, exact resume, TalkLip's folders, batches that do not fit."""

import logging
import subprocess

import numpy as np
import pytest
import torch

import talklip_train
from atomic import write_whole
from models.av_hubert.mouths import (
    mouth_levels,
    mouth_pictures,
    paste_faces,
    paste_levels,
    raw_levels,
)
from models.checkpoint import load as load_network
from tests.deterministic import draw
from tests.reading_runs import (
    losses,
    speaking_corpus,
    talklip_arguments,
    train_reader,
    train_talklip,
)  # fmt: skip
from tests.training_runs import differences, load
from training.talklip_terms import Curriculum
from training.talklip_windows import pick_frames
from video import VideoWriter


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return speaking_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def reader(corpus, tmp_path_factory):
    return train_reader(corpus, tmp_path_factory.mktemp("reader"), 1)


@pytest.mark.slow
def test_a_run_learns_saves_and_resumes_to_the_bit(corpus, reader, tmp_path):
    assert train_talklip(corpus, reader, tmp_path / "whole", 4, "--contrastive") == 0
    rows = losses(tmp_path / "whole")
    assert len(rows) == 4 and all(row["lip"] > 0 and row["contrast"] > 0 for row in rows)
    assert (tmp_path / "whole/samples_step000000004/0.jpg").is_file()
    train_talklip(corpus, reader, tmp_path / "parts", 2, "--contrastive")
    half = tmp_path / "parts/checkpoint_step000000002.pth"
    more = ("--contrastive", "--checkpoint_path", half)
    assert train_talklip(corpus, reader, tmp_path / "parts", 4, *more) == 0
    for prefix in ("", "disc_"):
        last = f"{prefix}checkpoint_step000000004.pth"
        assert not differences(load(tmp_path / "whole" / last), load(tmp_path / "parts" / last))
    assert load_network(tmp_path / "whole/checkpoint_best.pth", "talklip").height == 32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "learning"), [(0, set()), (1, {"2", "3", "4"}), (2, {"2", "3", "4"})]
)
def test_the_ears_learn_by_stages(corpus, tmp_path, stage, learning):
    reader = train_reader(corpus, tmp_path / "reader", 1, hparams="layers=5")
    flags = talklip_arguments(
        corpus, reader, tmp_path / "run", 1, hparams=f"first_stage={stage},checkpoint_interval=1"
    )
    content = torch.load(reader, weights_only=True)
    torch.save({**content, "hears": True}, reader)
    flags.remove("--train_audio_encoder")
    assert talklip_train.main(flags) == 0
    before = torch.load(reader, weights_only=True)["state_dict"]
    after = load(tmp_path / "run/checkpoint_step000000001.pth")["state_dict"]
    ears = {name: value for name, value in after.items() if name.startswith("audio_encoder.")}
    changed = {
        name for name, value in ears.items()
        if not torch.equal(value, before[name.replace("audio_encoder", "encoder", 1)])
    }  # fmt: skip
    assert {name.split(".")[4] for name in changed} == learning
    assert all("encoder.layers." in name for name in changed)


def test_a_reader_that_never_heard_lends_no_ears(corpus, reader, tmp_path, capsys):
    flags = talklip_arguments(corpus, reader, tmp_path, 1)
    flags.remove("--train_audio_encoder")
    with pytest.raises(SystemExit) as stop:
        talklip_train.main(flags)
    assert stop.value.code == 2 and "--train_audio_encoder" in capsys.readouterr().err


def test_a_reader_that_cannot_read_is_refused(corpus, reader, tmp_path, capsys):
    flags = talklip_arguments(corpus, reader, tmp_path, 1, hparams="expert_max_word_errors=0.01")
    assert talklip_train.main(flags) == 1
    assert "cannot read this corpus" in capsys.readouterr().err


@pytest.mark.slow
def test_batches_that_do_not_fit_are_left_out_and_counted(
    corpus, reader, tmp_path, monkeypatch, capsys, caplog
):
    learn, calls = talklip_train.TalkLipTrainer.learn_from, []

    def fail_second(self, batch, count):
        calls.append(self.step)
        if self.step == 1 or len(calls) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return learn(self, batch, count)

    monkeypatch.setattr(talklip_train.TalkLipTrainer, "learn_from", fail_second)
    with caplog.at_level(logging.WARNING):
        assert train_talklip(corpus, reader, tmp_path / "run", 3) == 0
    assert [row["skipped_batches"] for row in losses(tmp_path / "run")] == [0, 1, 1]
    assert "does not fit into memory" in caplog.text
    calls.extend(range(30))
    assert train_talklip(corpus, reader, tmp_path / "none", 40, hparams="eval_interval=99") == 1
    assert "20 batches in a row" in capsys.readouterr().err


def test_picked_frames_are_runs_of_five_after_the_first_frame():
    random = np.random.default_rng(0)
    for length in (15, 40, 125, 160):
        frames, references = pick_frames(length, 0.08, random)
        runs = frames.reshape(-1, 5)
        assert len(runs) == max(1, int(0.08 * length / 5 + 0.5))
        assert (np.diff(runs, axis=1) == 1).all() and (np.diff(runs[:, 0]) >= 5).all()
        assert frames.min() >= 1 and frames.max() < length
        assert references.shape == frames.shape and references.max() < length


def test_a_stage_ends_after_the_sixth_validation_without_a_new_least():
    curriculum = Curriculum(0, patience=5)
    assert not curriculum.judge(0.5)
    assert [curriculum.judge(0.6) for _ in range(6)] == [False] * 5 + [True]
    assert curriculum.stage == 1 and not curriculum.is_read
    assert [curriculum.judge(0.55) for _ in range(6)] == [False] * 5 + [True]  # 0.5 still stands
    again = Curriculum(0, 5)
    again.load_state_dict(curriculum.state_dict())
    assert again.is_read and not again.is_through
    assert [again.judge(1) for _ in range(6)][-1] and again.is_through


def test_faces_in_the_middles_of_frames_are_what_the_original_pastes():
    frames = (draw((3, 160, 160, 3), 30) * 255).to(torch.uint8)
    faces = draw((3, 3, 32, 32), 32)
    boxes = torch.tensor([[30, 40, 120, 150], [60, 70, 90, 90], [0, 0, 20, 20]])
    pasted = mouth_pictures(paste_faces(frames, faces, torch.arange(3), boxes))[0]
    levels = raw_levels(mouth_pictures(frames)[0])
    found = paste_levels(levels, faces, boxes - 36)
    np.testing.assert_allclose(found, (pasted * 0.165 + 0.421) * 255, atol=0.51)


def test_gradients_go_from_mouths_to_faces():
    faces = torch.rand(2, 3, 32, 32, requires_grad=True)
    mouth_levels(faces).sum().backward()
    assert (faces.grad[:, :, 16:, 4:28] > 0).all() and not faces.grad[:, :, :16].any()


@pytest.fixture(scope="module")
def trees(corpus, tmp_path_factory):
    """The toy corpus as TalkLip's folders."""
    root = tmp_path_factory.mktemp("trees")
    import cv2

    names = []
    for clip in sorted(path.parent for path in corpus.rglob("audio.wav")):
        name = f"main/{clip.name}"
        names.append(name)
        for folder in ("video", "audio", "bbx", "word"):
            (root / folder / "main").mkdir(parents=True, exist_ok=True)
        with VideoWriter(root / f"video/{name}.mp4", 160, 160, 25) as writer:
            for frame in range(30):
                picture = np.full((160, 160, 3), 90, np.uint8)
                picture[64:96, 64:96] = cv2.imread(str(clip / f"{frame}.jpg"))
                writer.write(picture)
        (root / f"audio/{name}.wav").write_bytes((clip / "audio.wav").read_bytes())
        (root / f"word/{name}.txt").write_text((clip / "words.txt").read_text())
        np.save(root / f"bbx/{name}.npy", np.tile([64, 64, 96, 96], (30, 1)))
    write_whole(root / "lists/train.txt", "\n".join(names[:6]) + "\n")
    write_whole(root / "lists/valid.txt", "\n".join(names[6:]) + "\n")
    return root


def tree_arguments(trees, reader, run_dir, steps=1):
    flags = talklip_arguments(trees, reader, run_dir, steps)
    flags = flags[2:]  # without --data_root
    flags[flags.index("--filelists") + 1] = str(trees / "lists")
    for name in ("video", "audio", "bbx", "word"):
        flags += [f"--{name}_root", str(trees / name)]
    return flags


@pytest.mark.slow
@pytest.mark.parametrize("view", ["face", "frame"])
def test_talklips_own_folders_are_read_for_readers_of_faces_and_of_frames(
    trees, reader, tmp_path, view
):
    content = torch.load(reader, weights_only=True)
    torch.save({**content, "view": view}, tmp_path / "reader.pth")
    flags = tree_arguments(trees, tmp_path / "reader.pth", tmp_path / "run")
    assert talklip_train.main(flags) == 0
    assert losses(tmp_path / "run")[0]["lip"] > 0


@pytest.mark.slow
def test_what_is_missing_in_talklips_folders_is_named(trees, reader, tmp_path, caplog, capsys):
    copy = tmp_path / "trees"
    subprocess.run(["cp", "-r", trees, copy], check=True)
    (copy / "word/main/00001.txt").write_text("Text:  \n")
    np.save(copy / "bbx/main/00002.npy", np.zeros((30, 3)))
    with caplog.at_level(logging.WARNING):
        assert talklip_train.main(tree_arguments(copy, reader, tmp_path / "run")) == 0
    assert "00001.txt has no words" in caplog.text and "not boxes (frames, 4)" in caplog.text
    for file in copy.glob("audio/main/*.wav"):
        file.unlink()
    assert talklip_train.main(tree_arguments(copy, reader, tmp_path / "none")) == 1
    assert "too few sentences can be used, 0 of 6" in capsys.readouterr().err


@pytest.mark.slow
def test_crops_do_not_suit_a_reader_of_frames(corpus, reader, tmp_path, capsys):
    content = torch.load(reader, weights_only=True)
    torch.save({**content, "view": "frame"}, tmp_path / "reader.pth")
    flags = talklip_arguments(corpus, tmp_path / "reader.pth", tmp_path / "run", 1)
    assert talklip_train.main(flags) == 1
    assert "looks at whole frames" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_readers_and_talklip_train_on_a_gpu(tmp_path, precision):
    corpus = speaking_corpus(tmp_path / "corpus")
    on_gpu = ("--device", "cuda", "--precision", precision)
    stages = "lips_steps=1,seeing_steps=1"
    best = train_reader(corpus, tmp_path / "reader", 4, *on_gpu, hparams=stages)
    assert train_talklip(corpus, best, tmp_path / "run", 4, "--contrastive", *on_gpu) == 0
    assert all(row["loss"] > 0 for row in losses(tmp_path / "run"))
