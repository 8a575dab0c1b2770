"""The networks against the reference: names, shapes, counts, outputs; and at sizes of our own."""

import json

import numpy as np
import pytest
import torch

from evaluation import SyncNetV2
from models import S3FD, SyncNet, TalkFace, VisualQualityDiscriminator
from models.folding import fold_batch_norms
from models.inputs import generator_input, lip_window
from tests.deterministic import draw, filled

NETWORKS = {
    "generator": (TalkFace, 36_298_035),
    "expert": (SyncNet, 16_435_072),
    "quality_discriminator": (VisualQualityDiscriminator, 14_113_793),
    "s3fd": (S3FD, 22_459_110),
    "syncnet_v2": (SyncNetV2, 13_631_616),
}


@pytest.fixture(scope="module")
def golden(request):
    return np.load(request.path.parent / "data" / "golden_nets.npz")


def assert_golden(golden, name: str, output: torch.Tensor, tolerance: float = 1e-4) -> None:
    output = output.detach().numpy()
    assert list(output.shape) == list(golden[f"{name}.shape"])
    if output.size > 20_000:  # long ones are kept thinned
        output = output.reshape(-1)[:: max(1, output.size // 4000)]
    np.testing.assert_allclose(output, golden[name], atol=tolerance)


@pytest.mark.parametrize("name", NETWORKS)
def test_names_shapes_and_counts_are_the_originals(request, name):
    network, parameters = NETWORKS[name]
    network = network()
    expected = json.loads((request.path.parent / "data" / "state_dicts.json").read_text())[name]
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == expected
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@torch.inference_mode()
def test_generator_is_golden(golden):
    network = filled(TalkFace())
    mel, face = draw((2, 1, 80, 16), 1) * 8 - 4, draw((2, 6, 96, 96), 2)
    assert_golden(golden, "generator_4d", network(mel, face))
    mels, faces = draw((2, 5, 1, 80, 16), 3) * 8 - 4, draw((2, 6, 5, 96, 96), 4)
    assert_golden(golden, "generator_5d", network(mels, faces))


@torch.inference_mode()
def test_expert_is_golden(golden):
    sound, mouth = filled(SyncNet())(draw((3, 1, 80, 16), 6) * 8 - 4, draw((3, 15, 48, 96), 5))
    assert_golden(golden, "expert_audio", sound)
    assert_golden(golden, "expert_face", mouth)


@torch.inference_mode()
def test_discriminator_is_golden(golden):
    network, faces = filled(VisualQualityDiscriminator()), draw((2, 3, 5, 96, 96), 7)
    assert_golden(golden, "quality_pred", network(faces))
    assert_golden(golden, "quality_perceptual_loss", network.perceptual_loss(faces)[None])


@torch.inference_mode()
def test_s3fd_is_golden(golden):
    for index, output in enumerate(filled(S3FD())(draw((1, 3, 96, 160), 8) * 255 - 115)):
        assert_golden(golden, f"s3fd_{index}", output)


@torch.inference_mode()
def test_syncnet_v2_is_golden(golden):
    network = filled(SyncNetV2())
    assert_golden(
        golden, "syncnet_v2_lip", network.forward_lip(draw((1, 3, 5, 224, 224), 9) * 255), 2e-4
    )
    assert_golden(
        golden, "syncnet_v2_audio", network.forward_aud(draw((1, 1, 13, 20), 10) * 20 - 10)
    )


SIZES = [(32, 32), (96, 96), (288, 192), (128, 256), (33, 47)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@torch.inference_mode()
def test_every_size_builds_and_runs(height, width):
    mel, faces = torch.zeros(2, 1, 80, 16), torch.rand(2, 3, 5, height, width)
    generator = TalkFace(height, width, 0.0625).eval()
    made = generator(mel, generator_input(faces[:, :, 0], faces[:, :, 1]))
    assert made.shape == (2, 3, height, width)
    assert 0 <= made.min() <= made.max() <= 1
    sound, mouth = SyncNet(height, width, 0.0625).eval()(mel, lip_window(faces))
    assert sound.shape == mouth.shape == (2, 32)
    torch.testing.assert_close(mouth.norm(dim=1), torch.ones(2))
    judged = VisualQualityDiscriminator(height, width, 0.0625)(faces)
    assert judged.shape == (10, 1)


def test_stages_of_the_hd_model_are_as_designed():
    generator = TalkFace(288, 192, 0.0625)
    assert len(generator.face_encoder_blocks) == 8  # one stage more than at 96x96
    assert generator.face_encoder_blocks[-1][0].conv_block[0].kernel_size == (5, 3)
    assert generator.face_decoder_blocks[1][0].conv_block[0].kernel_size == (5, 3)
    assert generator.face_decoder_blocks[2][0].conv_block[0].output_padding == (0, 1)


def falls(network: torch.nn.Module, loss) -> bool:
    """Whether a few steps of Adam bring the loss of one batch clearly down."""
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(16):
        optimizer.zero_grad()
        losses.append(loss())
        losses[-1].backward()
        optimizer.step()
    return losses[-1].item() < 0.9 * losses[0].item()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "width", "multiplier"),
    [(96, 96, 0.125), (288, 192, 0.0625)],
)
def test_losses_go_down_on_one_batch(height, width, multiplier):
    mel = torch.randn(4, 1, 80, 16)
    faces = 0.1 * torch.rand(4, 3, 5, height, width) + 0.9 * torch.rand(4, 3, 5, 1, 1) ** 3
    targets, references = faces[:2, :, 0], faces[:2, :, 1]
    generator = TalkFace(height, width, multiplier)
    expert = SyncNet(height, width, multiplier)
    judge = VisualQualityDiscriminator(height, width, multiplier)

    def l1():
        return (generator(mel[:2], generator_input(targets, references)) - targets).abs().mean()

    def sync():
        sound, mouth = expert(mel, lip_window(faces))
        cosine = (sound * mouth).sum(1).clamp(0, 1)
        return torch.nn.functional.binary_cross_entropy(cosine, torch.tensor([1.0, 0, 1, 0]))

    def quality():
        return judge.perceptual_loss(targets)

    assert falls(generator, l1)
    assert falls(expert, sync)
    assert falls(judge, quality)


def test_time_is_folded_frame_by_frame():
    generator = filled(TalkFace(32, 32, 0.0625))
    mels, faces = torch.randn(2, 3, 1, 80, 16), torch.rand(2, 6, 3, 32, 32)
    with torch.inference_mode():
        whole = generator(mels, faces)
        for frame in range(3):
            single = generator(mels[:, frame], faces[:, :, frame])
            torch.testing.assert_close(whole[:, :, frame], single)


@pytest.mark.parametrize("network", [TalkFace, SyncNet])
@torch.inference_mode()
def test_folding_changes_nothing_but_the_work(network):
    plain, fast = (filled(network(32, 32, 0.125)) for _ in range(2))
    fold_batch_norms(fast)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fast.modules())
    mel = draw((2, 1, 80, 16), 1) * 8 - 4
    faces = draw((2, 6, 32, 32) if network is TalkFace else (2, 15, 16, 32), 2)
    torch.testing.assert_close(fast(mel, faces), plain(mel, faces))


def test_folding_knows_three_dimensions_and_refuses_training():
    network = filled(SyncNetV2())
    frames = draw((1, 3, 5, 224, 224), 9) * 255
    with torch.inference_mode():
        before = network.forward_lip(frames)
        after = fold_batch_norms(network).forward_lip(frames)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_batch_norms(TalkFace(32, 32, 0.0625))
