"""The parts of the loop one by one: rates, weights, streams, log, checkpoints kept."""

import json
import logging
import math
import time

import numpy as np
import pytest
import torch

from hparams import HParams, SyncNetHParams
from training.engine.checkpoints import checkpoint_steps, refuse_occupied, run_lock, save_run
from training.engine.learner import Learner, learning_rate_share
from training.engine.log import Means, Pace, RunLog
from training.engine.runtime import Runtime
from training.engine.stream import TrainStream, ValidationSet
from training.expert_score import learns_nothing, likely_causes, require_good_expert
from training.generator_terms import warn_if_fooled
from training.perceptual import PerceptualLoss
from training.sync_weight import SyncWeight

CPU = Runtime(torch.device("cpu"))


class CountedWindows:
    """Stands for Windows: sample n is the number n, which counts for three."""

    windows_per_sample = 3

    def __len__(self):
        return 10

    def __getitem__(self, number):
        return {"number": np.int64(number)}


def test_the_rate_rises_then_falls_along_a_cosine():
    hp = HParams().with_overrides("warmup_steps=10,min_lr_ratio=0.1,max_steps=110")
    shares = [learning_rate_share(step, hp) for step in range(111)]
    assert shares[0] == pytest.approx(1 / 11) and shares[10] == 1.0
    assert all(a < b for a, b in zip(shares[:10], shares[1:11], strict=True))
    assert all(a > b for a, b in zip(shares[10:110], shares[11:], strict=True))
    assert shares[60] == pytest.approx(0.55) and shares[110] == pytest.approx(0.1)
    assert learning_rate_share(10**6, HParams()) == 1.0


def test_a_cosine_without_an_end_is_refused(tiny_hp):
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    with pytest.raises(ValueError, match="needs --max_steps"):
        Learner(network, optimizer, CPU, tiny_hp.with_overrides("min_lr_ratio=0.1"))


def test_clipping_and_the_average_follow_their_numbers():
    hp = HParams().with_overrides("clip_grad_norm=0.5,ema_decay=0.9")
    network = torch.nn.Linear(3, 1, bias=False)
    begin = network.weight.detach().clone()
    learner = Learner(network, torch.optim.SGD(network.parameters(), lr=1.0), CPU, hp)
    learner.backward(100 * network.weight.sum(), grad_accum_steps=1)
    said = learner.apply(0)
    assert said["gradient_norm"].item() == pytest.approx(100 * math.sqrt(3))
    moved = (network.weight - begin).norm().item()
    assert moved == pytest.approx(0.5, rel=1e-4)
    # The first update copies, later ones average.
    learner.backward(100 * network.weight.sum(), grad_accum_steps=1)
    copied = learner.eval_model.weight.clone()
    learner.apply(1)
    expected = 0.9 * copied + 0.1 * network.weight
    torch.testing.assert_close(learner.eval_model.weight, expected)


@pytest.mark.parametrize(("world", "accumulate"), [(1, 1), (2, 1), (1, 4), (2, 2)])
def test_every_split_of_a_batch_sees_the_same_windows(world, accumulate):
    seen = set()
    for rank in range(world):
        runtime = Runtime(torch.device("cpu"), rank=rank, world_size=world)
        stream = TrainStream(CountedWindows(), 8, accumulate, 0, runtime)
        stream.position = 16
        parts = next(iter(stream))
        assert len(parts) == accumulate
        for part in parts:
            seen |= set(part["number"].tolist())
        assert stream.position == 24 and stream.epoch == 2
    assert seen == set(range(16, 24))


def test_half_precision_begins_at_weights_of_any_origin():
    """A file of weights alone, or of another precision, has nothing for the gradient's scaler."""
    network = torch.nn.Linear(3, 1)
    half = Runtime(torch.device("cpu"), precision=torch.half)
    learner = Learner(network, torch.optim.Adam(network.parameters()), half, HParams())
    fresh = learner.scaler.state_dict()
    assert fresh  # it is at work
    full = Learner(network, torch.optim.Adam(network.parameters()), CPU, HParams())
    for state in ({"scaler": {}}, full.state_dict()):
        learner.load_state_dict(state)
        assert learner.scaler.state_dict() == fresh
    learner.load_state_dict({"scaler": fresh | {"scale": 512.0}})
    assert learner.scaler.get_scale() == 512


def test_an_average_goes_on_where_it_was():
    """Whole numbers, which count batches, are taken over and not averaged."""
    hp = HParams().with_overrides("ema_decay=0.9")
    network = torch.nn.BatchNorm1d(2)

    def updated() -> Learner:
        return Learner(network, torch.optim.SGD(network.parameters(), lr=1.0), CPU, hp)

    first = updated()
    first.average.update_parameters(network)
    second = updated()
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        network.running_mean += 1
        network.num_batches_tracked += 7
    second.average.update_parameters(network)
    torch.testing.assert_close(second.eval_model.running_mean, torch.full((2,), 0.1))
    assert second.eval_model.num_batches_tracked == 7
    assert second.state_dict()["average"]["n_averaged"] == 2


def test_optimizers_are_one_kernel_on_cuda():
    assert Runtime(torch.device("cuda")).fused is True
    network = torch.nn.Linear(2, 1)
    saved = torch.optim.Adam(network.parameters(), fused=True).state_dict()
    learner = Learner(network, torch.optim.Adam(network.parameters()), CPU, HParams())
    learner.load_optimizer(saved)  # a checkpoint of CUDA goes on here
    assert learner.optimizer.param_groups[0]["fused"] is CPU.fused is None


def test_a_step_counts_all_windows_of_its_samples():
    runtime = Runtime(torch.device("cpu"), world_size=2)
    said = TrainStream(CountedWindows(), 8, 2, 0, runtime).describe()
    assert said == "24 windows a step = 2 processes x 2 micro-batches x 6; 10 samples an epoch"


def test_a_batch_that_does_not_divide_is_refused():
    runtime = Runtime(torch.device("cpu"), world_size=3)
    with pytest.raises(ValueError, match="3 processes x 2 micro-batches; take 18"):
        TrainStream(CountedWindows(), 16, 2, 0, runtime)


def test_validation_windows_are_shared_out_once():
    seen = []
    for rank in range(2):
        runtime = Runtime(torch.device("cpu"), rank=rank, world_size=2)
        for batch in ValidationSet(CountedWindows(), 15, 4, 0, runtime):
            seen += batch["number"].tolist()
    assert sorted(seen) == list(range(15))
    assert len(ValidationSet(CountedWindows(), 8, 4, 0, CPU)) == 2


def test_the_sync_weight_waits_for_the_published_threshold():
    weight = SyncWeight(HParams(), full=0.01)
    weight.decide(l1=0.05, sync=0.8, other_terms=0.05)
    assert weight.value == 0
    weight.decide(l1=0.05, sync=0.74, other_terms=0.5)
    assert weight.value == 0.01
    weight.decide(l1=0.05, sync=0.9, other_terms=0.5)
    assert weight.value == 0.01


def test_the_sync_term_keeps_within_its_share():
    weight = SyncWeight(HParams().with_overrides("syncnet_max_share=0.1"), full=0.03)
    weight.decide(l1=0.03, sync=0.7, other_terms=0.03)
    term = weight.value * 0.7
    assert term / (term + 0.03) == pytest.approx(0.1)


def test_a_sync_weight_set_by_hand_stays(tiny_hp):
    hp = tiny_hp.with_overrides("syncnet_wt=0.05")
    weight = SyncWeight(hp, full=0.01)
    assert weight.value == 0.05
    weight.decide(l1=0.05, sync=0.9, other_terms=0.5)
    assert weight.value == 0.05 and not weight.is_on
    weight.decide(l1=0.05, sync=0.5, other_terms=0.5)
    assert weight.value == 0.05 and weight.is_on
    lower = SyncWeight(tiny_hp.with_overrides("syncnet_wt=0.004"), full=0.01)
    lower.decide(l1=0.05, sync=0.5, other_terms=0.5)
    assert lower.value == 0.01  # from the threshold on it is allowed more
    resumed = SyncWeight(tiny_hp.with_overrides("syncnet_wt=0.02"), full=0.01)
    resumed.restore({"sync_weight": lower.state_dict()})
    assert resumed.value == 0.02  # raised on the command line


def test_the_sync_weight_backs_off_while_the_expert_is_fooled():
    def decide(weight, fooled):
        weight.decide(l1=0.03, sync=0.5, other_terms=1, fooled=fooled)
        return weight.value

    hp = HParams().with_overrides("syncnet_back_off=True")
    weight = SyncWeight(hp, full=0.01)
    assert [decide(weight, fooled) for fooled in (False, True, True)] == [0.01, 0.005, 0.0025]
    again = SyncWeight(hp, full=0.01)
    again.restore({"sync_weight": weight.state_dict()})
    assert decide(again, False) == pytest.approx(0.003125)
    assert [decide(again, False) for _ in range(8)][-1] == 0.01
    plain = SyncWeight(HParams(), full=0.01)
    assert [decide(plain, True) for _ in range(3)] == [0.01] * 3


def test_the_sync_weight_can_wait_for_flat_pictures_and_survives_a_resume():
    hp = HParams().with_overrides("syncnet_wt_flat=0.05,syncnet_max_share=1")
    weight = SyncWeight(hp, full=0.01)
    for l1 in (0.1, 0.05, 0.04):
        weight.decide(l1=l1, sync=0.5, other_terms=l1)
        assert weight.value == 0
    again = SyncWeight(hp, full=0.01)
    again.restore({"sync_weight": weight.state_dict()})
    again.decide(l1=0.0395, sync=0.5, other_terms=0.04)
    assert again.value == 0.01
    again.restore({})
    assert again.value == 0.01


def test_the_log_forgets_steps_that_a_resumed_run_makes_again(tmp_path):
    log = RunLog(tmp_path)
    for step in (1, 2, 3):
        log.write(step, "train", {"loss": step / 10})
    log.path.write_text(log.path.read_text() + '{"step": 4, "spl')
    RunLog(tmp_path, first_step=2).write(3, "train", {"loss": float("nan")})
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert lines[2] == {"step": 3, "split": "train", "loss": None}


def test_only_the_first_process_writes(tmp_path):
    RunLog(tmp_path / "run", enabled=False).write(1, "train", {"loss": 1.0})
    assert not (tmp_path / "run").exists()


def test_means_weigh_and_pace_counts():
    means = Means()
    means.add({"loss": torch.tensor(1.0)}, weight=3)
    means.add({"loss": torch.tensor(5.0)}, weight=1)
    assert means.read() == {"loss": 2.0} == means.read_all(CPU)
    pace = Pace(max_steps=30, windows_a_step=4)
    pace.steps = 10
    values = pace.read(step=10)
    seconds = 10 * 4 / values["windows_per_second"]
    assert values["hours_left"] == pytest.approx(2 * seconds / 3600)
    assert values["data_wait_share"] == 0
    for busy, share in ((True, 0), (False, 1)):  # what the device still computes is no waiting
        pace.restart()
        with pace.waiting(lambda busy=busy: not busy):
            time.sleep(0.01)
        assert pace.read(step=10)["data_wait_share"] == pytest.approx(share, abs=0.3)


def test_a_process_that_saw_nothing_takes_part_in_a_mean():
    class First(Runtime):
        def gather(self, value):
            return [value, ["loss"]]

        def mean(self, sums, count):
            assert (sums, count) == ({"loss": 0.0}, 0.0)
            return {"loss": 3.0}

    assert Means().read_all(First(torch.device("cpu"), world_size=2)) == {"loss": 3.0}


def test_old_checkpoints_go_but_for_the_last(tmp_path):
    content = {"state_dict": {}}
    for step in (10, 20, 30):
        path = save_run(tmp_path, step, {"": content, "disc_": content}, keep=2)
    assert checkpoint_steps(tmp_path) == [20, 30]
    assert not (tmp_path / "disc_checkpoint_step000000010.pth").exists()
    save_run(tmp_path, 40, {"": content}, keep=0)
    assert checkpoint_steps(tmp_path) == [20, 30, 40]
    with pytest.raises(ValueError, match=f"--checkpoint_path {path.parent}.*000000040"):
        refuse_occupied(tmp_path)


@pytest.mark.parametrize("keep", [1, 3, 4, 5, 9])
def test_as_many_checkpoints_are_kept_as_were_asked_for(tmp_path, keep):
    for step in range(10, 80, 10):
        save_run(tmp_path, step, {"": {"state_dict": {}}}, keep=keep)
    assert checkpoint_steps(tmp_path) == list(range(10, 80, 10))[-keep:]


def test_a_kill_between_two_files_leaves_no_generator_without_its_discriminator(
    tmp_path, monkeypatch
):
    written = []

    def dies_at_the_second(path, state):
        if written:
            raise KeyboardInterrupt
        written.append(path.name)

    monkeypatch.setattr("training.engine.checkpoints.save_checkpoint", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save_run(tmp_path, 10, {"": {}, "disc_": {}}, keep=0)
    assert written == ["disc_checkpoint_step000000010.pth"]


def test_one_training_at_a_time_writes_to_a_folder(tmp_path):
    with run_lock(tmp_path, CPU):
        with pytest.raises(ValueError, match="another training writes to"):
            with run_lock(tmp_path, CPU):
                pass
    with run_lock(tmp_path, CPU):
        pass


def test_an_optimizer_keeps_its_own_settings_and_takes_the_memory():
    network = torch.nn.Linear(2, 1)
    other = torch.optim.Adam(network.parameters(), lr=1.0, betas=(0.9, 0.999))
    network.weight.sum().backward()
    other.step()
    own = torch.optim.Adam(network.parameters(), lr=0.1, betas=(0.5, 0.99))
    Learner(network, own, CPU, HParams()).load_optimizer(other.state_dict())
    assert own.param_groups[0]["betas"] == (0.5, 0.99) and own.param_groups[0]["lr"] == 0.1
    assert own.state[network.weight]["exp_avg"].eq(other.state[network.weight]["exp_avg"]).all()


def test_a_blind_expert_is_refused_unless_forced(caplog):
    caplog.set_level(logging.INFO)
    score = {"loss": 0.5, "accuracy_in_sync": 0.8, "accuracy_off_sync": 0.7}
    with pytest.raises(ValueError, match="loss 0.500.*80.0%.*70.0%.*--force"):
        require_good_expert(score, 0.4, force=False)
    require_good_expert(score, 0.4, force=True)
    assert "all the same" in caplog.text
    require_good_expert({**score, "loss": 0.3}, 0.4, force=False)


def test_a_stuck_expert_is_told_from_a_learning_one():
    assert learns_nothing({"loss": 0.69, "accuracy": 0.51})
    assert learns_nothing({"loss": 0.87, "accuracy": 0.51})
    assert not learns_nothing({"loss": 0.6, "accuracy": 0.7})
    assert not learns_nothing({"loss": 0.69, "accuracy": 0.7})


def test_likely_causes_name_this_run_s_own():
    class Corpus:
        clips = range(20)
        late_share = 0.5
        truth_share = 0.0

    hp = SyncNetHParams().with_overrides("syncnet_lr=1e-3,syncnet_batch_size=8")
    text = " ".join(likely_causes(Corpus, hp))
    for words in ("50%", "initial_learning_rate=0.001", "20 clips", "batch_size=8", "ln 2"):
        assert words in text
    Corpus.clips, Corpus.late_share = range(10_000), 0.0
    assert len(likely_causes(Corpus, SyncNetHParams())) == 2
    Corpus.truth_share = 1.0
    assert "blendshape_wt" in " ".join(likely_causes(Corpus, SyncNetHParams()))


def test_a_fooled_expert_is_an_alarm(caplog):
    warn_if_fooled({"cosine_generated": 0.6, "cosine_true": 0.7}, 5)
    assert not caplog.text
    warn_if_fooled({"cosine_generated": 0.72, "cosine_true": 0.7}, 5)
    assert "prefers generated windows" in caplog.text
    caplog.clear()
    seconds = {"second_cosine_generated": 0.4, "second_cosine_true": 0.7}
    warn_if_fooled({"cosine_generated": 0.65, "cosine_true": 0.7, **seconds}, 5)
    assert "second expert" in caplog.text


def test_the_perceptual_loss_says_what_it_needs():
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        with pytest.raises(RuntimeError, match="perceptual_wt over 0 needs torchvision"):
            PerceptualLoss()
    else:
        pytest.skip("torchvision is here, and would fetch VGG's weights")
