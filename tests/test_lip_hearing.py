"""The network that hears lip motion: what it may hear of a frame, what it says, its files."""

import numpy as np
import pytest
import torch

from audio import melspectrogram
from hparams import HParams
from models.checkpoint import load, read_checkpoint, save_weights
from models.lip_hearing import (
    BANDS,
    COLUMNS_PER_SECOND,
    CONTACTS,
    LipHearing,
    lip_opening,
    make_contacts,
)
from models.lip_motion import INDEX, NAMES, SHUT_OPENING, TUCKED_ROLL, opening
from models.pretrained import LIP_HEARING
from synthesis.speech.utterance import make_utterance
from synthesis.speech.voices import draw_voice
from tests.espeak_mark import needs_espeak

MEL_HALF_WINDOW = 0.025  # s of sound after a column's time that the column hears


@pytest.fixture
def lively():
    """Makes a network whose every layer says something."""

    def make(causal: bool = False) -> LipHearing:
        network = LipHearing(16, causal)
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv1d):
                torch.nn.init.normal_(layer.weight, std=0.3)
        network.spread.fill_(0.1)
        network.mean.fill_(0.2)
        return network.eval()

    return make


def columns_heard(network: LipHearing, second: float) -> np.ndarray:
    """The seconds before (below 0) and after the frame whose sound matters to it."""
    mel = torch.randn(1, BANDS, 481, requires_grad=True)
    network(mel, torch.tensor([second * COLUMNS_PER_SECOND])).sum().backward()
    heard = np.flatnonzero(mel.grad[0].abs().sum(dim=0).numpy())
    return heard / COLUMNS_PER_SECOND - second


@pytest.mark.parametrize("frame", [74, 75, 76, 77, 78])
def test_a_frame_hears_half_a_second_either_side(lively, frame):
    heard = columns_heard(lively(), (frame + 0.5) / 25)
    assert -0.65 < heard.min() < -0.5 and 0.5 < heard.max() < 0.65


@pytest.mark.parametrize("frame", [74, 75, 76, 77, 78])
def test_a_causal_network_looks_ahead_200_ms_at_most(lively, frame):
    heard = columns_heard(lively(causal=True), (frame + 0.5) / 25)
    assert 0.1 < heard.max() + MEL_HALF_WINDOW <= 0.2
    assert -1.2 < heard.min() < -0.9


def test_a_frame_does_not_depend_on_what_else_is_in_the_clip(lively):
    network, mel = lively(), np.random.default_rng(0).normal(0, 2, (BANDS, 400)).astype(np.float32)
    whole = network.lip_motion(mel).values
    piece = network.lip_motion(mel[:, 80:]).values  # from second 1 on
    assert len(whole) == 125
    np.testing.assert_allclose(whole[25 + 20 :], piece[20:], atol=1e-3)


def test_every_length_of_sound_has_its_frames(lively):
    network = lively()
    for columns, frames in ((1, 0), (2, 0), (4, 1), (81, 25), (482, 150)):
        mel = np.zeros((BANDS, columns), np.float32)
        assert network.lip_motion(mel).values.shape == (frames, len(NAMES))
        assert network.lip_motion(mel, frames=7).values.shape == (7, len(NAMES))


def test_times_between_two_columns_lie_between_what_is_said_there(lively):
    network, mel = lively(), torch.randn(1, BANDS, 200)
    columns = network.columns(mel)[0]
    told = network(mel, torch.tensor([10.0, 10.25, 11.0]))[0]
    torch.testing.assert_close(told[0], columns[:, 10])
    torch.testing.assert_close(told[2], columns[:, 11])
    torch.testing.assert_close(told[1], 0.75 * columns[:, 10] + 0.25 * columns[:, 11])


def test_numbers_come_out_in_their_ranges(lively):
    network = lively()
    network.spread.fill_(5.0)
    values = network.lip_motion(np.random.default_rng(0).normal(0, 2, (BANDS, 300))).values
    assert values.dtype == np.float32 and values.max() == 1 and values.min() == pytest.approx(-0.2)


def test_lips_that_touch_do_touch():
    values = torch.full((3, len(NAMES)), 0.3)
    made = make_contacts(values, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    open_, shut, tucked = made.numpy()
    np.testing.assert_array_equal(open_, values[0].numpy())
    assert opening(open_) > 0.1 and opening(shut) < SHUT_OPENING
    assert tucked[INDEX["mouthRollLower"]] > TUCKED_ROLL
    assert tucked[INDEX["mouthUpperUp"]] == pytest.approx(0.3)  # the teeth stay in view


def test_a_contact_is_made_when_the_network_is_sure(lively):
    network = lively()
    told = torch.zeros(2, len(NAMES) + len(CONTACTS))
    told[:, INDEX["jawOpen"]] = 2.0
    told[:, len(NAMES)] = torch.tensor([-5.0, 5.0])
    told[:, len(NAMES) + 1] = -5.0
    doubt, sure = network.finish(told).numpy()
    assert opening(doubt) > 0.1 and opening(sure) < SHUT_OPENING


def test_the_opening_is_lip_motions():
    values = np.random.default_rng(0).uniform(0, 0.6, (50, len(NAMES))).astype(np.float32)
    np.testing.assert_allclose(lip_opening(torch.from_numpy(values)), opening(values), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_a_file_holds_all_that_hearing_needs(lively, tmp_path, causal):
    network, path = lively(causal), tmp_path / "hearing.safetensors"
    save_weights(path, network, {}, half=True)
    read = load(path, "lip_hearing")
    assert bool(read.causal) is causal
    assert read_checkpoint(path).kind.name == "lip_hearing"
    mel = melspectrogram(
        np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32), HParams()
    )
    before, after = (one.lip_motion(mel).values for one in (network, read))
    np.testing.assert_allclose(before, after, atol=0.02)


@needs_espeak
def test_the_shipped_network_shuts_lips_in_languages_that_it_never_heard():
    hearing, hp = load(LIP_HEARING, "lip_hearing"), HParams()
    kept = []
    for number in range(4):
        rng = np.random.default_rng(number)
        said = make_utterance(draw_voice("test", rng), 100, rng, "test")
        opening = hearing.lip_motion(melspectrogram(said.clean, hp), 100).opening
        bursts = [int(g.end * 25) for g in said.gestures if g.contact == "closed"]
        kept += [min(opening[burst - 1 : burst + 1]) < SHUT_OPENING for burst in bursts]
    assert len(kept) > 10 and np.mean(kept) > 0.85
