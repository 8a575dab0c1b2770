"""Hyperparameters: defaults, overrides, and refusals that name the way out."""

import ast
import json
from dataclasses import fields
from pathlib import Path

import pytest

import hparams
from hparams import (
    HParams,
    LandmarkHParams,
    LipHearingHParams,
    LipWarpHParams,
    Numbers,
    SyncNetHParams,
)


def test_defaults_are_the_originals(hp):
    assert (hp.num_mels, hp.n_fft, hp.hop_size, hp.win_size) == (80, 800, 200, 800)
    assert (hp.sample_rate, hp.fmin, hp.fmax, hp.preemphasis) == (16000, 55, 7600, 0.97)
    assert (hp.img_size, hp.fps, hp.batch_size) == (96, 25, 16)
    assert (SyncNetHParams().batch_size, SyncNetHParams().initial_learning_rate) == (64, 1e-4)
    assert (hp.syncnet_wt, hp.disc_wt, hp.initial_learning_rate) == (0.0, 0.07, 1e-4)
    assert hp.mels_per_second == 80


def test_overrides_take_the_field_s_type(hp):
    changed = hp.with_overrides("batch_size=8, disc_wt=1e-5,save_optimizer_state=False,")
    assert (changed.batch_size, changed.disc_wt) == (8, 1e-5)
    assert changed.save_optimizer_state is False
    assert hp.batch_size == 16
    assert hp.with_overrides("nepochs=2e5").nepochs == 200_000
    assert isinstance(hp.with_overrides("fps=30").fps, float)


def test_img_size_sets_both_sides(hp):
    square = hp.with_overrides("img_size=128")
    assert (square.img_height, square.img_width, square.img_size) == (128, 128, 128)
    with pytest.raises(ValueError, match="288x192"):
        _ = hp.with_overrides("img_height=288,img_width=192").img_size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batchsize=8", "did you mean 'batch_size'"),
        ("img_siez=8", "did you mean 'img_size'"),
        ("zzz=8", "known: num_mels"),
        ("batch_size=x", "batch_size: expected int, got 'x'"),
        ("batch_size=1.5", "batch_size: expected int, got '1.5'"),
        ("batch_size=1e400", "batch_size: expected int, got '1e400'"),
        ("save_optimizer_state=yes", "expected True or False, got 'yes'"),
        ("batch_size", "expected name=value, got 'batch_size'"),
        ("hop_size=300", "no multiple of hop_size 300"),
        ("win_size=900", "win_size 900 is longer than n_fft 800"),
        ("fmax=9000", "fmax 9000.0"),
        ("batch_size=0", "batch_size must be over 0"),
        ("fps=nan", "fps must be over 0"),
        ("hop_size=0", "hop_size must be over 0, not 0"),
        ("num_mels=40", "num_mels is 80, since"),
        ("mel_step_size=27", "mel_step_size is 16, since"),
        ("syncnet_T=3", "syncnet_T is 5, since"),
        ("final_lr_share=0.1", "final_lr_share is called min_lr_ratio now"),
        ("accumulate=2", "accumulate is called grad_accum_steps now"),
        ("syncnet_lr=1e-4", "syncnet_lr is a number of SyncNetHParams, not of HParams"),
        ("clip_grad_norm=-1", "clip_grad_norm must be 0 or more, not -1"),
        ("ema_decay=1.5", "ema_decay is a share, 0 to 1, not 1.5"),
        ("ema_decay=1", "never moves"),
        ("disc_initial_learning_rate=nan", "disc_initial_learning_rate must be over 0, not nan"),
        ("initial_learning_rate=inf", "initial_learning_rate must be over 0, not inf"),
        ("augment=nan", "augment is a share"),
        ("ref_level_db=inf", "ref_level_db must be a number"),
        ("min_level_db=0", "min_level_db must be below 0"),
        ("warmup_steps=-1", "warmup_steps must be 0 or more"),
        ("batch_size=4,batch_size=8", "batch_size is given twice"),
        ("img_size=4,img_height=8", "img_height is given twice"),
    ],
)
def test_wrong_overrides_are_refused(hp, text, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        hp.with_overrides(text)


def test_a_dict_goes_there_and_back(hp):
    changed = hp.with_overrides("multiplier=0.25,img_height=288")
    stored = json.loads(json.dumps(changed.to_dict()))
    assert HParams.from_dict({**stored, "of_a_later_version": 1}) == changed


@pytest.mark.parametrize(
    "stored",
    [{"fps": [25]}, {"batch_size": "16"}, {"batch_size": 1.5}, {"sync_batchnorm": 1},
     {"batch_size": True}, {"fps": float("nan")}, {"hop_size": 0}],
    ids=str,
)  # fmt: skip
def test_a_stored_value_of_another_type_is_refused(stored):
    with pytest.raises(ValueError, match=next(iter(stored))):
        HParams.from_dict(stored)


def test_old_names_of_twins_still_work():
    short = SyncNetHParams().with_overrides("syncnet_batch_size=8,syncnet_lr=1e-5")
    assert short == SyncNetHParams().with_overrides("batch_size=8,initial_learning_rate=1e-5")
    with pytest.raises(ValueError, match="batch_size is given twice"):
        SyncNetHParams().with_overrides("batch_size=8,syncnet_batch_size=8")
    for name, new in [("contrast_windows", "infonce_windows"), ("apart", "min_gap"),
                      ("truth_first", "blendshape_warmup_steps")]:  # fmt: skip
        with pytest.raises(ValueError, match=f"is called {new} now"):
            SyncNetHParams().with_overrides(f"syncnet_{name}=2")


def test_numbers_of_before_are_understood():
    """One class held the numbers of all methods, twins by a prefix."""
    before = {"batch_size": 16, "syncnet_batch_size": 96, "hearing_batch_size": 4, "fmax": 7000.0}
    before |= {"final_lr_share": 0.02, "accumulate": 2, "syncnet_truth_wt": 2.0}
    before |= {"initial_learning_rate": 1e-4, "syncnet_lr": 1e-3, "hearing_lr": 2e-3}
    expert, hearing = SyncNetHParams.from_dict(before), LipHearingHParams.from_dict(before)
    assert (expert.batch_size, expert.initial_learning_rate) == (96, 1e-3)
    assert (expert.min_lr_ratio, expert.grad_accum_steps, expert.blendshape_wt) == (0.02, 2, 2)
    assert (hearing.batch_size, hearing.initial_learning_rate, hearing.fmax) == (4, 2e-3, 7000)
    assert (HParams.from_dict(before).batch_size, LipWarpHParams.from_dict(before).batch_size) == (
        16,
        16,
    )


def kinds():
    found = [getattr(hparams, name) for name in dir(hparams) if name.endswith("HParams")]
    return [kind for kind in found if issubclass(kind, Numbers)]


@pytest.mark.parametrize("kind", kinds())
def test_every_number_stands_in_one_place(kind):
    """No name is another number's old name; all that is told comes back."""
    names = [name for one in fields(kind) for name in (one.metadata.get("formerly"),) if name]
    assert not set(names) & set(kind.names()) and len(set(names)) == len(names)
    assert kind.from_dict(json.loads(json.dumps(kind().to_dict()))) == kind()


def test_a_recipe_is_a_class_of_its_own():
    assert (LandmarkHParams().batch_size, LandmarkHParams().max_steps) == (64, 6000)
    with pytest.raises(
        ValueError, match="fmax is a number of AudioHParams, not of LandmarkHParams"
    ):
        LandmarkHParams().with_overrides("fmax=7000")


def test_every_number_is_read_somewhere():
    root = Path(__file__).resolve().parents[1]
    files = [path for path in root.rglob("*.py") if not {".venv", "tests"} & set(path.parts)]
    read = {
        node.attr
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert {name for kind in kinds() for name in kind.names()} - read == set()
