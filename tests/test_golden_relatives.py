"""LipGAN, DAVS and TalkLip: names and shapes, golden outputs, and the script that compares them."""

import json

import numpy as np
import pytest
import torch

from models import VisualQualityDiscriminator
from models.av_hubert import SIZES, AVHuBERT, LipReader
from models.davs import (
    DAVSDecoder,
    DomainJudge,
    FaceJudge,
    IdentityEncoder,
    IdentityWordJudge,
    LipEncoder,
    SoundEncoder,
    WordClassifier,
)
from models.folding import fold_batch_norms
from models.lipgan import LipGANGenerator, LipGANJudge
from models.talklip import TalkLipGenerator
from tests.deterministic import fill
from tests.golden_relatives import CHECKS, compare, main

NETWORKS = {
    "lipgan_generator_residual_mel": (LipGANGenerator, 49_543_123),
    "lipgan_generator_basic_mel": (lambda: LipGANGenerator("basic"), 21_469_843),
    "lipgan_discriminator_mel": (LipGANJudge, 8_240_022),
    "lipgan_generator_residual_mfcc": (lambda: LipGANGenerator("residual", "mfcc"), 71_331_987),
    "lipgan_generator_basic_mfcc": (lambda: LipGANGenerator("basic", "mfcc"), 24_922_771),
    "lipgan_discriminator_mfcc": (lambda: LipGANJudge("mfcc"), 14_382_742),
    "davs_ID_encoder": (IdentityEncoder, 15_619_584),
    "davs_lip_feature_encoder": (LipEncoder, 8_414_486),
    "davs_mfcc_encoder": (SoundEncoder, 1_603_136),
    "davs_Decoder": (DAVSDecoder, 22_404_547),
    "davs_model_fusion": (WordClassifier, 1_830_389),
    "davs_ID_lip_discriminator": (IdentityWordJudge, 1_412_277),
    "davs_netD": (lambda: FaceJudge(1), 19_001_092),
    "davs_netD_mul": (FaceJudge, 19_019_332),
    "davs_discriminator_audio": (DomainJudge, 66_049),
    "avhubert_tiny_s2s": (lambda: LipReader(**SIZES["tiny"]), 11_934_584),
    "avhubert_base_s2s": (LipReader, 160_613_608),
    "avhubert_large_s2s": (lambda: LipReader(**SIZES["large"]), 477_332_200),
    "talklip_generator": (TalkLipGenerator, 137_603_099),
    "talklip_discriminator": (VisualQualityDiscriminator, 14_113_793),
}
# One of each kind that takes little time; CI runs the others too.
FAST = (
    "lipgan_basic_mel", "lipgan_judge_mel", "davs_words", "davs_lips",
    "lip_reader_tiny",
)  # fmt: skip


@pytest.fixture(scope="module")
def golden(request):
    with np.load(request.path.parent / "data" / "golden_relatives.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("name", NETWORKS)
def test_names_shapes_and_counts_are_the_originals(request, name):
    make, parameters = NETWORKS[name]
    with torch.device("meta"):
        network = make()
    path = request.path.parent / "data" / "state_dicts_relatives.json"
    expected = json.loads(path.read_text())[name]
    found = {key: list(value.shape) for key, value in network.state_dict().items()}
    if name.startswith("lipgan"):  # Keras has no such count
        found = {key: value for key, value in found.items() if "num_batches" not in key}
    assert found == expected
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def assert_golden(name: str, golden: dict) -> None:
    found = dict(compare(CHECKS[name], golden, seed=0))
    assert found and not [f"{entry} {fault}" for entry, fault in found.items() if fault]


@pytest.mark.parametrize("name", FAST)
def test_fast_networks_are_golden(name, golden):
    assert_golden(name, golden)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CHECKS if name not in FAST])
def test_large_networks_are_golden(name, golden):
    assert_golden(name, golden)


def test_every_golden_entry_belongs_to_a_check(golden):
    prefixes = tuple(prefix for check in CHECKS.values() for prefix in check.prefixes)
    assert not [name for name in golden if not name.startswith(prefixes)]


@pytest.fixture
def few(golden, tmp_path):
    """Writes a file with the entries of two small networks, one of them moved."""

    def write(moved_by: float = 0.0, **others):
        names = ("davs_model_fusion", "davs_discriminator_audio")
        kept = {name: value for name, value in golden.items() if name.startswith(names)}
        kept["davs_model_fusion"] = kept["davs_model_fusion"] + np.float32(moved_by)
        np.savez(tmp_path / "few.npz", **kept, **others)
        return str(tmp_path / "few.npz")

    return write


def test_script_passes_what_is_within_tolerance(few, capsys):
    assert main([few(moved_by=5e-5), "--seed", "0", "--only", "davs"]) == 0
    assert "davs_model_fusion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "moved_by", "others", "words"),
    [
        ([], 2e-4, {}, "davs_model_fusion is off by 2.0e-04; 1.0e-04 is allowed"),
        (["--seed", "1"], 0.0, {}, "davs_discriminator_audio is off by"),
        (["--only", "lipgan"], 0.0, {}, "has no entry of these networks"),
        ([], 0.0, {"davs_model_fusion.more": np.zeros(3)}, "more is of no output"),
    ],
)
def test_script_fails_what_is_not(few, capsys, arguments, moved_by, others, words):
    assert main([few(moved_by, **others), *arguments]) == 1
    assert words in capsys.readouterr().err


def test_script_names_a_file_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "none.npz")]) == 1
    assert "none.npz" in capsys.readouterr().err


@pytest.mark.parametrize(("height", "width"), [(64, 128), (72, 50), (32, 33)])
def test_lipgan_at_other_sizes_and_widths(height, width):
    face, heard = torch.rand(2, 6, height, width), torch.rand(2, 1, 12, 35)
    network = LipGANGenerator("residual", "mfcc", height, width, 0.0625).eval()
    assert network(heard, face).shape == (2, 3, height, width)
    judge = LipGANJudge("mfcc", height, width, 0.0625)
    assert judge(heard, face[:, :3]).shape == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sound": "voice"}, "hears mel or mfcc, not 'voice'"),
        ({"model": "big"}, "models are residual and basic, not 'big'"),
    ],
)
def test_lipgan_names_what_it_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        LipGANGenerator(**arguments)


def test_lipgans_judge_has_finite_slopes_where_its_roots_have_none():
    judge = LipGANJudge(multiplier=0.0625)
    black = torch.zeros(1, 3, 96, 96, requires_grad=True)
    judge.conv2d[0].bias.data.zero_()  # a map without any variance
    judge(torch.zeros(1, 1, 80, 27), black).sum().backward()
    assert torch.isfinite(black.grad).all()


def test_davs_at_another_width():
    faces = torch.rand(1, 3, 256, 256)
    code, _, _, skip, largest = IdentityEncoder(0.125).eval()(faces)
    speech = SoundEncoder(0.125).eval()(torch.rand(1, 1, 1, 20, 12))
    assert DAVSDecoder(0.125).eval()(code, skip, speech[:, 0]).shape == faces.shape
    assert LipEncoder(0.125).eval()(faces[None]).shape == speech.shape
    judge = IdentityWordJudge(frames=1, words=50, multiplier=0.125)
    assert judge(largest).shape == (1, 50)
    patches, mouth = FaceJudge(1, 0.125).eval()(faces, torch.rand(1, 1, 20, 12))
    assert patches.shape == (1, 1, 30, 30) and mouth.shape == (1, 1)
    assert WordClassifier(3, 50, 0.125)(torch.rand(2, 3, 256)).shape == (2, 50)


def narrow_talklip() -> TalkLipGenerator:
    return TalkLipGenerator(
        64, 64, 0.125, embed_dim=32, hidden=64, layers=1, heads=2, position_kernel=16,
        position_groups=2, resnet_multiplier=0.0625, clusters=4,
    )  # fmt: skip


def test_talklip_at_another_width_and_size():
    network = narrow_talklip().eval()
    faces, sound = torch.rand(3, 6, 64, 64), torch.randn(2, 104, 9)
    assert network(sound, faces, torch.tensor([0, 5, 17])).shape == (3, 3, 64, 64)


@torch.inference_mode()
def test_padding_does_not_change_a_shorter_clips_codes():
    encoder = narrow_talklip().eval().audio_encoder
    sound = torch.randn(1, 104, 9)
    padding = torch.arange(14)[None] >= 9
    longer = torch.cat((sound, torch.randn(1, 104, 5)), dim=2)
    padded = encoder(longer, padding=padding)[:, :9]
    torch.testing.assert_close(padded, encoder(sound), atol=1e-5, rtol=0)


def test_av_hubert_needs_sound_or_mouths():
    with torch.device("meta"):
        network = AVHuBERT()
    with pytest.raises(ValueError, match="given neither"):
        network()


NORMED = {
    "lipgan": (lambda: LipGANGenerator("residual", "mfcc", 64, 64, 0.125), 72),
    "davs identity": (lambda: IdentityEncoder(0.125), 34),
    "davs decoder": (lambda: DAVSDecoder(0.125), 20),
}


@pytest.mark.parametrize("name", NORMED)
@torch.inference_mode()
def test_folding_changes_no_output(name):
    make, norms = NORMED[name]
    network = make()
    network.load_state_dict(fill(network.state_dict()))
    inputs = {
        "lipgan": (torch.randn(2, 1, 12, 35), torch.rand(2, 6, 64, 64)),
        "davs identity": (torch.rand(2, 3, 256, 256),),
        "davs decoder": (torch.randn(2, 256), torch.randn(2, 20, 32, 32), torch.randn(2, 256)),
    }[name]
    before = network.eval()(*inputs)
    folded = fold_batch_norms(network)
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules()) == 0
    assert sum(isinstance(layer, torch.nn.Identity) for layer in folded.modules()) == norms
    torch.testing.assert_close(folded(*inputs), before, atol=1e-4, rtol=1e-4)
