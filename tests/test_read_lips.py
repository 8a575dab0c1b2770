"""Reading lips in videos: the command, published readers' view, word errors in evaluate."""

import json

import numpy as np
import pytest
import torch

from evaluation import evaluate, read_lips, scorer
from evaluation.metrics.picture_quality import psnr, talklip_psnr
from evaluation.metrics.reading import Unreadable, seen_in, words_of
from models.av_hubert import LipReader
from models.av_hubert.mouths import SIDE, mouth_pictures
from models.av_hubert.open_reader import Reader, open_reader
from models.av_hubert.tokens import Tokens
from models.checkpoint import CheckpointError, save_checkpoint, save_weights
from tests.deterministic import draw
from tests.old_files import write_fairseq
from tests.talking_ellipse import FixedBox, openings, write_video
from video import VideoWriter, read_frames

TOKENS = Tokens.of_characters(["bin blue at f two now"])
SIZE = {
    "embed_dim": 16, "hidden": 32, "layers": 1, "heads": 2, "decoder_layers": 1,
    "decoder_heads": 2, "vocabulary": len(TOKENS), "position_kernel": 8, "position_groups": 2,
    "resnet_multiplier": 0.03125, "clusters": 4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache_and_detector(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in (scorer, read_lips):
        monkeypatch.setattr(module, "make_detector", lambda name, device: FixedBox())


@pytest.fixture
def reader_file(tmp_path):
    torch.manual_seed(3)
    path = tmp_path / "reader.safetensors"
    told = {"tokens": TOKENS.state_dict(), "view": "face", "hears": False}
    save_weights(path, LipReader(**SIZE, ctc=True), {}, extra=told)
    return path


@pytest.fixture
def talk(tmp_path):
    path = tmp_path / "talk.mp4"
    write_video(path, openings(20, 0), None)
    return path


def test_the_command_prints_what_it_reads_and_counts_what_is_wrong(
    reader_file, talk, tmp_path, capsys
):
    talk.with_suffix(".txt").write_text("Text:  BIN BLUE\n")
    flags = ["--reader", str(reader_file), "--beam", "3", "--best", "2", "--device", "cpu"]
    assert read_lips.main([str(talk), *flags, "--json", str(tmp_path / "out.json")]) == 0
    row = json.loads((tmp_path / "out.json").read_text())["videos"][0]
    assert len(row["read"]) == 1 and len(row["read"][0]) == 2 and row["wer"] > 0
    assert row["read"][0][0] in (printed := capsys.readouterr().out) and "of 2 words" in printed


def test_what_cannot_be_read_is_named_and_stops_no_other(reader_file, talk, tmp_path, capsys):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    flags = [str(tmp_path / "broken.mp4"), str(talk), "--reader", str(reader_file)]
    assert read_lips.main([*flags, "--device", "cpu"]) == 1
    found = capsys.readouterr()
    assert "cannot be scored" in found.out and str(talk) in found.out
    assert read_lips.main([str(talk), "--reader", str(tmp_path / "none.pth")]) == 1
    with pytest.raises(SystemExit) as stop:
        read_lips.main([str(talk), "--reader", str(reader_file), "--beam", "0"])
    assert stop.value.code == 2


def test_word_errors_of_generated_and_true_videos(reader_file, tmp_path):
    for name, scale in (("true", 1.0), ("made", 0.5)):
        write_video(tmp_path / name / "a.mp4", openings(20, 1) * scale, None)
    out = tmp_path / "out.json"
    flags = ["--generated", str(tmp_path / "made"), "--truth", str(tmp_path / "true")]
    flags += ["--json", str(out), "--metrics", "wer", "--device", "cpu", "--beam", "2"]
    assert evaluate.main([*flags, "--reader", str(tmp_path / "none.pth")]) == 1
    assert "no lip reader at" in json.loads(out.read_text())["summary"]["wer"]["absent"]
    flags += ["--reader", str(reader_file)]
    assert evaluate.main(flags) == 1  # no words
    assert "nobody knows what is said" in json.loads(out.read_text())["summary"]["wer"]["absent"]
    (tmp_path / "words").mkdir()
    (tmp_path / "words/a.txt").write_text("Text:  NOW\n")
    assert evaluate.main([*flags, "--words", str(tmp_path / "words")]) == 0
    scores = json.loads(out.read_text())["clips"][0]["scores"]
    assert scores["wer"] > 0 and scores["wer_truth"] > 0 and scores["cer"] > 0


def test_words_without_text_are_named(tmp_path):
    (tmp_path / "a.txt").write_text("Text:  \n")
    with pytest.raises(Unreadable, match=r"a\.txt has no words"):
        words_of(tmp_path / "a.txt")


def test_talklips_psnr_is_golden_and_only_on_request(request, tmp_path):
    golden = np.load(request.path.parent / "data" / "golden_relatives_features.npz")
    wrapped, right = golden["talklip_psnr.as_released_and_right"]
    truth = (draw((96, 96, 3), 50) * 255).to(torch.uint8).numpy()
    noise = (draw((96, 96, 3), 51) * 60 - 30).trunc().numpy()
    made = np.clip(truth + noise, 0, 255).astype(np.uint8)
    assert psnr(made, truth) == pytest.approx(right, abs=1e-4)
    assert talklip_psnr(made, truth) == pytest.approx(wrapped, abs=1e-4)


def test_a_published_reader_sees_the_middle_of_whole_frames(tmp_path, talk):
    torch.manual_seed(0)
    path = tmp_path / "published.pt"
    write_fairseq(path, LipReader(**SIZE).state_dict(), list(TOKENS.symbols), b"")
    with pytest.raises(CheckpointError, match="heads cannot be told"):
        open_reader(path)  # of no published size
    network = LipReader(**SIZE).eval()
    reader = Reader(network, Tokens(TOKENS.symbols), "frame")
    with pytest.raises(ValueError, match="does not say how words divide"):
        reader.tokens.encode("now")
    square = tmp_path / "square.mp4"
    with VideoWriter(square, 160, 160, 25) as writer:
        for picture in np.random.default_rng(0).integers(0, 255, (5, 160, 160, 3), np.uint8):
            writer.write(picture)
    seen = torch.stack(list(seen_in(square, reader, FixedBox(), "largest")), dim=1)
    frames = torch.from_numpy(np.stack(list(read_frames(square, 25))))
    torch.testing.assert_close(seen, mouth_pictures(frames))
    around = list(seen_in(talk, reader, FixedBox(), "largest"))
    assert len(around) == 20 and around[0].shape == (1, SIDE, SIDE)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "does not say what its tokens stand for"),
        ({"tokens": {"symbols": ["a"]}}, "tokens begin with"),
        ({"tokens": {"symbols": ["<s>", "<pad>", "</s>", "<unk>"], "scores": []}}, "are named"),
        ({"tokens": TOKENS.state_dict(), "view": "ear"}, "its view is"),
    ],
)
def test_a_reader_whose_file_says_wrong_things_is_refused(tmp_path, told, words):
    network = LipReader(**SIZE)
    content = {"state_dict": network.state_dict(), "network": network.arguments, **told}
    save_checkpoint(tmp_path / "reader.pth", content)
    with pytest.raises(CheckpointError, match=words):
        open_reader(tmp_path / "reader.pth")
