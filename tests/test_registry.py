"""The registry of networks: every row recognises, measures and builds its own, and no other's."""

import inspect
import json

import pytest
import torch

from models.checkpoint import load, read_checkpoint, save_weights
from models.registry import KINDS, kind_of

# What a row is tried at beside its defaults, which are too large for some.
NARROW = {"multiplier": 0.0625, "channels": 24, "height": 64, "width": 96, "words": 7}
SMALL = {"embed_dim": 32, "hidden": 16, "layers": 1, "heads": 2, "position_groups": 2}
SMALL |= {"resnet_multiplier": 0.0625, "position_kernel": 8, "clusters": 3}
SMALL_DECODER = {"decoder_layers": 1, "decoder_heads": 2, "vocabulary": 11}
SENTENCES = {"av_hubert": SMALL, "talklip": SMALL, "lip_reader": SMALL | SMALL_DECODER}


def build(kind):
    names = inspect.signature(kind.network).parameters
    numbers = {name: value for name, value in NARROW.items() if name in names}
    return kind.network(**numbers, **SENTENCES.get(kind.name, {}))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_row_knows_its_own_network(kind, tmp_path):
    network = build(kind)
    weights = network.state_dict()
    assert kind_of(weights) is kind
    # What others' files do not tell is measured; where two sizes have one shape, ours are told.
    if kind.name not in SENTENCES:  # their heads leave no trace
        assert kind.measure(weights).keys() <= network.arguments.keys()
    fits = [k.name for k in KINDS.values() if set(k.marks) <= weights.keys()]
    parts = {"davs": ["davs_judges"]}  # what a whole network holds, whose rows come after its own
    assert fits == [kind.name, *parts.get(kind.name, ())]
    assert kind.numbers.keys() <= network.arguments.keys()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_row_s_network_goes_there_and_back(kind, tmp_path):
    network = build(kind)
    save_weights(tmp_path / "a.safetensors", network, {})
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert checkpoint.kind is kind and checkpoint.shape() == json.loads(
        json.dumps(network.arguments)
    )
    back = load(tmp_path / "a.safetensors", kind.name)
    for name, value in back.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name
