"""TalkLip as a method: what it hears of a whole speech, and what it paints."""

import numpy as np
import pytest
import torch

from models import talklip_method
from models.generator import Place
from models.inputs import generator_input
from models.talklip import TalkLipGenerator
from models.talklip_method import SpeechListener, TalkLip


@pytest.fixture(scope="module")
def network() -> TalkLipGenerator:
    torch.manual_seed(0)
    return TalkLipGenerator(
        64, 64, 0.0625, embed_dim=16, hidden=32, layers=1, heads=2, position_kernel=8,
        position_groups=2, resnet_multiplier=0.03125, clusters=4,
    ).eval()  # fmt: skip


@torch.inference_mode()
def test_each_frame_is_given_the_code_of_its_moment(network):
    sound = torch.randn(104, 30)
    codes = network.audio_map(network.hear(sound[None]))[0].numpy()
    seconds = (np.arange(33) + 0.5) / 25 - 1 / 25  # one frame before the sound, two after it
    found = TalkLip(network).encode_speech(sound, seconds)
    expected = codes[[0, *range(30), 29, 29]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@torch.inference_mode()
def test_forty_seconds_are_heard_as_a_whole_and_more_without_a_seam(network, monkeypatch):
    listen = SpeechListener(network)
    sound = torch.randn(104, 1000)
    whole = network.audio_map(network.hear(sound[None]))[0]
    torch.testing.assert_close(listen(sound), whole, atol=1e-5, rtol=0)
    monkeypatch.setattr(talklip_method, "SPAN", 60)
    monkeypatch.setattr(talklip_method, "OVERLAP", 20)
    for columns in (61, 80, 100, 101, 240):
        found = listen(sound[:, :columns])
        assert found.shape == (columns, whole.shape[1])
        jumps = (found[1:] - found[:-1]).norm(dim=1)
        usual = (whole[1:columns] - whole[: columns - 1]).norm(dim=1)
        assert jumps.max() < 1.5 * usual.max()


@torch.inference_mode()
def test_paints_what_the_generator_paints(network):
    method = TalkLip(network)
    frame = np.random.default_rng(0).integers(0, 255, (120, 120, 3), np.uint8)
    place = Place((20, 20, 84, 84))
    heard = np.random.default_rng(1).normal(size=32).astype(np.float32)
    fed = {name: torch.as_tensor(x)[None] for name, x in method.feed(frame, place, heard).items()}
    made = method.forward(fed)["face"]
    face = torch.from_numpy(frame[20:84, 20:84]).permute(2, 0, 1)[None] / 255
    expected = network.paint(torch.from_numpy(heard)[None], generator_input(face, face))
    np.testing.assert_allclose(
        torch.as_tensor(made)[0].float().numpy(), expected[0].permute(1, 2, 0) * 255, atol=0.51
    )
