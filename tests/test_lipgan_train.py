"""lipgan_train.py: its samples, what its judge is asked, its runs and what becomes of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lipgan_train
from corpus.clips import read_corpus
from corpus.errors import ClipError
from corpus.sound_features import read_feature
from corpus.truth import TRUTH_FILE, TRUTH_FORMAT
from features.registry import MFCC_LIPGAN, WINDOWS
from hparams import LipGanHParams
from models.generator import Place
from models.lipgan import LipGANJudge
from models.lipgan.layers import SOUND_SHAPES
from models.methods import open_method
from tests.toy_corpus import make_corpus
from tests.training_runs import differences, load, metrics
from training.blendshapes import BlendshapeHead
from training.lipgan_terms import Comparison, LipGanBatch, judge_scores, judge_terms, shape_terms
from training.lipgan_windows import APART, LipGanWindows
from training.losses import contrastive

ROOT = Path(__file__).resolve().parents[1]
TINY = (
    "img_size=32,multiplier=0.0625,batch_size=4,num_workers=0,log_interval=1,eval_batches=1,"
    "eval_interval=2,checkpoint_interval=2"
)
STEP_2 = "checkpoint_step000000002.pth"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 6, frames=20, size=32)
    return folder


def small(text: str = "") -> LipGanHParams:
    return LipGanHParams().with_overrides(",".join(filter(None, ("img_size=32", text))))


def windows_of(root, hp, name="mel80x27") -> LipGanWindows:
    clips = read_corpus(root, root / "filelists/train.txt", hp).clips
    return LipGanWindows(clips, hp, seed=3, window=WINDOWS[name])


def run(root, folder, steps, *more, hparams="") -> int:
    given = dict(part.split("=") for part in f"{TINY},{hparams}".strip(",").split(","))
    line = ["--data_root", root, "--filelists", root / "filelists", "--checkpoint_dir", folder]
    line += ["--hparams", ",".join(f"{name}={value}" for name, value in given.items())]
    line += ["--max_steps", steps, "--device", "cpu", "--precision", "fp32", *more]
    return lipgan_train.main([str(part) for part in line])


# Samples


@pytest.mark.parametrize("name", ["mel80x27", "mfcc12x35"])
def test_the_sound_of_a_sample_is_centred_on_its_frame(root, name):
    windows = windows_of(root, small(), name)
    window, clip = windows.window, windows.clips[0]
    target, _ = windows.choose(clip, np.random.default_rng(0))
    sample = windows.cut(clip, np.random.default_rng(0))
    feature = read_feature(clip, window.feature, windows.hp)
    expected = window.cut(feature, windows.start(target), windows.hp)
    assert (sample["sound"] == expected).all() and np.ptp(expected) > 0
    rate = float(window.feature.columns_per_second(windows.hp))
    for frame in clip.frames:
        middle = (windows.start(frame) + window.columns / 2) / rate
        assert abs(middle - (frame + 0.5) / 25) <= 1 / rate + 0.006  # 35 columns begin on a 10 ms


def test_legacy_windows_end_at_their_frame_and_are_never_cut_short(root):
    windows = windows_of(root, small("legacy_timing=True"), "mel80x27_legacy")
    clip = windows.clips[0]
    assert [windows.start(frame) for frame in (8, 9, 10)] == [0, 3, 6]  # int(3.2 (frame - 8))
    assert windows.heard_frames(clip)[0] == 8
    targets = [windows.choose(clip, np.random.default_rng(n))[0] for n in range(50)]
    assert min(targets) >= 8


@pytest.mark.parametrize("share", [0, 1])
def test_the_wrong_sound_is_never_the_right_one(root, share):
    windows = windows_of(root, small(f"own_clip_share={share}"))
    for number in range(60):
        random = np.random.default_rng(number)
        clip = windows.clip_of(number)
        target, reference = windows.choose(clip, random)
        other, moment = windows.choose_wrong(clip, target, random)
        assert abs(target - reference) >= APART
        assert (other is clip) == bool(share)
        assert other is not clip or abs(moment - target) >= APART


def test_one_clip_alone_has_wrong_sounds_too(root):
    windows = windows_of(root, small())
    windows.clips = windows.clips[:1]
    clip = windows.clips[0]
    other, moment = windows.choose_wrong(clip, 3, np.random.default_rng(0))
    assert other is clip and abs(moment - 3) >= APART


def test_mfcc_are_made_once_and_kept(tmp_path):
    make_corpus(tmp_path, 2, frames=20, size=32)
    windows = windows_of(tmp_path, small(), "mfcc12x35")
    clip = windows.clips[0]
    made = read_feature(clip, MFCC_LIPGAN, windows.hp)
    file = clip.folder / "mfcc_lipgan.npy"
    assert (np.load(file) == made).all() and len(made) == 12
    np.save(file, made + 1)
    assert (read_feature(clip, MFCC_LIPGAN, windows.hp) == made + 1).all()
    file.write_bytes(b"no array")
    with pytest.raises(ClipError, match="mfcc_lipgan.npy is broken"):
        read_feature(clip, MFCC_LIPGAN, windows.hp)


# The judge


def test_contrastive_loss_is_the_original_s(request):
    drawn = np.load(request.path.parent / "data" / "golden_relatives_features.npz")
    distances = torch.tensor([0, 0.3, 0.9, 1.2, 1.9])
    wrong = torch.tensor([0, 1, 0, 1, 1]).bool()
    paid = contrastive(distances[wrong], wrong=True) * 3
    paid += contrastive(distances[~wrong], wrong=False) * 2
    assert float(paid) / 5 == pytest.approx(float(drawn["lipgan_contrastive"].item()))


def test_a_judge_compares_each_face_with_its_own_and_a_wrong_sound():
    torch.manual_seed(0)
    judge = LipGANJudge("mel", 32, 32, 0.0625)
    sound, wrong = torch.rand(2, 3, 1, 80, 27)
    face, made = torch.rand(2, 3, 3, 32, 32)
    found = Comparison(judge)(sound, wrong, face, made)
    for name, pair in {"true": (sound, face), "mispaired": (wrong, face),
                       "generated": (sound, made)}.items():  # fmt: skip
        torch.testing.assert_close(found[name], judge(*pair))
    assert Comparison(judge)(sound, wrong, face).keys() == {"true", "mispaired"}


def test_right_pairs_weigh_as_much_as_both_kinds_of_wrong_ones():
    distances = {"true": torch.tensor([[1.0]]), "mispaired": torch.tensor([[0.0]]),
                 "generated": torch.tensor([[1.0]])}  # fmt: skip
    terms = judge_terms(distances)
    assert float(terms["judge"]) == pytest.approx((1 + 0.5) / 2)
    alone = {name: distances[name] for name in ("true", "mispaired")}
    assert float(judge_terms(alone)["judge"]) == pytest.approx((1 + 1) / 2)
    scores = judge_scores({**distances, "true": torch.tensor([[0.2], [0.6]])})
    assert float(scores["accuracy_true"]) == 0.5 and float(scores["accuracy_mispaired"]) == 0
    assert float(scores["accuracy"]) == 0.25 and float(scores["deceived"]) == 0


def test_a_judge_may_compare_each_face_with_all_sounds_of_the_batch():
    torch.manual_seed(0)
    judge = LipGANJudge("mel", 32, 32, 0.0625)
    sound, wrong, face = (
        torch.rand(3, 1, 80, 27),
        torch.rand(3, 1, 80, 27),
        torch.rand(3, 3, 32, 32),
    )
    for others in (None, wrong):
        elsewhere = torch.rand(3, 3, 32, 32)
        said = Comparison(judge, among=True)(sound, others, face, references=elsewhere)
        heard = [*sound, *(() if others is None else others)]
        expected = [
            judge(heard[k][None], shown[None])
            for n, shown in enumerate((*face, *elsewhere)) for k in range(len(heard)) if k != n
        ]  # fmt: skip
        torch.testing.assert_close(said["among"], torch.cat(expected)[:, 0], atol=1e-4, rtol=1e-4)
        paid = judge_terms(said)["judge_mispaired"]
        torch.testing.assert_close(paid, contrastive(torch.cat(expected), wrong=True))


def test_batch_negatives_need_no_wrong_sound_unless_of_the_same_clip(root):
    for text, drawn in (("", True), (",own_clip_share=0.5", True), (",augment=0", False)):
        hp = small(f"batch_negatives=True{text}")
        clips = read_corpus(root, root / "filelists/train.txt", hp).clips
        windows = LipGanWindows(clips, hp, 3, WINDOWS["mel80x27"], vary=text != "")
        assert ("wrong_sound" in windows[0]) == drawn


@pytest.mark.parametrize("sound", ["mel", "mfcc"])
def test_a_judge_tells_blendshapes_of_what_it_hears_and_sees(sound):
    rows, columns = SOUND_SHAPES[sound]
    judge = LipGANJudge(sound, 32, 32, 0.0625)
    taught = Comparison(judge, BlendshapeHead(*judge.feature_sizes))
    heard, faces = torch.rand(2, 1, rows, columns), torch.rand(2, 3, 32, 32)
    said = taught(heard, heard, faces, faces, torch.rand(5, 1, rows, columns), faces)
    assert said["audio_blendshapes"].shape == (9, 11)  # right, wrong, and five without pictures
    assert said["video_blendshapes"].shape == (4, 11)  # of the true faces and their references
    truth = {name: said[name].detach() + 1 for name in said if name.endswith("blendshapes")}
    paid = {name: value.detach() for name, value in shape_terms(said, truth).items()}
    assert [float(value) for value in paid.values()] == pytest.approx([1, 1])


def test_the_reference_comes_first_and_the_target_is_masked():
    picture = torch.full((1, 4, 4, 3), 255, dtype=torch.uint8)
    heard = {"sound": torch.zeros(1, 80, 27), "wrong_sound": torch.ones(1, 80, 27)}
    spoken = LipGanBatch.of({"target": picture, "reference": picture // 2, **heard})
    assert (spoken.face[:, :3] < 0.5).all() and (spoken.face[:, 3:, :2] == 1).all()
    assert (spoken.face[:, 3:, 2:] == 0).all() and spoken.sound.shape == (1, 1, 80, 27)


# The command line


def test_lipgan_s_names_of_flags_are_understood():
    words = lipgan_train.in_our_words(["--logdir", "a", "--resume_gen=b", "--resume_disc", "c"])
    assert words == ["--checkpoint_dir", "a", "--checkpoint_path=b", "--disc_checkpoint_path", "c"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--lr", "0"], "initial_learning_rate must be over 0"),
        (["--lr", "0", "--generator_only"], "generator_only_learning_rate must be over 0"),
        (["--batch_size", "8"], "batch_size is given twice"),
        (["--sound", "mfcc", "--legacy_timing"], "slip"),
        (["--model", "large"], "invalid choice"),
    ],
    ids=str,
)
def test_wrong_flags_exit_2(line, words, root, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(root, tmp_path / "run", 1, *line)
    assert caught.value.code == 2 and words in capsys.readouterr().err


# Runs


@pytest.fixture(scope="module")
def alone(root, tmp_path_factory):
    """Two steps of the generator alone."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    assert run(root, folder, 2, "--generator_only") == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--generator_only",)], ids=["gan", "alone"])
def test_four_steps_are_two_and_two(more, root, tmp_path):
    rich = "warmup_steps=2,ema_decay=0.5,clip_grad_norm=1,grad_accum_steps=2,augment=0.5"
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert run(root, whole, 4, *more, hparams=rich) == 0
    assert run(root, halves, 2, *more, hparams=rich) == 0
    assert run(root, halves, 4, *more, "--checkpoint_path", halves / STEP_2, hparams=rich) == 0
    names = sorted(path.name for path in whole.glob("*checkpoint_step*"))
    assert len(names) == (2 if more else 4)
    last = [name for name in names if "000000004" in name]
    for name in last:  # those of step 2 say where their run was to end
        assert differences(load(whole / name), load(halves / name)) == []
    kept = [[line["l1"] for line in metrics(way, "val")] for way in (whole, halves)]
    assert kept[0] == kept[1]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["residual", "basic"])
@pytest.mark.parametrize("sound", ["mel", "mfcc"])
def test_each_network_trains_and_its_file_speaks(model, sound, root, tmp_path):
    assert run(root, tmp_path / "run", 2, "--model", model, "--sound", sound) == 0
    row = metrics(tmp_path / "run", "val")[-1]
    assert 0 < row["l1"] < 1 and 0 <= row["accuracy"] <= 1 and 0 <= row["deceived"] <= 1
    assert (tmp_path / "run/samples_step000000002/grid.jpg").exists()
    assert (tmp_path / "run/samples_step000000002/sample_video.mp4").exists()
    method = open_method(tmp_path / "run/checkpoint_best.pth")
    assert (method.network.model, method.network.sound) == (model, sound)
    window = WINDOWS[method.hearing.name]
    heard = np.zeros((window.columns, 80 if sound == "mel" else 12), np.float32).T
    fed = method.feed(np.full((60, 60, 3), 90, np.uint8), Place((10, 10, 50, 50)), heard)
    made = method.forward({name: torch.from_numpy(value)[None] for name, value in fed.items()})
    assert made["face"].shape == (1, 32, 32, 3)


@pytest.mark.slow
def test_a_generator_alone_is_the_gan_s_beginning(root, alone, tmp_path, capsys):
    best = alone / "checkpoint_best.pth"
    assert run(root, tmp_path / "gan", 2, "--checkpoint_path", best) == 0
    state = load(tmp_path / "gan" / STEP_2)
    assert state["optimizer"]["param_groups"][0]["lr"] == 1e-4  # and not the 1e-3 of before
    assert load(alone / STEP_2)["optimizer"]["param_groups"][0]["lr"] == 1e-3
    (tmp_path / f"gan/disc_{STEP_2}").unlink()
    assert run(root, tmp_path / "gan", 3, "--checkpoint_path", tmp_path / "gan" / STEP_2) == 1
    assert f"disc_{STEP_2}, which is not there" in capsys.readouterr().err


@pytest.mark.slow
def test_files_of_another_family_are_named(root, alone, tmp_path, capsys):
    wrong = ["--checkpoint_path", alone / "checkpoint_best.pth", "--model", "basic"]
    with pytest.raises(SystemExit) as caught:
        run(root, tmp_path / "run", 1, *wrong)
    assert caught.value.code == 2 and "is a generator of residual" in capsys.readouterr().err
    judge = ["--disc_checkpoint_path", alone / "checkpoint_best.pth"]
    assert run(root, tmp_path / "run", 1, *judge) == 1
    assert "this is a LipGAN generator, not a LipGAN judge" in capsys.readouterr().err


@pytest.mark.slow
def test_what_was_trained_with_legacy_windows_hears_them(root, tmp_path):
    assert run(root, tmp_path / "run", 2, "--generator_only", "--legacy_timing") == 0
    method = open_method(tmp_path / "run/checkpoint_best.pth")
    assert method.hearing.name == "mel80x27_legacy"
    again = ["--generator_only", "--checkpoint_path", tmp_path / "run" / STEP_2]
    assert run(root, tmp_path / "run", 3, *again) == 0  # and stays so without the flag
    assert load(tmp_path / "run/checkpoint_step000000003.pth")["hparams"]["legacy_timing"]


@pytest.mark.slow
def test_a_judge_may_learn_first(root, tmp_path):
    assert run(root, tmp_path / "run", 4, hparams="judge_warmup_steps=2") == 0
    rows = metrics(tmp_path / "run", "train")
    assert ["l1" in row for row in rows] == [False, False, True, True]
    first, last = (load(tmp_path / f"run/{name}") for name in (STEP_2, f"disc_{STEP_2}"))
    assert not first["optimizer"]["state"] and last["optimizer"]["state"]
    shutil.copytree(tmp_path / "run", tmp_path / "more")
    (tmp_path / "more/checkpoint_step000000004.pth").unlink()
    again = ["--checkpoint_path", tmp_path / "more" / STEP_2]
    assert run(root, tmp_path / "more", 4, *again, hparams="judge_warmup_steps=2") == 0
    name = "checkpoint_step000000004.pth"
    assert differences(load(tmp_path / "run" / name), load(tmp_path / "more" / name)) == []


@pytest.mark.slow
def test_a_judge_learns_blendshapes_first_and_goes_on_exactly(root, tmp_path):
    for folder in root.glob("*/*/0.jpg"):
        shapes = np.random.default_rng(0).random(20).tolist()
        truth = {"format": TRUTH_FORMAT, "frames": 20, "weights": {"jawOpen": shapes}}
        (folder.parent / TRUTH_FILE).write_text(json.dumps(truth))
    shutil.copy(root / "filelists/train.txt", root / "filelists/sounds.txt")
    taught = "blendshape_wt=2,blendshape_warmup_steps=1,judge_warmup_steps=2,sound_windows=3"
    taught += ",batch_negatives=True,augment_sound=0.5"
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert run(root, whole, 4, hparams=taught) == 0
    assert run(root, halves, 2, hparams=taught) == 0
    assert run(root, halves, 4, "--checkpoint_path", halves / STEP_2, hparams=taught) == 0
    name = "disc_checkpoint_step000000004.pth"
    assert differences(load(whole / name), load(halves / name)) == []
    first, *others = metrics(whole, "train")
    assert first["loss"] == pytest.approx(
        2 * (first["audio_blendshapes"] + first["video_blendshapes"]), rel=1e-4
    )
    assert all(row["audio_blendshapes"] > 0 for row in others)
    assert metrics(whole, "val")[-1]["video_blendshapes"] > 0


@pytest.mark.slow
def test_two_processes_train_against_a_judge(root, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "lipgan_train.py", "--data_root", root, "--filelists"]
    command += [root / "filelists", "--checkpoint_dir", tmp_path / "run", "--max_steps", 3]
    # The third step would fail if weights had been left without a gradient in the first two.
    command += ["--hparams", f"{TINY},judge_warmup_steps=1", "--device", "cpu"]
    done = subprocess.run([*map(str, command), "--precision", "fp32"],
                          cwd=ROOT, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert [("l1" in row) for row in metrics(tmp_path / "run", "train")] == [False, True, True]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_both_ways_train_on_a_gpu(root, tmp_path, precision):
    there = ["--device", "cuda", "--precision", precision]  # the last of two flags counts
    for name, flags in (("alone", ["--generator_only"]), ("gan", [])):
        folder, more = tmp_path / name, "judge_warmup_steps=1"
        assert run(root, folder, 2, *flags, *there, hparams=more) == 0
        resumed = ["--checkpoint_path", folder / STEP_2]
        assert run(root, folder, 4, *flags, *there, *resumed, hparams=more) == 0
        losses = [row["loss"] for row in metrics(folder, "train")]
        assert len(losses) == 4 and all(loss is not None for loss in losses)
