"""evaluation/words.py: retrieval against a slow twin, readers, and the command."""

import json

import numpy as np
import pytest
import torch

from evaluation import words
from models.davs import DAVS
from tests.word_trees import write_tree


def test_retrieval_is_that_of_counting_one_by_one():
    rng = np.random.default_rng(0)
    asked, found = rng.normal(size=(60, 3, 4)), rng.normal(size=(60, 3, 4))
    found[:30] = asked[:30] + 0.1 * rng.normal(size=(30, 3, 4))
    unit = [rows.reshape(60, -1) / np.linalg.norm(rows.reshape(60, -1), axis=1)[:, None]
            for rows in (asked, found)]  # fmt: skip
    ranks = []
    for number, row in enumerate(unit[0]):
        distances = [float(np.linalg.norm(row - other)) for other in unit[1]]
        ranks.append(sum(distance < distances[number] for distance in distances))
    scores = words.retrieval(asked, found)
    assert scores["R@1"] == np.mean([rank < 1 for rank in ranks]) > 0.4
    assert scores["R@10"] == np.mean([rank < 10 for rank in ranks])
    assert scores["median"] == np.floor(np.median(ranks)) + 1
    assert scores["mean"] == pytest.approx(np.mean(ranks) + 1)


def test_one_code_for_all_finds_nothing():
    asked = np.random.default_rng(0).normal(size=(100, 3, 4))
    for pair in ((asked, np.ones_like(asked)), (np.ones_like(asked), asked)):
        scores = words.retrieval(*pair)
        assert scores["R@1"] <= 0.01 and scores["R@10"] <= 0.1
        assert scores["mean"] == pytest.approx(50.5)


def test_a_linear_reader_reads_what_is_there_and_no_more():
    rng = np.random.default_rng(0)
    told = np.repeat(np.arange(5), 40)
    clear = np.eye(5)[told] @ rng.normal(size=(5, 8)) + 0.1 * rng.normal(size=(200, 8))
    order = rng.permutation(200)
    known, unseen = order[:150], order[150:]
    read = (clear[known], told[known], clear[unseen], told[unseen], 5)
    assert words.linear_reader(*read) > 0.95
    nothing = rng.normal(size=(200, 8))
    assert words.linear_reader(nothing[known], told[known], nothing[unseen], told[unseen], 5) < 0.5


def test_the_command_prints_and_keeps_every_score(tmp_path, capsys):
    tree = write_tree(tmp_path / "tree")
    torch.save(DAVS(2, 0.03125, judges=False, size=64).state_dict(), tmp_path / "davs.pth")
    flags = ["--checkpoint_path", str(tmp_path / "davs.pth"), "--data_root", str(tree)]
    assert words.main([*flags, "--json", str(tmp_path / "found.json"), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "4 clips of 2 words; chance 50.0%" in said and "identity code" in said
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["accuracy"].keys() == {"lips", "sound", "both"}
    assert found["retrieval"]["sound to video"]["R@50"] == 1


def test_another_number_of_words_is_told(tmp_path, capsys):
    tree = write_tree(tmp_path / "tree", words=("a", "b", "c"), clips=1)
    torch.save(DAVS(2, 0.03125, judges=False, size=64).state_dict(), tmp_path / "davs.pth")
    flags = ["--checkpoint_path", str(tmp_path / "davs.pth"), "--data_root", str(tree)]
    assert words.main(flags) == 1
    assert "3 words, the network knows 2" in capsys.readouterr().err
