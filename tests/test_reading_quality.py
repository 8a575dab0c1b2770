"""evaluation.reading_quality: words read off true clips and off what a generator makes of them."""

import cv2
import pytest

from corpus.filelists import read_filelist
from evaluation import reading_quality
from evaluation.reading_quality import rate_with_interval
from models.checkpoint import save_weights
from models.syncnet import SyncNet
from models.talklip import TalkLipGenerator
from tests.reading_runs import speaking_corpus, train_reader
from training.word_errors import WordErrors


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A corpus, a reader, a generator and a judge, of which none knows anything."""
    root = tmp_path_factory.mktemp("files")
    corpus = speaking_corpus(root / "corpus")
    generator = TalkLipGenerator(
        32, 32, 0.0625, embed_dim=16, hidden=32, layers=1, heads=2, position_kernel=8,
        position_groups=2, resnet_multiplier=0.03125, clusters=4,
    )  # fmt: skip
    numbers = {"img_height": 32, "img_width": 32, "multiplier": 0.0625}
    save_weights(root / "talklip.safetensors", generator, numbers)
    save_weights(root / "expert.safetensors", SyncNet(32, 32, 0.0625), numbers)
    return root, corpus, train_reader(corpus, root / "reader")


def run(files, *more) -> int:
    _, corpus, reader = files
    line = ["--reader", reader, "--data_root", corpus, "--beam", 2]
    line += ["--filelist", corpus / "filelists/val.txt", *more]
    return reading_quality.main([str(part) for part in line])


def test_words_pictures_and_sync_are_told_and_shown(files, tmp_path, capsys):
    root, _, _ = files
    sheet = tmp_path / "sheet.png"
    expert = root / "expert.safetensors"
    flags = ("--generator", root / "talklip.safetensors", "--syncnet_checkpoint_path", expert)
    assert run(files, *flags, "--sheet", sheet) == 0
    printed = capsys.readouterr().out
    for name in ("true: ", "made: ", "L1 of the lower half", "sharpness, true", "sync, made"):
        assert name in printed
    assert cv2.imread(str(sheet)) is not None


def test_what_lacks_a_clip_is_left_out_and_what_lacks_all_is_an_error(files, tmp_path, capsys):
    _, corpus, _ = files
    spoilt = tmp_path / "spoilt"
    speaking_corpus(spoilt)
    names = read_filelist(spoilt / "filelists/train.txt")
    for picture in (spoilt / names[0]).glob("*.jpg"):
        picture.write_bytes(b"no picture")
    flags = ["--data_root", str(spoilt), "--filelist", str(spoilt / "filelists/train.txt")]
    assert run(files, *flags) == 0
    found = capsys.readouterr()
    assert f"left out: {names[0]}" in found.err
    assert f"{len(names) - 1} sentences" in found.out
    assert run(files, "--reader", tmp_path / "none.pth") == 1
    assert "none.pth" in capsys.readouterr().err


def test_the_interval_of_a_rate_holds_it():
    errors = [WordErrors(wrong, 10) for wrong in (0, 2, 4, 10)]
    assert rate_with_interval(errors, "wrong_words", "words").startswith("40.0% (")
    assert rate_with_interval(errors[:1], "wrong_words", "words") == "0.0% (0.0% to 0.0%)"
