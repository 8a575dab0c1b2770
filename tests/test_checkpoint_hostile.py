"""Checkpoints made to harm: whatever a file holds, it is read or refused, and nothing else."""

import json
import random
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from models import SyncNet, TalkFace
from models.checkpoint import CheckpointError, describe, load, main, save_weights

SHAPE = {"img_height": 32, "img_width": 32, "multiplier": 0.0625}


@pytest.fixture(scope="module")
def weights():
    return TalkFace(32, 32, 0.0625).state_dict()


class Writer(torch.nn.Module):
    """An archive that writes a file while torch.jit.load reads it."""

    def __init__(self, target: str):
        super().__init__()
        self.target = target
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight

    @torch.jit.export
    def __getstate__(self):
        return (self.target, self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, torch.Tensor, bool]):
        self.target = state[0]
        self.weight = state[1]
        self.training = state[2]
        torch.from_file(self.target, True, 64, dtype=torch.uint8).fill_(65)


@pytest.mark.filterwarnings("ignore")
def test_torchscript_code_never_runs(tmp_path):
    target = tmp_path / "written"
    torch.jit.script(Writer(str(target))).save(str(tmp_path / "a.pt"))
    with pytest.raises(CheckpointError, match="a.pt.*code of its own"):
        describe(tmp_path / "a.pt")
    assert not target.exists()
    assert main([str(tmp_path / "a.pt")]) == 1
    assert not target.exists()


@pytest.mark.parametrize(
    "stated",
    [{"multiplier": 50}, {"multiplier": 1e9}, {"img_height": 8000}, {"img_height": 10**30},
     {"multiplier": "x"}, {"multiplier": True}, {"img_width": 32.5}, {"img_width": -3}],
)  # fmt: skip
@pytest.mark.parametrize("told_by", ["hparams", "network"])
def test_a_stated_size_is_compared_before_memory_is_taken(tmp_path, stated, told_by, monkeypatch):
    weights = TalkFace(32, 32, 0.0625).state_dict()
    names = {"img_height": "height", "img_width": "width", "multiplier": "multiplier"}
    if told_by == "network":
        stated = {names[name]: value for name, value in ({**SHAPE, **stated}).items()}
    save_file(weights, tmp_path / "a.safetensors", {told_by: json.dumps(stated)})

    def on_a_real_device(*args, **kwargs):
        assert torch.get_default_device().type == "meta"

    monkeypatch.setattr(torch.nn.init, "kaiming_uniform_", on_a_real_device)
    with pytest.raises(CheckpointError, match="a.safetensors"):
        load(tmp_path / "a.safetensors", "generator")


CONTENTS = {
    "a stage out of order": lambda w: {**w, "face_encoder_blocks.999.0.a": torch.zeros(1)},
    "a stage without number": lambda w: {**w, "face_encoder_blocks.x": torch.zeros(1)},
    "marks without size": lambda w: {name: torch.zeros(()) for name in w},
    "no numbers in it": lambda w: {name: torch.zeros(0) for name in w},
    "integer keys": lambda w: {**w, 3: torch.zeros(1)},
    "wrapped integer keys": lambda w: {"state_dict": {**w, 3: torch.zeros(1)}},
    "an integer beside": lambda w: {"state_dict": w, 3: 1},
    "fp8": lambda w: {name: v.to(torch.float8_e4m3fn) for name, v in w.items()},
    "complex": lambda w: {**w, "a": torch.zeros(1, dtype=torch.complex64)},
    "sparse": lambda w: {**w, "a": torch.zeros(3, 3).to_sparse()},
    "meta": lambda w: {**w, "a": torch.zeros(3, device="meta")},
    "quantized": lambda w: {**w, "a": torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8)},
    "more than the file": lambda w: {**w, "a": torch.zeros(1).expand(10**12)},
    "infinite in 32 bits": lambda w: {**w, "a": torch.tensor([1e300], dtype=torch.float64)},
    "hparams of text": lambda w: {"state_dict": w, "hparams": "fast"},
    "hparams in lists": lambda w: {"state_dict": w, "hparams": {"fps": [25]}},
    "hparams without end": lambda w: {"state_dict": w, "hparams": {"fps": float("inf")}},
    "a step of text": lambda w: {"state_dict": w, "global_step": "7"},
    "a step below 0": lambda w: {"state_dict": w, "global_step": -1},
    "an optimizer of text": lambda w: {"state_dict": w, "optimizer": "adam"},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONTENTS)
def test_odd_contents_are_refused(tmp_path, weights, name):
    torch.save(CONTENTS[name](weights), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="a.pth"):
        load(tmp_path / "a.pth", "generator")
    assert main([str(tmp_path / "a.pth")]) == 1


@pytest.mark.parametrize(
    "stated",
    [{"network": '{"colour": 3}'}, {"network": "[1]"},
     {"hparams": "{"}, {"hparams": "[1]"}, {"hparams": '{"fps": {}}'}, {"hparams": "[" * 99999},
     {"extra": "[1]"}, {"extra": "no"}, {"global_step": "x"}, {"global_step": "9" * 5000}],
    ids=str,
)  # fmt: skip
def test_odd_words_beside_safetensors_are_refused(tmp_path, weights, stated):
    save_file(weights, tmp_path / "a.safetensors", stated)
    with pytest.raises(CheckpointError, match="a.safetensors"):
        load(tmp_path / "a.safetensors", "generator")


def test_words_beside_the_weights_cannot_replace_them(tmp_path, weights):
    extra = json.dumps({"state_dict": {}, "hparams": {"multiplier": 9}, "note": 1})
    save_file(weights, tmp_path / "a.safetensors", {"extra": extra})
    assert load(tmp_path / "a.safetensors", "generator").multiplier == 0.0625


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path, weights):
    torch.save({**weights, "a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain:
        with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in plain.namelist():
                packed.writestr(name, plain.read(name))
    with pytest.raises(CheckpointError, match="unpacks to more"):
        describe(tmp_path / "a.pth")


def _forms(folder):
    small = SyncNet(32, 32, 0.03)
    torch.save({"state_dict": small.state_dict(), "hparams": SHAPE}, folder / "zip")
    torch.save(small.state_dict(), folder / "pickle", _use_new_zipfile_serialization=False)
    save_weights(folder / "safetensors", small, SHAPE)
    example = torch.zeros(1, 1, 80, 16), torch.zeros(1, 15, 16, 32)
    torch.jit.trace(small.eval(), example).save(str(folder / "torchscript"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tries", [12, pytest.param(500, marks=pytest.mark.slow)])
def test_every_mutation_is_read_or_refused(tmp_path, tries):
    """Bytes changed, cut out and doubled, most of them where names and numbers are stated."""
    _forms(tmp_path)
    dice = random.Random(7)
    for path in list(tmp_path.iterdir()):
        whole = path.read_bytes()
        stated = [n for n in (whole.find(b"data.pkl"), whole.rfind(b"PK\x01\x02")) if n >= 0]
        for _ in range(tries):
            data = bytearray(whole)
            begin = dice.choice([0, dice.randrange(len(data)), *stated])
            place = min(len(data) - 1, begin + dice.randrange(3000))
            change = dice.randrange(4)
            if change == 0:
                data[place] = dice.randrange(256)
            elif change == 1:
                data[place : place + 8] = dice.randbytes(8)
            elif change == 2:
                del data[place : place + dice.randrange(1, 40)]
            else:
                del data[dice.randrange(len(data)) :]
            mutant = tmp_path / "mutant"
            mutant.write_bytes(data)
            try:
                describe(mutant)
            except CheckpointError as error:
                assert "mutant" in str(error)
