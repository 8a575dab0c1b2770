"""The lip warp: what it makes before and after learning, and that a run resumes exactly."""

import numpy as np
import pytest
import torch

import lip_motion_train
import lip_warp_train
from hparams import LipSeeingHParams, LipWarpHParams
from models.checkpoint import load
from models.lip_motion import NAMES
from models.lip_seeing import LipSeeing
from models.lip_warp import LipWarp, Warp, compose, move_pixels
from models.mouth_crop import SIZE
from training.engine.runtime import Runtime
from training.mouth_files import MouthClip
from training.pair_files import FrameMouths, write_shard
from training.pairs import Pairs, about_the_mouth, as_floats, augment, video_pair


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Two speakers whose mouth is a dark bar: lip number 0 says how high."""
    root = tmp_path_factory.mktemp("pairs")
    for speaker, split in enumerate(("train", "val")):
        rng = np.random.default_rng(speaker)
        frames = [_frame(rng) for _ in range(2)]
        folder = root / f"s{speaker:05d}"
        folder.mkdir()
        write_shard(folder, frames, [0, 0], {"split": split})
    return root


def _frame(rng: np.random.Generator) -> FrameMouths:
    mouths = 3
    images = np.tile(rng.integers(80, 200, (1, 1, 1, 3), np.uint8), (mouths, SIZE, SIZE, 1))
    lips = np.zeros((mouths, len(NAMES)), np.float32)
    kinds = np.ones((mouths, SIZE, SIZE), np.uint8)
    for mouth, height in enumerate((2, 10, 24)):
        rows = slice(80 - height // 2, 80 + height // 2)
        images[mouth, rows, 50:110] = 20
        kinds[mouth, rows, 50:110] = 5
        lips[mouth, 0] = height / 24
    shape = (mouths, mouths, SIZE, SIZE)
    return FrameMouths(
        images, lips, kinds, np.zeros((mouths, 68, 2), np.float16),
        np.zeros((*shape[:2], SIZE // 2, SIZE // 2, 2), np.float16), np.ones(shape, bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def mouths(tmp_path_factory):
    """A real talker: eight frames, the last four with the head turned."""
    folder = tmp_path_factory.mktemp("mouths") / "talker"
    folder.mkdir()
    numbers = np.tile(np.linspace(0, 1, 8, dtype=np.float32)[:, None], (1, len(NAMES)))
    pictures = np.tile((200 * numbers[:, :1, None, None]).astype(np.uint8), (1, SIZE, SIZE, 3))
    places = np.tile(np.float32([50, 60, 90, 0]), (8, 1))
    places[4:, 3] = 0.3
    MouthClip(pictures, numbers, numbers / 2, np.ones(8, np.float32), places).write(folder, {})
    return folder.parent


def collated(pairs: Pairs, count: int) -> dict[str, torch.Tensor]:
    rows = [pairs[number] for number in range(count)]
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}


def test_before_learning_it_leaves_the_face_as_it_is():
    network = LipWarp(0.25).eval()
    face, lips = torch.rand(2, 3, SIZE, SIZE), torch.zeros(2, len(NAMES))
    warp = network(face, face, lips, lips)
    off = (compose(warp, face, face) - face).abs().mean()
    assert warp.kinds is None and off < 0.05


def test_what_moves_with_a_number_moves_by_its_change():
    """Twice the change is twice the movement, but for what the network says beside."""
    network = LipWarp(0.25).eval()
    features, change = torch.randn(1, 6, 80, 80), torch.zeros(1, len(NAMES))
    nothing, _ = network.movement(features, change)
    change[:, 2] = 1
    once, twice = (network.movement(features, factor * change)[0] - nothing for factor in (1, 2))
    assert once.abs().max() > 0
    torch.testing.assert_close(twice, 2 * once)


def test_a_flow_fetches_pixels_from_where_it_says():
    picture = torch.rand(1, 3, SIZE, SIZE)
    flow = torch.zeros(1, 2, SIZE // 2, SIZE // 2)
    flow[:, 0], flow[:, 1] = 5, -3
    moved = move_pixels(picture, flow)
    expected = picture[..., : SIZE - 3 - 10, 10 + 5 : SIZE - 5]
    torch.testing.assert_close(moved[..., 3 : SIZE - 10, 10 : SIZE - 10], expected)


def test_a_mirrored_sample_still_belongs_together(bank):
    batch = as_floats(collated(Pairs(bank, "train", 0), 8))
    batch["flow"] = torch.ones_like(batch["flow"])
    changed = augment(batch, torch.Generator().manual_seed(3))
    turned = changed["flow"][:, 0, 0, 0] < 0
    assert turned.any() and not turned.all()
    assert (changed["flow"][:, 1] == 1).all()
    assert changed["face"].min() >= 0 and changed["face"].max() <= 1


def test_samples_depend_on_seed_and_number_alone(bank):
    one, same, other = (Pairs(bank, "train", seed) for seed in (1, 1, 2))
    assert all((one[5][name] == same[5][name]).all() for name in one[5])
    differ = [not np.array_equal(one[n]["lips"], other[n]["lips"]) for n in range(20)]
    assert any(differ)


def test_two_frames_of_a_video_are_a_pair_in_one_pose(mouths):
    clip = MouthClip.read(mouths / "talker")
    drawn = [video_pair(clip, np.random.default_rng(n)) for n in range(30)]
    half = [{float(row[name][0]) > 0.5 for name in ("face_lips", "lips")} for row in drawn]
    assert all(len(turned) == 1 for turned in half)
    assert any(row["lips"][0] != row["face_lips"][0] for row in drawn)
    assert all(row["heard"][0] == row["lips"][0] / 2 and row["known"] == 0 for row in drawn)


def test_of_a_video_only_colours_near_the_mouth_teach(bank, mouths):
    pairs = Pairs(bank, "train", 0, videos=mouths)
    rows = [row for row in (pairs[n] for n in range(60)) if not row["known"]]
    assert 5 <= len(rows) <= 30
    batch = as_floats(
        {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    )
    trainer = lip_warp_train.WarpTrainer(
        Runtime(torch.device("cpu")), LipSeeingHParams(multiplier=0.25),
        np.zeros((2, len(NAMES)), np.float32),
    )  # fmt: skip
    network = trainer.learner.network
    warp = network(*(batch[name] for name in ("face", "reference", "lips", "face_lips")))
    found = trainer.losses(batch, warp)
    assert all(found[name] == 0 for name in ("flow", "layers", "paint", "kinds"))
    assert found["picture"] > 0
    near = about_the_mouth(SIZE, torch.device("cpu"))[0, 0]
    assert near[90, 80] == 1 and near[0].max() == 0 and near[:, 0].max() == 0
    elsewhere = dict(batch, target=torch.where(near == 0, 0.5, batch["target"]))
    assert trainer.losses(elsewhere, warp)["picture"] == found["picture"]


def test_a_look_at_the_lips_adds_to_the_look_at_the_whole():
    """At first nothing, so that training may begin at weights that look once."""
    pictures = torch.rand(2, 3, SIZE, SIZE)
    once, twice = LipSeeing(0.25).eval(), LipSeeing(0.25, near=True).eval()
    missing = twice.load_state_dict(once.state_dict(), strict=False).missing_keys
    assert missing and all(name.startswith("near_") for name in missing)
    torch.testing.assert_close(twice(pictures)[0], once(pictures)[0])
    torch.nn.init.ones_(twice.near_tell[-1].weight)
    moved = pictures.clone()
    moved[:, :, :20] = 0  # the eyes' side, where the second look does not reach
    change = twice(moved)[0] - once(moved)[0], twice(pictures)[0] - once(pictures)[0]
    torch.testing.assert_close(*change)
    assert change[0].abs().max() > 0


def test_what_is_seen_has_a_trust_between_none_and_all():
    seen = LipSeeing(0.25).eval().see(np.zeros((3, SIZE, SIZE, 3), np.uint8))
    assert seen.values.shape == (3, len(NAMES)) and seen.teeth.shape == (3,)
    assert ((seen.trust >= 0) & (seen.trust <= 1)).all()


def test_the_right_mouth_costs_less_than_the_given_one(bank):
    """A warp that paints the truth where it is hidden, against one that changes nothing."""
    batch = as_floats(collated(Pairs(bank, "train", 0), 8))
    changed = (batch["face"] != batch["target"]).any(dim=1, keepdim=True).float()
    assert changed.any()
    batch["seen"] = 1 - changed
    still = torch.zeros(8, 2, SIZE // 2, SIZE // 2)
    painted = torch.cat([9 * (1 - 2 * changed), -9 * torch.ones_like(changed), 0 * changed], 1)
    right = Warp(still, still, painted, batch["target"], None)
    given = torch.cat([9 + 0 * changed, -9 + 0 * changed, -9 + 0 * changed], 1)
    wrong = Warp(still, still, given, batch["face"], None)
    runtime = Runtime(torch.device("cpu"))
    trainer = lip_warp_train.WarpTrainer(
        runtime, LipWarpHParams(multiplier=0.25), np.zeros((2, len(NAMES)), np.float32)
    )
    good, bad = trainer.losses(batch, right), trainer.losses(batch, wrong)
    assert all(good[name] <= bad[name] for name in good)
    assert good["picture"] < 0.01 * bad["picture"] and good["layers"] < 0.01 * bad["layers"]


def test_the_script_asks_for_what_it_learns_from(capsys):
    for flags, missing in (([], "--data_root"), (["--what", "seeing"], "--pairs")):
        with pytest.raises(SystemExit):
            lip_motion_train.main([*flags, "--checkpoint_dir", "nowhere"])
        assert missing in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_seen_is_learnt_from_the_same_pairs(bank, tmp_path):
    numbers = "multiplier=0.25,batch_size=4,eval_interval=2,checkpoint_interval=2,log_interval=1"
    flags = ["--what", "seeing", "--pairs", str(bank), "--checkpoint_dir", str(tmp_path / "run")]
    assert lip_motion_train.main([*flags, "--hparams", numbers, "--max_steps", "2"]) == 0
    network = load(tmp_path / "run" / "checkpoint_step000000002.pth", "lip_seeing")
    assert network.lips_spread.max() > 0.1


@pytest.mark.slow
def test_a_run_resumes_exactly(bank, tmp_path):
    numbers = "multiplier=0.25,batch_size=4,eval_interval=6,checkpoint_interval=3,log_interval=1"
    flags = ["--pairs", str(bank), "--precision", "fp32", "--device", "cpu", "--hparams", numbers]
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    assert lip_warp_train.main([*flags, "--checkpoint_dir", str(whole), "--max_steps", "6"]) == 0
    assert lip_warp_train.main([*flags, "--checkpoint_dir", str(halved), "--max_steps", "3"]) == 0
    resumed = ["--checkpoint_path", str(halved / "checkpoint_step000000003.pth")]
    arguments = [*flags, *resumed, "--checkpoint_dir", str(halved), "--max_steps", "6"]
    assert lip_warp_train.main(arguments) == 0
    files = [folder / "checkpoint_step000000006.pth" for folder in (whole, halved)]
    states = [torch.load(file, weights_only=True)["state_dict"] for file in files]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert (whole / "samples_step000000006" / "0.png").exists()
