"""Files of LipGAN, DAVS and AV-HuBERT in the forms in which they were published."""

import json
from pathlib import Path

import pytest
import torch

from models.av_hubert import LipReader
from models.checkpoint_files import CheckpointError, read_content
from models.davs import DAVS
from models.davs.whole import PARTS, measure
from models.fairseq_file import read_text_side
from models.lipgan import LipGANGenerator, LipGANJudge
from models.lipgan.measure import measure_generator, measure_judge
from tests.deterministic import fill
from tests.old_files import fairseq_modules, write_fairseq, write_keras, write_torch_02

DATA = Path(__file__).parent / "data"
LIPGAN = {
    "lipgan_generator_residual_mel": (LipGANGenerator, ("residual", "mel"), measure_generator),
    "lipgan_generator_basic_mel": (LipGANGenerator, ("basic", "mel"), measure_generator),
    "lipgan_discriminator_mel": (LipGANJudge, ("mel",), measure_judge),
    "lipgan_generator_residual_mfcc": (LipGANGenerator, ("residual", "mfcc"), measure_generator),
    "lipgan_generator_basic_mfcc": (LipGANGenerator, ("basic", "mfcc"), measure_generator),
    "lipgan_discriminator_mfcc": (LipGANJudge, ("mfcc",), measure_judge),
}


@pytest.fixture(scope="module")
def lipgan_layers() -> dict[str, list[dict]]:
    return json.loads((DATA / "lipgan_layers.json").read_text())


def without_counts(weights: dict) -> dict:
    return {name: value for name, value in weights.items() if "num_batches" not in name}


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def check_keras_round_trip(name, rows, path, multiplier, **form) -> None:
    """A network's weights through a Keras file, and the network out of what was read."""
    pytest.importorskip("h5py")
    make, arguments, measured = LIPGAN[name]
    network = make(*arguments, multiplier=multiplier)
    weights = without_counts(fill(network.state_dict()))
    write_keras(path, rows, weights, **form)
    found = read_content(path)["state_dict"]
    assert_same(found, weights)
    again = make(**measured(found))
    again.load_state_dict(found)
    assert (again.sound, again.height, again.multiplier) == (network.sound, 96, multiplier)


@pytest.mark.parametrize(("name", "first"), [*zip(LIPGAN, [58, 0, 7, 0, 3, 95], strict=True)])
def test_keras_files_of_lipgan_are_read(lipgan_layers, tmp_path, name, first):
    """Models and weights alone, from sessions that had made other layers before."""
    path = tmp_path / "gen.h5"
    check_keras_round_trip(name, lipgan_layers[name], path, 0.0625, whole=first == 0, first=first)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIPGAN)
def test_keras_files_of_full_size_are_read(lipgan_layers, tmp_path, name):
    h5py = pytest.importorskip("h5py")
    path, rows = tmp_path / "gen.h5", lipgan_layers[name]
    check_keras_round_trip(name, rows, path, 1, whole=True)
    with h5py.File(path) as file:
        for row in rows:
            for weight in row.get("weights", []):
                layer = row["keras_layer"]
                stored = file[f"model_weights/{layer}/{layer}/{weight['keras']}:0"]
                assert list(stored.shape) == weight["keras_shape"]


def test_a_joint_keras_model_is_named(lipgan_layers, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "comb.h5", "w") as file:
        for layer in ("conv2d_1", "conv2d_2"):
            file.create_dataset(f"model_weights/model_1/{layer}/kernel:0", data=torch.zeros(2, 2))
    with pytest.raises(CheckpointError, match="a joint model .comb.h5.; give .*gen.h5, disc.h5"):
        read_content(tmp_path / "comb.h5")


def test_a_keras_file_whose_numbers_lie_elsewhere_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "other").write_bytes(bytes(16))
    with h5py.File(tmp_path / "gen.h5", "w") as file:
        layer = file.create_group("conv2d_1/conv2d_1")
        place = [(str(tmp_path / "other"), 0, 16)]
        layer.create_dataset("kernel:0", (4,), "f4", external=place)
    with pytest.raises(CheckpointError, match="conv2d_1/kernel:0 lie in another file"):
        read_content(tmp_path / "gen.h5")


@pytest.mark.parametrize("cut", [20, 2000])
def test_a_broken_keras_file_is_named(lipgan_layers, tmp_path, cut):
    pytest.importorskip("h5py")
    path, network = tmp_path / "gen.h5", LipGANJudge(multiplier=0.0625)
    weights = fill(network.state_dict())
    write_keras(path, lipgan_layers["lipgan_discriminator_mel"], weights, whole=True)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match="gen.h5 is a broken HDF5 file"):
        read_content(path)


def davs_content(network: DAVS) -> dict:
    """As the published file has it: a state dict a network, `module.` before every name."""
    content = {"step": 101000, "epoch": 101}
    for part in PARTS:
        weights = without_counts(fill(getattr(network, part).state_dict()))
        content[part] = {f"module.{name}": value for name, value in weights.items()}
    return {**content, "optimizer_G": {"state": {}, "param_groups": [{"lr": 0.0002}]}}


def assert_davs_is_read(path: Path, network: DAVS) -> None:
    content = davs_content(network)
    write_torch_02(path, content)
    found = read_content(path)
    assert found["global_step"] == 101000 and found["global_epoch"] == 101
    again = DAVS(**measure(found["state_dict"]))
    again.load_state_dict(found["state_dict"], strict=True)
    for part in PARTS:
        weights = without_counts(getattr(again, part).state_dict())
        assert_same({f"module.{name}": value for name, value in weights.items()}, content[part])


def test_the_published_form_of_davs_is_read(tmp_path):
    network = DAVS(7, 0.0625, fusion_frames=3, identity_frames=4, judge_frames=2)
    assert_davs_is_read(tmp_path / "101_DAVS_checkpoint.pth.tar", network)


@pytest.mark.slow
def test_davs_of_full_size_is_read(tmp_path):
    assert_davs_is_read(tmp_path / "101_DAVS_checkpoint.pth.tar", DAVS())


def test_the_published_file_of_davs_has_our_names():
    stored = json.loads((DATA / "state_dicts_relatives.json").read_text())
    names = {"mfcc_encoder": "mfcc_encoder", "lip_feature_encoder": "lip_feature_encoder"}
    names |= {part: part for part in PARTS}
    with torch.device("meta"):
        network = DAVS()
    expected = {
        f"{part}.{key}": shape for part in PARTS for key, shape in stored[f"davs_{part}"].items()
    }
    found = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert found == expected


def test_davs_paints_what_it_hears():
    network = DAVS(7, 0.0625).eval()
    faces = torch.rand(1, 3, 256, 256)
    assert network(torch.randn(1, 20, 12), faces).shape == faces.shape


def small_reader() -> LipReader:
    return LipReader(
        32, 64, 1, 2, decoder_layers=1, decoder_heads=2, vocabulary=9, position_kernel=16,
        position_groups=2, resnet_multiplier=0.0625, clusters=4,
    )  # fmt: skip


SYMBOLS = ["<s>", "<pad>", "</s>", "<unk>", "▁the", "e", "a", "'", "s"]


@pytest.fixture
def fairseq_file(tmp_path):
    path, weights = tmp_path / "base_lrs3.pt", fill(small_reader().state_dict())
    write_fairseq(path, weights, SYMBOLS, b"\x0a\x00model\xff")
    return path, weights


def test_files_of_fairseq_are_read_and_nothing_in_them_is_run(fairseq_file):
    path, weights = fairseq_file
    content = read_content(path)
    assert_same(content["state_dict"], weights)
    assert content["text"].symbols(len(SYMBOLS)) == tuple(SYMBOLS)
    assert content["text"].symbols(10) is None
    assert content["text"].sentencepiece == b"\x0a\x00model\xff"
    assert content["label_smoothing"] == 0.2
    assert not Path(f"{path}.ran").exists()


def test_the_trap_of_that_file_works(fairseq_file, tmp_path):
    """Else the test above could not fail."""
    path, _ = fairseq_file
    with fairseq_modules():
        torch.load(path, weights_only=False)
    assert Path(f"{path}.ran").exists()


def test_a_text_side_alone_is_read(fairseq_file):
    path, _ = fairseq_file
    text = read_text_side(path)
    assert len(text.dictionaries) == 2 and text.sentencepiece


def test_a_file_without_a_text_side_is_named(tmp_path):
    torch.save({"a": 1}, tmp_path / "task_state.pt")
    with pytest.raises(CheckpointError, match="task_state.pt holds no dictionary of tokens"):
        read_text_side(tmp_path / "task_state.pt")


def test_objects_that_are_no_network_of_fairseqs_are_still_refused(tmp_path):
    torch.save({"a": Path("x"), "model": torch.zeros(2)}, tmp_path / "odd.pt")
    with pytest.raises(CheckpointError, match="could run code when loaded"):
        read_content(tmp_path / "odd.pt")
