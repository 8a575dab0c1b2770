"""Learning to hear lip motion: samples, losses, what is counted, and runs of the script."""

import json

import numpy as np
import pytest
import torch

import lip_motion_train
from corpus.clips import examine_sound
from corpus.errors import ClipError
from corpus.truth import TRUTH_FILE, TRUTH_FORMAT
from evaluation import hearing_quality
from export.weights import export
from hparams import LipHearingHParams
from models import checkpoint
from models.lip_hearing import CONTACTS, LipHearing
from models.lip_motion import INDEX, NAMES
from synthesis.speech.visemes import VISEMES
from tests.toy_corpus import make_corpus
from tests.training_runs import differences, load, metrics
from training.engine.runtime import Runtime
from training.hearing_losses import HearingScore, hearing_losses
from training.hearing_windows import HearingPieces
from training.lip_truth import SHUT, TUCKED, read_lip_truth

TINY = (
    "channels=8,batch_size=4,frames=40,eval_batches=1,"
    "eval_interval=12,checkpoint_interval=2,num_workers=0,log_interval=1"
)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    root = tmp_path_factory.mktemp("sounds")
    lists = make_corpus(root, 6, frames=50, size=8, with_truth=True)
    (lists / "sounds.txt").write_text((lists / "train.txt").read_text())
    (lists / "sounds_val.txt").write_text((lists / "val.txt").read_text())
    return root


def run(root, run_dir, steps: int, *more, hparams: str = "") -> int:
    line = ["--data_root", root, "--filelists", root / "filelists", "--checkpoint_dir", run_dir]
    line += ["--hparams", ",".join(filter(None, (TINY, hparams))), "--max_steps", steps]
    line += ["--device", "cpu", "--precision", "fp32", *more]
    return lip_motion_train.main([str(part) for part in line])


def clip_of(root, name: str = "speaker0/00000"):
    return examine_sound(root / name, name, LipHearingHParams())


def test_contacts_are_the_corpus_own():
    named = {VISEMES[name].contact: name for name in VISEMES if VISEMES[name].contact}
    assert named == {"closed": SHUT, "tucked": TUCKED}


def test_the_truth_knows_when_lips_touch(tmp_path):
    truth = {"format": TRUTH_FORMAT, "fps": 25, "tongue": [0.0] * 50, "weights": {}}
    truth["weights"]["jawOpen"] = [0.3] * 20 + [0.0] * 3 + [0.3] * 27
    truth["weights"]["mouthRollLower"] = [0.0] * 40 + [0.55] * 2 + [0.0] * 8
    truth["visemes"] = [["a", 0.0, 0.8], ["p", 0.8, 0.92], ["a", 0.92, 1.6], ["f", 1.6, 1.68]]
    (tmp_path / TRUTH_FILE).write_text(json.dumps(truth))
    known = read_lip_truth(tmp_path)
    assert np.flatnonzero(known.contacts[:, 0]).tolist() == [20, 21, 22]
    assert np.flatnonzero(known.contacts[:, 1]).tolist() == [40, 41]
    assert np.flatnonzero(known.shut_bursts).tolist() == [23]
    assert np.flatnonzero(known.tucked_ends).tolist() == [42]
    near = np.flatnonzero(known.near_contact).tolist()
    assert near == [19, 20, 21, 22, 23, 24, 39, 40, 41, 42, 43]
    assert not known.recorded


@pytest.mark.parametrize(
    "broken", [{"visemes": 3}, {"tongue": [float("inf")] * 50}, {"weights": {"jawOpen": [0.1]}}]
)
def test_a_truth_that_says_nothing_is_left_out_by_name(tmp_path, broken):
    truth = {"format": TRUTH_FORMAT, "fps": 25, "tongue": [0.0] * 50, "weights": {}, "visemes": []}
    (tmp_path / TRUTH_FILE).write_text(json.dumps(truth | broken))
    with pytest.raises(ClipError, match=TRUTH_FILE):
        read_lip_truth(tmp_path)


def test_sound_and_lips_of_a_piece_belong_together(sounds):
    """The louder a column, the wider its frame's mouth, wherever the piece begins."""
    hp = LipHearingHParams().with_overrides("frames=25")
    clip, truth = clip_of(sounds), read_lip_truth(sounds / "speaker0/00000")
    firsts = set()
    for seed in range(12):
        piece = HearingPieces([clip], hp, 0).cut(clip, np.random.default_rng(seed))
        jaw = piece["lips"][:, INDEX["jawOpen"]]
        (first,) = (n for n in range(26) if np.array_equal(truth.lips[n : n + 25, 0], jaw))
        firsts.add(first)
        assert piece["mel"].shape == (80, 81)
        loud = piece["mel"][:, np.round((np.arange(25) + 0.5) * 3.2).astype(int)].mean(axis=0)
        assert np.corrcoef(loud, jaw)[0, 1] > 0.7
    assert len(firsts) > 2 and max(firsts) <= 25


def test_what_lies_after_a_clips_end_is_silent_and_unknown(sounds):
    hp, clip = LipHearingHParams().with_overrides("frames=60"), clip_of(sounds)
    piece = HearingPieces([clip], hp, 0).cut(clip, np.random.default_rng(0))
    assert piece["known"].tolist() == [1] * 50 + [0] * 10
    assert (piece["mel"][:, 165:] == -4).all() and (piece["mel"][:, :160] > -4).any()


@pytest.fixture
def batch():
    frames = 10
    lips = torch.rand(2, frames, len(NAMES)) * 0.3
    return {
        "lips": lips,
        "contacts": torch.zeros(2, frames, 2),
        "known": torch.ones(2, frames),
        "near_contact": torch.zeros(2, frames, dtype=torch.bool),
        "shut_bursts": torch.zeros(2, frames, dtype=torch.bool),
        "tucked_ends": torch.zeros(2, frames, dtype=torch.bool),
        "recorded": torch.tensor([False, True]),
    }


def told_of(network: LipHearing, lips: torch.Tensor, touch: float = -9.0) -> torch.Tensor:
    logits = torch.full((*lips.shape[:2], len(CONTACTS)), touch)
    return torch.cat(((lips - network.mean) / network.spread, logits), dim=-1)


def test_the_truth_costs_nothing_and_errors_near_contacts_more(batch):
    network, hp = LipHearing(8), LipHearingHParams()
    assert hearing_losses(network, told_of(network, batch["lips"]), batch, hp)["loss"] < 1e-3
    batch["near_contact"][:, 3] = True
    losses = []
    for frame in (3, 6):
        lips = batch["lips"].clone()
        lips[:, frame, INDEX["mouthPress"]] += 0.5
        losses.append(hearing_losses(network, told_of(network, lips), batch, hp)["numbers"].item())
    assert losses[0] == pytest.approx(4 * losses[1], rel=1e-4)


def test_what_is_not_known_does_not_count(batch):
    network, hp = LipHearing(8), LipHearingHParams()
    batch["known"][:, 5:] = 0
    lips = batch["lips"].clone()
    lips[:, 5:] = 9.0
    assert hearing_losses(network, told_of(network, lips), batch, hp)["loss"] < 1e-3


def test_contacts_are_counted_where_they_are_heard_to_open(batch):
    network, score = LipHearing(8), HearingScore()
    batch["lips"][:] = 0
    batch["lips"][..., INDEX["jawOpen"]] = 0.3
    batch["shut_bursts"][0, [2, 6]] = True
    batch["shut_bursts"][1, 4] = True
    made = batch["lips"].clone()
    made[0, 1, INDEX["jawOpen"]] = 0  # the frame before the first burst
    made[0, 7, INDEX["jawOpen"]] = 0  # the frame after the second: too late, and falsely shut
    made[1, 4, INDEX["jawOpen"]] = 0
    score.add(network, told_of(network, made), batch)
    values = score.read(Runtime(torch.device("cpu")))
    assert (values["shut"], values["shut_recorded"]) == (0.5, 1.0)
    assert values["falsely_shut"] == pytest.approx(0.2)
    assert "tucked" not in values  # there was none


def test_a_run_learns_and_its_export_hears(sounds, tmp_path):
    quick = "initial_learning_rate=1e-2,augment_sound=0"
    assert run(sounds, tmp_path / "run", 24, hparams=quick) == 0
    errors = [row["jawOpen"] for row in metrics(tmp_path / "run", "val")]
    assert errors[-1] < 0.8 * errors[0]
    target = tmp_path / "hearing.safetensors"
    export(tmp_path / "run/checkpoint_best.pth", target)
    hearing, clip = checkpoint.load(target, "lip_hearing"), clip_of(sounds, "speaker3/00003")
    truth = read_lip_truth(sounds / "speaker3/00003").lips[:, INDEX["jawOpen"]]
    heard = hearing.lip_motion(clip.read_mel())["jawOpen"]
    assert np.corrcoef(heard, truth[: len(heard)])[0, 1] > 0.5


def test_four_steps_are_two_and_two(sounds, tmp_path):
    rich = "warmup_steps=2,ema_decay=0.5,clip_grad_norm=1,grad_accum_steps=2,causal=True"
    assert run(sounds, tmp_path / "whole", 4, hparams=rich) == 0
    assert run(sounds, tmp_path / "halves", 2, hparams=rich) == 0
    more = "--checkpoint_path", tmp_path / "halves/checkpoint_step000000002.pth"
    assert run(sounds, tmp_path / "halves", 4, *more) == 0
    name = "checkpoint_step000000004.pth"
    assert differences(load(tmp_path / "whole" / name), load(tmp_path / "halves" / name)) == []


def test_a_causal_network_may_begin_at_another_ones_weights(sounds, tmp_path):
    assert run(sounds, tmp_path / "whole", 1) == 0
    more = "--checkpoint_path", tmp_path / "whole/checkpoint_best.pth"
    assert run(sounds, tmp_path / "causal", 1, *more, hparams="causal=True") == 0
    assert bool(checkpoint.load(tmp_path / "causal/checkpoint_best.pth", "lip_hearing").causal)


def test_a_corpus_without_sounds_is_named(tmp_path, capsys):
    make_corpus(tmp_path, 4, frames=16, size=32)
    assert run(tmp_path, tmp_path / "run", 2) == 1
    assert "sounds.txt" in capsys.readouterr().err


def test_hearing_is_scored_on_whole_clips(sounds, tmp_path, capsys):
    assert run(sounds, tmp_path / "run", 1) == 0
    weights = tmp_path / "run/checkpoint_best.pth"
    line = ["--data_root", sounds, "--filelist", sounds / "filelists/sounds_val.txt"]
    assert hearing_quality.main([str(part) for part in (*line, "--weights", weights)]) == 0
    said = capsys.readouterr().out
    truth = read_lip_truth(sounds / "speaker3/00003")  # the only clip that is held out
    assert f" of {truth.shut_bursts.sum()}\n" in said and "jawOpen" in said
    assert "made\n" in said and "recorded" not in said
