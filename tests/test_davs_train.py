"""davs_train.py: words told, faces painted, exact resume, what begins at what."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import davs_train
from evaluation import words
from hparams import DavsHParams
from models.checkpoint import load, read_checkpoint
from models.davs import DAVS, LipEncoder
from models.davs.whole import DAVSJudges, without_judges
from tests.word_trees import write_tree
from training.davs_losses import viseme_losses
from training.word_windows import FaceWindows, WordWindows, cut_seen

ROOT = Path(__file__).resolve().parents[1]
SMALL = (
    "img_size=64,multiplier=0.03125,batch_size=4,num_workers=0,identity_frames=3,log_interval=1,"
    "eval_interval=100,checkpoint_interval=100,uniform_wt=100"
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return write_tree(tmp_path_factory.mktemp("words"))


def run(tree: Path, folder: Path, what: str, steps: int, *flags, hparams: str = SMALL) -> int:
    arguments = ["--what", what, "--data_root", tree, "--checkpoint_dir", folder]
    arguments += ["--max_steps", steps, "--hparams", hparams, "--precision", "fp32", *flags]
    return davs_train.main([str(part) for part in arguments])


def checkpoint(folder: Path, step: int, prefix: str = "") -> Path:
    return folder / f"{prefix}checkpoint_step{step:09d}.pth"


def weights(folder: Path, step: int, prefix: str = "") -> dict:
    return read_checkpoint(checkpoint(folder, step, prefix)).state_dict


def logged(folder: Path, split: str) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["split"] == split]


def windows(tree: Path, kind, vary: bool, hparams: str = SMALL):
    from corpus.words import read_word_corpus

    hp = DavsHParams().with_overrides(hparams)
    return kind(read_word_corpus(tree, "train").clips, hp, 0, vary=vary)


def test_a_sample_shows_and_sounds_the_words_middle(tree):
    one = windows(tree, WordWindows, vary=False)[2]
    assert one["faces"].shape == (12, 64, 64, 3) and one["heard"].shape == (12, 20, 12)
    plain = windows(tree, WordWindows, vary=False)
    assert list(plain.frames(np.random.default_rng(0))) == list(range(3, 27, 2))
    varied = windows(tree, WordWindows, vary=True, hparams=SMALL + ",augment=1.0")
    for seed in range(50):
        frames = varied.frames(np.random.default_rng(seed))
        assert len(frames) == 12 and frames[0] >= 2 and frames[-1] <= 26


def test_faces_come_with_an_identity_that_is_among_what_is_there(tree):
    one = windows(tree, FaceWindows, vary=True)[0]
    assert one["identity"].shape == (64, 64, 3) and one["watched"].shape == (3, 64, 64, 3)
    assert list(np.diff(one["sequence"])) == [1] * 5 and 0 <= one["sequence"][0] <= 6


def test_what_is_seen_of_a_stored_face_is_cut_where_davs_cuts_it():
    face = np.arange(260 * 260 * 3, dtype=np.uint32).reshape(260, 260, 3).astype(np.uint8)
    np.testing.assert_array_equal(cut_seen(face, (1, 4), 256), face[4:260, 1:257])
    assert cut_seen(face, (2, 2), 64).shape == (64, 64, 3)
    np.testing.assert_array_equal(cut_seen(face[:65, :65], (4, 0), 64), face[:64, 1:65])


@pytest.mark.slow
def test_words_are_learnt_and_go_on_exactly(tree, tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert run(tree, whole, "words", 4) == 0
    assert run(tree, halves, "words", 2) == 0
    assert run(tree, halves, "words", 4, "--checkpoint_path", checkpoint(halves, 2)) == 0
    once, twice = weights(whole, 4), weights(halves, 4)
    assert all(torch.equal(once[name], twice[name]) for name in once)
    assert {"by_lips", "by_sound", "by_both", "contrastive"} <= logged(whole, "val")[-1].keys()


@pytest.mark.slow
def test_two_words_are_told_apart_by_lips_and_by_sound(tree, tmp_path):
    rate = SMALL.replace("0.03125", "0.0625") + ",initial_learning_rate=2e-3"
    assert run(tree, tmp_path, "words", 60, hparams=rate) == 0
    first, *_, last = logged(tmp_path, "train")
    assert last["lips"] < 0.3 < first["lips"] and last["sound"] < 0.1
    assert logged(tmp_path, "val")[-1]["by_sound"] == 1


def test_a_fresh_lip_encoder_sees_with_most_of_its_one_map():
    for seed in range(3):
        torch.manual_seed(seed)
        encoder = DAVS(2, 0.125, judges=False, size=64).lip_feature_encoder
        shown = torch.rand(4, 3, 64, 64)
        maps = torch.relu(encoder.bn1(encoder.model(shown)))
        assert (encoder.conv6(maps) > 0).float().mean() > 0.8


def test_visemes_that_nobody_knows_cost_nothing():
    told = {"lip_visemes": torch.randn(2, 3, 4, requires_grad=True)}
    known = viseme_losses(told, {"visemes": torch.tensor([[1, -100, 2], [-100, -100, 0]])})
    picked = told["lip_visemes"].log_softmax(-1)[[0, 0, 1], [0, 2, 2], [1, 2, 0]]
    torch.testing.assert_close(known["lip_visemes"], -picked.mean())
    unknown = viseme_losses(told, {"visemes": torch.full((2, 3), -100)})
    assert unknown["lip_visemes"].detach() == 0


@pytest.mark.slow
def test_visemes_are_learnt_along_and_go_on_exactly(tree, tmp_path):
    spoken = tmp_path / "spoken"
    shutil.copytree(tree, spoken)
    for file in spoken.glob("*/*/*/clip.json"):
        file.write_text(json.dumps({"visemes": [["p", 0.0, 0.5], ["a", 0.5, 1.16]]}))
    told = f"{SMALL},viseme_wt=1,more_sounds=2"
    whole, halves, more = tmp_path / "whole", tmp_path / "halves", ("--sounds", spoken)
    assert run(spoken, whole, "words", 4, *more, hparams=told) == 0
    assert run(spoken, halves, "words", 2, *more, hparams=told) == 0
    go_on = ("--checkpoint_path", checkpoint(halves, 2))
    assert run(spoken, halves, "words", 4, *more, *go_on, hparams=told) == 0
    once, twice = weights(whole, 4), weights(halves, 4)
    assert all(torch.equal(once[name], twice[name]) for name in once)
    losses = {"lip_visemes", "sound_visemes", "more_visemes"}
    assert losses <= logged(whole, "train")[-1].keys()
    assert logged(whole, "val")[-1]["sound_visemes"] > 0


@pytest.mark.slow
def test_only_what_tells_the_words_learns(tree, tmp_path):
    assert run(tree, tmp_path, "words", 2, "--by", "sound") == 0
    fresh = DavsHParams().with_overrides(SMALL)
    torch.manual_seed(0)
    before = DAVS(2, fresh.multiplier, judges=False, size=64).state_dict()
    after = weights(tmp_path, 2)
    moved = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert moved == {"mfcc_encoder", "model_fusion"}
    assert "by_lips" not in logged(tmp_path, "val")[-1]


@pytest.mark.slow
def test_who_learns_by_sound_needs_no_faces(tree, tmp_path):
    heard = tmp_path / "heard"
    shutil.copytree(tree, heard, ignore=shutil.ignore_patterns("align_face256"))
    assert run(heard, tmp_path / "run", "words", 2, "--by", "sound") == 0
    flags = ["--checkpoint_path", checkpoint(tmp_path / "run", 2), "--data_root", heard]
    assert words.main([*map(str, flags), "--sound_alone"]) == 0
    assert words.main([str(flag) for flag in flags]) == 1
    assert run(tree, tmp_path / "more", "words", 1, "--sounds", heard) == 0
    assert "more" in logged(tmp_path / "more", "train")[-1]


@pytest.mark.slow
def test_faces_begin_at_words_and_go_on_exactly(tree, tmp_path):
    words, whole, halves = (tmp_path / name for name in ("words", "whole", "halves"))
    assert run(tree, words, "words", 1) == 0
    begin = ("--checkpoint_path", checkpoint(words, 1))
    assert run(tree, whole, "faces", 4, *begin) == 0
    assert run(tree, halves, "faces", 2, *begin) == 0
    assert run(tree, halves, "faces", 4, "--checkpoint_path", checkpoint(halves, 2)) == 0
    for prefix in ("", "disc_"):
        once, twice = weights(whole, 4, prefix), weights(halves, 4, prefix)
        assert all(torch.equal(once[name], twice[name]) for name in once)
    said = logged(whole, "train")[-1]
    paid = "whole mouth temporal contrastive uniform domain_fooled gan word_sound word_lips"
    assert {*paid.split(), "disc_pictures", "disc_domain", "disc_word"} <= said.keys()
    (sheet, *_) = sorted((whole / "samples_step000000004").glob("*.jpg"))
    assert cv2.imread(str(sheet)).shape == (3 * 64, 7 * 64, 3)
    checkpoint(halves, 4, "disc_").unlink()
    assert run(tree, halves, "faces", 5, "--checkpoint_path", checkpoint(halves, 4)) == 1


@pytest.mark.slow
def test_pictures_teach_only_painting_at_any_width_and_go_on_exactly(tree, tmp_path):
    words, whole, halves = (tmp_path / name for name in ("words", "whole", "halves"))
    assert run(tree, words, "words", 1) == 0
    wider = {"hparams": SMALL + ",picture_multiplier=0.0625"}
    begin = ("--checkpoint_path", checkpoint(words, 1))
    assert run(tree, whole, "pictures", 4, *begin, **wider) == 0
    assert run(tree, halves, "pictures", 2, *begin, **wider) == 0
    assert run(tree, halves, "pictures", 4, "--checkpoint_path", checkpoint(halves, 2)) == 0
    once, twice, said = weights(whole, 4), weights(halves, 4), weights(words, 1)
    assert all(torch.equal(once[name], twice[name]) for name in once)
    spoken = [name for name in said if name.split(".")[0] in davs_train.SPEECH]
    assert spoken and all(torch.equal(once[name], said[name]) for name in spoken)
    network = load(checkpoint(whole, 4), "davs")
    assert (network.multiplier, network.picture_multiplier) == (0.03125, 0.0625)
    bare = tmp_path / "bare.pth"
    torch.save(once, bare)
    assert load(bare, "davs").picture_multiplier == 0.0625
    assert run(tree, tmp_path / "faces", "faces", 1, "--checkpoint_path", checkpoint(whole, 4)) == 0
    assert weights(tmp_path / "faces", 1, "disc_")["netD_mul.norm3.weight"].shape == (32,)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [1, 3])
def test_pictures_are_drawn_of_any_number_of_frames(tree, tmp_path, frames):
    few = SMALL + f",judge_frames={frames}"
    assert run(tree, tmp_path, "pictures", 1, hparams=few) == 0


def test_what_was_taught_words_learns_at_a_share_of_the_rate():
    network = DAVS(2, 0.03125, judges=False, size=64)
    taught, other = davs_train.by_rate(network, 1e-3, 0.1)
    assert (taught["lr"], other["lr"]) == (1e-4, 1e-3)
    assert any(weight is network.mfcc_encoder.fc.weight for weight in taught["params"])
    assert any(weight is network.Decoder.conv7_2.weight for weight in other["params"])


@pytest.mark.slow
def test_single_frames_are_judged_where_wanted(tree, tmp_path):
    assert run(tree, tmp_path, "faces", 1, hparams=SMALL + ",frame_gan=True") == 0
    torch.manual_seed(0)
    moved = weights(tmp_path, 1, "disc_")["netD.conv1.weight"]
    assert (moved.abs().max() < 10).item()


@pytest.mark.slow
def test_training_begins_at_a_whole_published_file(tree, tmp_path):
    torch.manual_seed(1)
    given = DAVS(2, 0.03125, identity_frames=3, size=64)
    torch.save({"state_dict": given.state_dict()}, tmp_path / "given.pth")
    made = tmp_path / "made"
    rates = ",initial_learning_rate=1e-12,disc_initial_learning_rate=1e-12"
    begin = ("--checkpoint_path", tmp_path / "given.pth")
    assert run(tree, made, "faces", 1, *begin, hparams=SMALL + rates) == 0
    painter, judges = without_judges(given.state_dict())
    for prefix, expected in (("", painter), ("disc_", judges)):
        found = weights(made, 1, prefix)
        learnt = [name for name in expected if "running" not in name and "num_" not in name]
        assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in learnt)


def test_the_judges_are_recognised_by_their_weights(tmp_path):
    judges = DAVSJudges(5, 0.0625, identity_frames=4, judge_frames=2, size=64)
    torch.save(judges.state_dict(), tmp_path / "judges.pth")
    assert load(tmp_path / "judges.pth", "davs_judges").arguments == judges.arguments


@pytest.mark.parametrize("size", [64, 128])
def test_smaller_faces_are_recognised_and_painted(tmp_path, size):
    torch.save(DAVS(3, 0.03125, judges=False, size=size).state_dict(), tmp_path / "davs.pth")
    network = load(tmp_path / "davs.pth", "davs").eval()
    assert network.size == size
    with torch.inference_mode():
        made = network(torch.zeros(1, 20, 12), torch.rand(1, 3, size, size))
        codes = network.lip_feature_encoder(torch.rand(1, 2, 3, size, size))
    assert made.shape == (1, 3, size, size) and codes.shape == (1, 2, 256)


def test_other_sizes_and_wrong_words_are_told(tree, tmp_path, capsys):
    with pytest.raises(ValueError, match="64 or 128 or 256 px, not 96"):
        DAVS(3, 0.0625, size=96)
    torch.save(DAVS(3, 0.03125, judges=False, size=64).state_dict(), tmp_path / "three.pth")
    assert run(tree, tmp_path / "run", "words", 1, "--checkpoint_path", tmp_path / "three.pth") == 1
    assert "knows 3 words" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags", [("faces", "--sounds", "x"), ("words", "--disc_checkpoint_path=x")]
)
def test_flags_of_the_other_part_are_refused(tmp_path, flags):
    what, *rest = flags
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, tmp_path / "run", what, 1, *rest)
    assert stopped.value.code == 2


@pytest.mark.slow
def test_two_processes_train_all_parts(tree, tmp_path):
    def together(folder: Path, what: str, *flags) -> None:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc_per_node", "2", "davs_train.py", "--what", what, "--data_root", tree]
        command += ["--checkpoint_dir", folder, "--max_steps", 3, "--hparams", SMALL, *flags]
        run = subprocess.run([*map(str, command), "--device", "cpu", "--precision", "fp32"],
                             cwd=ROOT, capture_output=True, text=True)  # fmt: skip
        assert run.returncode == 0, run.stderr[-3000:]

    together(tmp_path / "words", "words")
    # The third step would fail if weights had been left without a gradient in the first two.
    for what, before in (("pictures", "words"), ("faces", "pictures")):
        together(tmp_path / what, what, "--checkpoint_path", checkpoint(tmp_path / before, 3))
    assert all(row["loss"] is not None for row in logged(tmp_path / "faces", "train"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_all_parts_train_on_a_gpu(tree, tmp_path, precision):
    cuda = ("--device", "cuda", "--precision", precision)
    assert run(tree, tmp_path / "words", "words", 3, *cuda) == 0
    for what, before in (("pictures", "words"), ("faces", "pictures")):
        begin = ("--checkpoint_path", checkpoint(tmp_path / before, 3))
        assert run(tree, tmp_path / what, what, 3, *begin, *cuda) == 0
        assert all(row["loss"] is not None for row in logged(tmp_path / what, "train"))


def test_a_narrow_lip_encoder_need_not_leave_anything_out():
    torch.manual_seed(0)
    lips = LipEncoder(0.0625, 64).train()
    faces = torch.rand(1, 2, 3, 64, 64)
    assert not torch.equal(lips(faces), lips(faces))
    lips.drop_out(0.0)
    assert torch.equal(lips(faces), lips(faces))
