"""The three scripts as a user runs them, and whether what they train can learn."""

import json
import logging

import cv2
import pytest
import torch
from torch.utils.data import default_collate

import color_syncnet_train
import hq_talkface_train
import talkface_train
from corpus.clips import read_corpus
from hparams import HParams, SyncNetHParams
from models.checkpoint import load, read_checkpoint
from models.syncnet import SyncNet
from tests.toy_corpus import make_clip, make_corpus
from tests.training_runs import metrics, run, write_expert
from training.engine.runtime import Runtime
from training.experts import freeze
from training.generator_terms import GeneratorLosses
from training.losses import negatives
from training.windows import ExpertContrast, ExpertPairs, GeneratorWindows
from video import probe, read_frames

CPU = Runtime(torch.device("cpu"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 8, frames=20, size=32)
    return folder


@pytest.fixture
def small_hp():
    """Narrow, but wide enough to learn a batch by heart; fast rates."""
    return HParams().with_overrides(
        "img_size=32,multiplier=0.125,initial_learning_rate=2e-2,"
        "disc_initial_learning_rate=2e-3,disc_warmup_steps=0"
    )


@pytest.fixture
def expert_hp():
    return SyncNetHParams().with_overrides(
        "img_size=32,multiplier=0.125,initial_learning_rate=5e-3"
    )


@pytest.fixture
def corpus(root, small_hp):
    return read_corpus(root, root / "filelists/train.txt", small_hp)


def one_batch(windows, size: int) -> dict:
    return default_collate([windows[number] for number in range(size)])


def learn(trainer, batch: dict, steps: int) -> list[dict]:
    said = []
    for _ in range(steps):
        said.append({name: value.item() for name, value in trainer.train_step([batch]).items()})
        trainer.step += 1
    return said


@pytest.mark.parametrize("windows", [0, 6])
def test_the_expert_learns_a_batch_by_heart(windows, corpus, expert_hp):
    hp = expert_hp.with_overrides(f"multiplier=0.0625,infonce_windows={windows}")
    trainer = color_syncnet_train.ExpertTrainer(CPU, hp, corpus)
    kind = ExpertContrast if windows else ExpertPairs
    said = learn(trainer, one_batch(kind(corpus.clips, hp, seed=0), 2 if windows else 12), 50)
    bce = "bce" if windows else "loss"
    assert 0.5 < said[0][bce] < 1.5
    assert said[-1][bce] < 0.15 and said[-1]["accuracy"] > 0.95


def test_an_expert_counts_over_all_parts_of_a_step(corpus, expert_hp):
    hp = expert_hp.with_overrides("infonce_windows=6,min_gap=3,blendshape_wt=1")
    trainer = color_syncnet_train.ExpertTrainer(CPU, hp, corpus)
    parts = [one_batch(ExpertContrast(corpus.clips, hp, seed), 1) for seed in (0, 1)]
    parts[0]["audio_blendshapes"][:] = 0.5  # what is known there
    counts = trainer.count_all(parts)
    assert (
        counts["audio_blendshapes"] == parts[0]["audio_blendshapes"].numel() / 2
        and counts["video_blendshapes"] == 0
    )
    wrong = [negatives(part["starts"], 3).sum() for part in parts]
    assert counts["wrong"] == sum(wrong) / 2
    assert trainer.count_all(parts[:1]) == {}  # the batch is one part: its own counts


def generator_trainer(script, hp, corpus):
    expert = freeze(SyncNet(32, 32, 0.0625))
    trainer = getattr(script, "HqTrainer", None) or script.GeneratorTrainer
    losses = GeneratorLosses(expert, None, CPU, hp)
    return trainer(CPU, hp, losses, GeneratorWindows(corpus.clips, hp, seed=0))


@pytest.mark.parametrize(
    "script", [talkface_train, pytest.param(hq_talkface_train, marks=pytest.mark.slow)]
)
def test_a_generator_learns_a_batch_by_heart(script, corpus, small_hp):
    hp = small_hp.with_overrides("syncnet_wt=0.01")
    trainer = generator_trainer(script, hp, corpus)
    batch = one_batch(GeneratorWindows(corpus.clips, hp, seed=0), 1)
    said = learn(trainer, batch, 40)
    assert said[0]["l1"] > 0.15
    assert said[-1]["l1"] < 0.35 * said[0]["l1"]
    assert {"sync", "loss", "gradient_norm"} <= said[0].keys()


@pytest.mark.slow
def test_the_discriminator_learns_too_and_pays_for_itself_only(corpus, small_hp):
    hp = small_hp.with_overrides("initial_learning_rate=1e-5,disc_initial_learning_rate=3e-3")
    trainer = generator_trainer(hq_talkface_train, hp, corpus)
    batch = one_batch(GeneratorWindows(corpus.clips, hp, seed=0), 2)
    said = learn(trainer, batch, 30)
    both = [line["disc_real"] + line["disc_fake"] for line in said]
    assert both[0] == pytest.approx(2 * 0.693, abs=0.05)
    assert min(both) < 1.2
    assert all(weight.requires_grad for weight in trainer.discriminator.parameters())


def test_the_discriminator_s_weight_rises_slowly(corpus, small_hp):
    trainer = generator_trainer(
        hq_talkface_train, small_hp.with_overrides("disc_warmup_steps=100"), corpus
    )
    weights = []
    for trainer.step in (0, 50, 100, 5000):
        weights.append(trainer.disc_weight)
    assert weights == pytest.approx([0, 0.035, 0.07, 0.07])


def test_published_weights_of_the_losses(corpus, small_hp):
    """s sync + (1 - s) L1; s sync + d quality + (1 - s - d) L1."""
    terms = {"reconstruction": 0.1, "sync": 2.0, "quality": 5.0}
    plain = generator_trainer(talkface_train, small_hp, corpus)
    assert plain.loss(terms, 0.0) == pytest.approx(0.1)
    assert plain.loss(terms, 0.01) == pytest.approx(0.01 * 2 + 0.99 * 0.1)
    hq = generator_trainer(hq_talkface_train, small_hp, corpus)
    assert hq.loss(terms, 0.03, 0.07) == pytest.approx(0.03 * 2 + 0.07 * 5 + 0.9 * 0.1)


def test_checkpoints_have_the_original_s_names_and_come_back(corpus, request, tmp_path):
    golden = json.loads((request.path.parent / "data/state_dicts.json").read_text())
    trainer = color_syncnet_train.ExpertTrainer(CPU, SyncNetHParams(), corpus)
    hq = generator_trainer(hq_talkface_train, HParams(), corpus)
    states = {"expert": trainer.files()[""], "generator": hq.files()[""]}
    states["quality_discriminator"] = hq.files()["disc_"]
    for name, state in states.items():
        shapes = {key: list(value.shape) for key, value in state["state_dict"].items()}
        assert shapes == golden[name]
        assert {"state_dict", "optimizer", "hparams"} <= state.keys()
    # What another tool makes of ours, and DataParallel's prefix, come back the same.
    weights = {f"module.{k}": v for k, v in states["expert"]["state_dict"].items()}
    torch.save({"state_dict": weights, "optimizer": None, "global_step": 3}, tmp_path / "a.pth")
    back = load(tmp_path / "a.pth", "expert").state_dict()
    assert all(torch.equal(back[k], v) for k, v in trainer.learner.network.state_dict().items())


@pytest.mark.parametrize("kind", ["expert", "generator", "hq"])
def test_a_run_leaves_what_it_promises(kind, root, tmp_path, capsys):
    assert run(kind, root, tmp_path, 2, "--keep", "1") == 0
    last = tmp_path / "checkpoint_step000000002.pth"
    assert capsys.readouterr().out.strip() == str(last)
    loaded = load(last, "expert" if kind == "expert" else "generator")
    assert loaded.height == 32
    assert read_checkpoint(tmp_path / "checkpoint_best.pth").optimizer is None
    if kind == "hq":
        assert load(tmp_path / "disc_checkpoint_step000000002.pth", "discriminator").height == 32
    assert [line["step"] for line in metrics(tmp_path, "train")] == [1, 2]
    validated = metrics(tmp_path, "val")
    assert [line["step"] for line in validated] == [1, 2]
    wanted = {
        "expert": {"loss", "accuracy_in_sync", "accuracy_off_sync", "margin"},
        "generator": {"l1", "sync", "cosine_generated", "cosine_true", "sync_weight"},
        "hq": {"l1", "sync", "quality", "disc_real", "disc_fake", "disc_weight", "sharpness"},
    }
    assert wanted[kind] <= validated[-1].keys()
    if kind != "expert":
        grid = cv2.imread(str(tmp_path / "samples_step000000002/0.jpg"))
        assert grid.shape == (5 * 32, 4 * 32, 3)
        sample = tmp_path / "samples_step000000002/sample_video.mp4"
        assert probe(sample).sounds and len(list(read_frames(sample))) == 20


def test_the_second_expert_watches(root, tmp_path):
    second = write_expert(tmp_path / "second.pth")
    more = ["--second_syncnet_checkpoint_path", str(second)]
    assert run("generator", root, tmp_path / "run", 1, *more) == 0
    line = metrics(tmp_path / "run", "val")[0]
    assert line["second_cosine_true"] == pytest.approx(line["cosine_true"], abs=1e-5)


def test_an_hd_generator_takes_a_small_expert(root, tmp_path):
    numbers = "img_height=72,img_width=48"
    assert run("generator", root, tmp_path, 1, hparams=numbers) == 0
    network = load(tmp_path / "checkpoint_step000000001.pth", "generator")
    assert (network.height, network.width) == (72, 48)


def test_a_blind_expert_stops_the_run(root, tmp_path, capsys):
    line = ["--data_root", root, "--filelists", root / "filelists", "--checkpoint_dir", tmp_path]
    line += ["--syncnet_checkpoint_path", write_expert(root / "expert.pth"), "--device", "cpu"]
    line += ["--hparams", "img_size=32,multiplier=0.0625,num_workers=0,eval_batches=1"]
    assert talkface_train.main([str(part) for part in line]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: the expert on this validation set: loss") and "--force" in error


def test_an_empty_corpus_stops_at_once(root, tmp_path, capsys):
    (tmp_path / "filelists").mkdir()
    for split in ("train", "val"):
        (tmp_path / "filelists" / f"{split}.txt").write_text("")
    assert run("expert", tmp_path, tmp_path / "run", 2) == 1
    assert "names no clip" in capsys.readouterr().err


def test_broken_clips_are_named_and_the_rest_is_trained_on(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    make_corpus(tmp_path, 8, frames=20, size=32)
    make_clip(tmp_path / "odd/short", frames=6, size=32)
    with (tmp_path / "filelists/train.txt").open("a") as file:
        file.write("odd/short\nodd/gone\n")
    for face in (tmp_path / "speaker0/00000").glob("*.jpg"):
        face.write_bytes(b"no picture")
    assert run("expert", tmp_path, tmp_path / "run", 3) == 0
    assert "6 of 8 clips can be used" in caplog.text
    assert "odd/gone" in caplog.text and "odd/short" in caplog.text
    assert "left out: speaker0/00000: " in caplog.text


def test_a_folder_with_another_run_is_refused(root, tmp_path, capsys):
    assert run("expert", root, tmp_path, 2) == 0
    assert run("expert", root, tmp_path, 2) == 1
    assert "holds checkpoints up to step 2" in capsys.readouterr().err


def test_weights_alone_begin_a_new_training(root, tmp_path):
    assert run("expert", root, tmp_path / "a", 2) == 0
    best = tmp_path / "a/checkpoint_best.pth"
    assert run("expert", root, tmp_path / "b", 1, "--checkpoint_path", best) == 0
    begun = read_checkpoint(tmp_path / "b/checkpoint_step000000001.pth")
    assert begun.step == 1 and begun.hparams["img_height"] == 32


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--hparams", "batchsize=3"], "did you mean 'batch_size'"),
        (["--max_steps", "0"], "--max_steps must be 1 or more"),
        (["--precision", "int8"], "invalid choice"),
        (["--seed", "-1"], "--seed must be 0 to"),
        (["--seed", str(2**70)], "--seed must be 0 to"),
        (["--hparams", "syncnet_lr=nan"], "initial_learning_rate must be over 0"),
    ],
)
def test_wrong_flags_end_with_code_2(more, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        color_syncnet_train.main(
            ["--data_root", str(tmp_path), "--checkpoint_dir", str(tmp_path), *more]
        )
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_the_wrong_kind_of_checkpoint_is_refused(root, tmp_path, capsys):
    wrong = write_expert(tmp_path / "expert.pth")
    assert run("generator", root, tmp_path / "run", 1, "--checkpoint_path", str(wrong)) == 1
    assert "this is a lip-sync expert, not a generator" in capsys.readouterr().err


def test_a_full_disk_is_said_in_one_line(root, tmp_path, capsys, monkeypatch):
    def full(path, state):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 8")

    monkeypatch.setattr("training.engine.checkpoints.save_checkpoint", full)
    assert run("expert", root, tmp_path / "run", 2) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "cannot write" in error and "MiB are free" in error and "--keep" in error


def test_a_loss_that_is_no_number_stops_the_run(root, tmp_path, capsys):
    assert run("expert", root, tmp_path, 3, hparams="syncnet_lr=1e30") == 1
    error = capsys.readouterr().err
    assert "the loss is no number any more at step" in error and "clip_grad_norm=1" in error


def test_a_run_that_is_over_says_so(root, tmp_path, capsys):
    assert run("expert", root, tmp_path, 2) == 0
    last = str(tmp_path / "checkpoint_step000000002.pth")
    assert run("expert", root, tmp_path, 2, "--checkpoint_path", last) == 1
    assert "nothing to do: step 2" in capsys.readouterr().err


def test_a_clip_in_both_lists_is_a_warning(tmp_path, caplog):
    make_corpus(tmp_path, 2, frames=16, size=32)
    assert run("expert", tmp_path, tmp_path / "run", 1) == 0
    assert "2 clips are in train.txt and in val.txt" in caplog.text
