"""lip_reader_train.py: its stages, exact resume, tokens in its files, what it says of bad words."""

import logging

import numpy as np
import pytest
import torch

import lip_reader_train
from hparams import LipReaderHParams
from models.av_hubert.decoder import PADDING
from models.av_hubert.front_ends import MouthFrontEnd
from models.av_hubert.mouths import normalised
from models.av_hubert.open_reader import open_reader
from models.av_hubert.tokens import Tokens
from tests.reading_runs import losses, reader_arguments, speaking_corpus, train_reader
from tests.training_runs import differences, load
from training.kept_looks import KeptLooks
from training.sentences import (
    ADAPTING,
    LIPS,
    READING,
    SEEING,
    StagedSentences,
    find_sentences,
    stage_of,
)
from training.session import read_corpus
from training.word_errors import WordErrors, edits

STAGES = "lips_steps=2,seeing_steps=2"
ADAPTS = "adapting_steps=4,looks=1"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return speaking_corpus(tmp_path_factory.mktemp("corpus"))


def test_a_run_goes_through_its_stages_and_resumes_to_the_bit(corpus, tmp_path):
    train_reader(corpus, tmp_path / "whole", 6, hparams=STAGES)
    rows = losses(tmp_path / "whole")
    assert [set(row) & {"attention", "seeing"} for row in rows] == [
        {"attention"}, {"attention"}, {"seeing"}, {"seeing"}, {"attention", "seeing"},
        {"attention", "seeing"},
    ]  # fmt: skip
    train_reader(corpus, tmp_path / "parts", 4, hparams=STAGES)
    half = tmp_path / "parts/checkpoint_step000000004.pth"
    train_reader(corpus, tmp_path / "parts", 6, "--checkpoint_path", str(half), hparams=STAGES)
    last = "checkpoint_step000000006.pth"
    assert not differences(load(tmp_path / "whole" / last), load(tmp_path / "parts" / last))


@pytest.mark.slow
def test_learning_to_see_leaves_what_reads_alone(corpus, tmp_path):
    train_reader(corpus, tmp_path, 4, hparams=STAGES)
    before = load(tmp_path / "checkpoint_step000000002.pth")["state_dict"]
    after = load(tmp_path / "checkpoint_step000000004.pth")["state_dict"]
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all("feature_extractor_video" in name for name in changed)


@pytest.mark.slow
def test_while_it_adapts_the_eyes_stand_still_and_it_resumes_to_the_bit(corpus, tmp_path):
    train_reader(corpus, tmp_path / "whole", 4, hparams=ADAPTS)
    first = load(tmp_path / "whole/checkpoint_step000000002.pth")["state_dict"]
    second = load(tmp_path / "whole/checkpoint_step000000004.pth")
    changed = {name for name in first if not torch.equal(first[name], second["state_dict"][name])}
    assert changed and not any("feature_extractor_video" in name for name in changed)
    train_reader(corpus, tmp_path / "parts", 2, hparams=ADAPTS)
    half = tmp_path / "parts/checkpoint_step000000002.pth"
    train_reader(corpus, tmp_path / "parts", 4, "--checkpoint_path", str(half), hparams=ADAPTS)
    assert not differences(second, load(tmp_path / "parts/checkpoint_step000000004.pth"))


def test_kept_looks_are_what_the_eyes_see_and_a_broken_clip_stops_nothing(tmp_path, caplog):
    dataset, _ = sentences_of(speaking_corpus(tmp_path), looks=1)
    eyes = MouthFrontEnd(6, 0.03125, keeps_places=True).train()
    looks = KeptLooks(dataset, eyes)
    codes = looks.of(torch.tensor([[0, 0], [1, 0]]), 40)
    assert codes.shape == (2, 40, 6) and (codes[:, 30:] == 0).all() and eyes.training
    mouths = normalised(torch.from_numpy(dataset.look_at(1, 0)))[None, None]
    with torch.no_grad():
        torch.testing.assert_close(codes[1, :30], eyes.eval()(mouths)[0], atol=1e-3, rtol=1e-2)
    for picture in dataset.sets["adapting"][0].clip.folder.glob("*.jpg"):
        picture.write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        assert (KeptLooks(dataset, eyes).of(torch.tensor([[0, 0]]), 30) == 0).all()
    assert "seen as nothing" in caplog.text and dataset.name_of(0) in caplog.text


def test_the_file_says_what_its_tokens_stand_for(corpus, tmp_path):
    reader = open_reader(train_reader(corpus, tmp_path))
    assert reader.view == "face" and reader.face == (32, 32) and not reader.hears
    words = "place green at a two"
    assert reader.tokens.decode(reader.tokens.encode(words)) == words


@pytest.mark.slow
def test_a_clip_without_words_and_unknown_characters_are_named_and_stop_nothing(
    tmp_path, caplog, capsys
):
    corpus = speaking_corpus(tmp_path / "corpus")
    first, second = sorted(path.parent for path in corpus.rglob("audio.wav"))[:2]
    (first / "words.txt").write_text("Text:  \n")
    with caplog.at_level(logging.WARNING):
        best = train_reader(corpus, tmp_path / "run")
    assert "1 clips are not read from" in caplog.text
    (second / "words.txt").write_text("Text:  ÉMILE\n")
    flags = reader_arguments(corpus, tmp_path / "next", 1, "--checkpoint_path", str(best))
    with caplog.at_level(logging.WARNING):
        assert lip_reader_train.main(flags) == 0
    assert "no token for" in caplog.text and "é" in caplog.text
    for clip in corpus.rglob("words.txt"):
        clip.unlink()
    assert lip_reader_train.main(reader_arguments(corpus, tmp_path / "none", 1)) == 1
    assert "of no clip it is known what is said" in capsys.readouterr().err


def sentences_of(corpus, **numbers):
    hp = LipReaderHParams(img_height=32, img_width=32, batch_size=2, **numbers)
    clips = read_corpus(corpus, corpus / "filelists/train.txt", hp).clips
    sentences = find_sentences(clips, hp.longest, "train")
    tokens = Tokens.of_characters(one.words for one in sentences)
    return StagedSentences(sentences, (), hp, tokens, 0), hp


def test_stages_follow_from_the_step():
    hp = LipReaderHParams(lips_steps=2, seeing_steps=1, adapting_steps=1)
    stages = [LIPS, LIPS, SEEING, ADAPTING, READING, READING]
    assert [stage_of(step, hp) for step in range(6)] == stages


def test_an_epoch_takes_each_sentence_once_and_batches_are_of_like_length(tmp_path):
    corpus = speaking_corpus(tmp_path, clips=12)
    for number, clip in enumerate(sorted(path.parent for path in corpus.rglob("audio.wav"))):
        for frame in range(20 + number % 2 * 5, 30):
            (clip / f"{frame}.jpg").unlink()
    dataset, hp = sentences_of(corpus)
    epoch = len(dataset)
    samples = [dataset[number] for number in range(epoch // 2 * 2)]
    lengths = [len(sample["mouths"]) for sample in samples]
    assert sorted(set(lengths)) == [20, 25]
    mixed = sum(a != b for a, b in zip(lengths[::2], lengths[1::2], strict=True))
    assert mixed <= 1  # where short ones end and long ones begin
    again = dataset[3]
    np.testing.assert_array_equal(again["mouths"], samples[3]["mouths"])


def test_padding_is_told_apart(corpus):
    dataset, _ = sentences_of(corpus)
    samples = [dataset[0], dataset[1]]
    samples[1] = {name: value[:5] for name, value in samples[1].items()}
    batch = dataset.collate(samples)
    assert batch["frames"].tolist() == [30, 5]
    assert (batch["tokens"][1, 5:] == PADDING).all() and batch["lips"][1, 5:].isnan().all()


@pytest.mark.parametrize(
    ("found", "said", "count"),
    [("a b c", "a b c", 0), ("", "a b", 2), ("a x c d", "a b c", 2), ("b c", "a b c", 1)],
)
def test_edits_are_the_fewest(found, said, count):
    assert edits(found.split(), said.split()) == count


def test_rates_are_of_all_words_together():
    errors = WordErrors()
    errors.add("one two", "one")
    errors.add("a b c", "a b c")
    assert errors.wer == 1 / 4 and errors.cer == 4 / 8


def test_codes_of_lips_that_nobody_learnt_are_not_taught(corpus, tmp_path, capsys):
    best = train_reader(corpus, tmp_path / "first", 1)
    assert "seeing" not in losses(tmp_path / "first")[0]
    more = ("--checkpoint_path", str(best))
    arguments = reader_arguments(corpus, tmp_path / "next", 2, *more, hparams="seeing_steps=2")
    with pytest.raises(SystemExit) as stop:
        lip_reader_train.main(arguments)
    assert stop.value.code == 2
    assert "add lips_steps" in capsys.readouterr().err
