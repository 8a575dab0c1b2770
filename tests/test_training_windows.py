"""Samples of training: which frames and which sound belong together, and that nothing is random."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from audio import mel_window, mel_window_start
from corpus.clips import read_corpus
from corpus.errors import CorpusError
from hparams import SyncNetHParams
from tests.toy_corpus import make_corpus
from training.augment import Augmentation
from training.augment_sound import SoundAugmentation
from training.blendshapes import SPREADS
from training.windows import ExpertContrast, ExpertPairs, GeneratorWindows

FRAMES = 30


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """A corpus whose every face has its frame's number as its grey level, and sound to match."""
    root = tmp_path_factory.mktemp("numbered")
    make_corpus(root, 4, frames=FRAMES, size=16)
    for number, folder in enumerate(sorted(root.glob("*/0*"))):
        for frame in range(FRAMES):
            face = np.full((16, 16, 3), 8 * frame + number, np.uint8)
            cv2.imwrite(str(folder / f"{frame}.jpg"), face, [cv2.IMWRITE_JPEG_QUALITY, 100])
        columns = 1 + FRAMES * 640 // 200
        np.save(folder / "mel.npy", np.tile(np.arange(columns, dtype=np.float32), (80, 1)))
    return root


@pytest.fixture
def tiny_hp():
    """An expert's, which every kind of window can be drawn by."""
    return SyncNetHParams().with_overrides("img_size=32,multiplier=0.0625")


@pytest.fixture
def clips(numbered, tiny_hp):
    return read_corpus(numbered, numbered / "filelists/train.txt", tiny_hp).clips


def frame_numbers(faces: np.ndarray) -> list[int]:
    """Of faces (n, h, w, 3)."""
    return [int(face.mean()) // 8 for face in faces]


def test_generator_hears_one_frame_before_each_target(clips, tiny_hp):
    windows = GeneratorWindows(clips, tiny_hp, seed=1)
    for number in range(50):
        sample = windows[number]
        first = frame_numbers(sample["targets"])[0]
        assert frame_numbers(sample["targets"]) == list(range(first, first + 5))
        assert sample["mel"][0, 0] == int(80 * first / 25)
        for k in range(5):
            ramp = np.tile(np.arange(97, dtype=np.float32), (80, 1))
            begin = mel_window_start(first + k, 25, tiny_hp)
            expected = mel_window(ramp, begin, tiny_hp)
            np.testing.assert_array_equal(sample["frame_mels"][k], expected)


def test_references_share_no_frame_with_targets(clips, tiny_hp):
    windows = GeneratorWindows(clips, tiny_hp, seed=1)
    starts = set()
    for number in range(200):
        sample = windows[number]
        targets, references = map(frame_numbers, (sample["targets"], sample["references"]))
        assert not set(targets) & set(references)
        starts.add(targets[0])
    assert len(starts) > 20  # of 26


def test_pairs_are_in_sync_where_they_say_so(clips, tiny_hp):
    windows = ExpertPairs(clips, tiny_hp, seed=1)
    truths = []
    for number in range(200):
        sample = windows[number]
        shown = frame_numbers(sample["mouths"])[0]
        heard = sample["mel"][0, 0]
        assert (heard == int(80 * shown / 25)) == bool(sample["in_sync"])
        truths.append(sample["in_sync"])
    assert 0.4 < np.mean(truths) < 0.6
    assert sample["mouths"].shape == (5, 16, 32, 3)


def test_wrong_mouths_may_be_another_clip_s(clips, tiny_hp):
    hp = tiny_hp.with_overrides("syncnet_other_clip_share=1")
    windows = ExpertPairs(clips, hp, seed=1)
    for number in range(60):
        sample = windows[number]
        own = clips.index(windows.clip_of(number))
        shown = round(float(sample["mouths"].mean())) % 8
        offsets = [int(cv2.imread(str(clip.folder / "0.jpg")).mean()) for clip in clips]
        assert (shown == offsets[own]) == bool(sample["in_sync"])


def test_contrast_gives_windows_with_their_own_sounds(clips, tiny_hp):
    hp = tiny_hp.with_overrides("infonce_windows=8")
    sample = ExpertContrast(clips, hp, seed=1)[3]
    assert len(set(sample["starts"])) == 8
    for start, mouths, mel in zip(sample["starts"], sample["mouths"], sample["mel"], strict=True):
        assert frame_numbers(mouths) == list(range(start, start + 5))
        assert mel[0, 0] == int(80 * start / 25)


def test_windows_know_the_shapes_of_made_mouths(tiny_hp, tmp_path):
    """The jaw is the first of the shapes; a clip's own mean is taken off, in spreads."""
    make_corpus(tmp_path, 4, frames=20, size=16, with_truth=True)
    clips = read_corpus(tmp_path, tmp_path / "filelists/train.txt", tiny_hp).clips
    assert np.isnan(
        ExpertPairs(clips, tiny_hp, seed=1)[0]["audio_blendshapes"]
    ).all()  # unless asked for
    windows = ExpertPairs(clips, tiny_hp.with_overrides("blendshape_wt=1"), seed=1)
    for number in range(20):
        sample = windows[number]
        jaw = json.loads((windows.clip_of(number).folder / "truth.json").read_text())["weights"]
        jaw = (np.array(jaw["jawOpen"]) - np.mean(jaw["jawOpen"])) / SPREADS["jawOpen"]
        runs = np.lib.stride_tricks.sliding_window_view(jaw, 5)
        heard, seen = (
            sample[name].reshape(5, -1)[:, 0] for name in ("audio_blendshapes", "video_blendshapes")
        )
        at = [int(np.abs(runs - shapes).sum(axis=1).argmin()) for shapes in (heard, seen)]
        np.testing.assert_allclose(heard, runs[at[0]], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(seen, runs[at[1]], rtol=1e-4, atol=1e-4)
        assert (at[0] == at[1]) == bool(sample["in_sync"])


def test_windows_of_real_mouths_have_no_known_shapes(clips, tiny_hp):
    hp = tiny_hp.with_overrides("infonce_windows=2,blendshape_wt=1")
    sample = ExpertContrast(clips, hp, seed=1)[0]
    assert np.isnan(sample["audio_blendshapes"]).all() and sample["audio_blendshapes"].shape == (
        2,
        5 * len(SPREADS),
    )


@pytest.fixture
def sounds(tmp_path, tiny_hp):
    """Clips without pictures; each one's mel has its columns' numbers, its jaw its frames'."""
    lists = make_corpus(tmp_path, 4, frames=20, size=16, with_truth=True)
    for picture in tmp_path.rglob("*.jpg"):
        picture.unlink()
    for truth in tmp_path.rglob("truth.json"):
        known = json.loads(truth.read_text()) | {"weights": {"jawOpen": list(range(20))}}
        truth.write_text(json.dumps(known))
        np.save(truth.parent / "mel.npy", np.tile(np.arange(65, dtype=np.float32), (80, 1)))
    return read_corpus(tmp_path, lists / "train.txt", tiny_hp, sound_alone=True).clips


@pytest.mark.parametrize("kind", [ExpertPairs, ExpertContrast])
def test_sound_alone_comes_with_the_shapes_that_spoke_it(kind, clips, sounds, tiny_hp):
    hp = tiny_hp.with_overrides("infonce_windows=2,blendshape_wt=1,syncnet_sound_windows=30")
    sample = kind(clips, hp, seed=1, sounds=sounds)[0]
    assert sample["sounds"].shape == (30, 80, 16)
    assert sample["sounds_blendshapes"].shape == (30, 5 * len(SPREADS))
    jaws = sample["sounds_blendshapes"].reshape(30, 5, -1)[:, :, 0] * SPREADS["jawOpen"] + 9.5
    frames = jaws.round().astype(int)
    assert len(set(frames[:, 0])) > 5
    np.testing.assert_array_equal(frames, frames[:, :1] + np.arange(5))
    np.testing.assert_array_equal(sample["sounds"][:, 0, 0], 80 * frames[:, 0] // 25)


@pytest.mark.parametrize("kind", [ExpertPairs, ExpertContrast])
def test_sound_alone_changes_nothing_of_the_rest(kind, clips, sounds, tiny_hp):
    hp = tiny_hp.with_overrides("infonce_windows=2,blendshape_wt=1,syncnet_sound_windows=3")
    alone, beside = kind(clips, hp, seed=1)[5], kind(clips, hp, seed=1, sounds=sounds)[5]
    assert set(beside) - set(alone) == {"sounds", "sounds_blendshapes"}
    for name, value in alone.items():
        np.testing.assert_array_equal(value, beside[name])


def test_a_sound_that_breaks_later_is_named(clips, sounds, tiny_hp, caplog):
    hp = tiny_hp.with_overrides("blendshape_wt=1,syncnet_sound_windows=3")
    windows = ExpertPairs(clips, hp, seed=0, sounds=sounds)
    (sounds[0].folder / "mel.npy").write_bytes(b"no mel")
    for number in range(12):
        assert windows[number]["sounds"].shape == (3, 80, 16)
    assert f"its companion {sounds[0].name}: mel.npy is broken" in caplog.text


def test_sounds_without_truth_are_left_out_with_the_reason(sounds, tiny_hp, tmp_path):
    (sounds[0].folder / "truth.json").unlink()
    lists = tmp_path / "filelists"
    corpus = read_corpus(tmp_path, lists / "train.txt", tiny_hp, sound_alone=True)
    assert corpus.unusable[sounds[0].name].startswith("no truth.json")
    assert len(corpus.clips) == len(sounds) - 1


def test_the_same_number_is_the_same_sample_whatever_came_before(clips, tiny_hp):
    first, second = (GeneratorWindows(clips, tiny_hp, seed=3, augment=0.5) for _ in range(2))
    for _ in range(7):
        second[_]
    for name, value in first[11].items():
        np.testing.assert_array_equal(value, second[11][name])
    other = GeneratorWindows(clips, tiny_hp, seed=4, augment=0.5)[11]
    assert not np.array_equal(other["targets"], first[11]["targets"])


def test_an_epoch_visits_every_clip_once_in_changing_order(clips, tiny_hp):
    windows = GeneratorWindows(clips, tiny_hp, seed=0)
    count = len(clips)
    orders = [
        [windows.clip_of(number).name for number in range(epoch * count, (epoch + 1) * count)]
        for epoch in range(6)
    ]
    assert all(sorted(order) == sorted(clip.name for clip in clips) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_a_clip_that_breaks_later_is_named_and_replaced(numbered, tiny_hp, tmp_path, caplog):
    make_corpus(tmp_path, 4, frames=20, size=16)
    corpus = read_corpus(tmp_path, tmp_path / "filelists/train.txt", tiny_hp)
    broken = corpus.clips[1]
    for face in broken.folder.glob("*.jpg"):
        face.write_bytes(b"no picture")
    windows = ExpertPairs(corpus.clips, tiny_hp, seed=0)
    for number in range(12):
        assert windows[number]["mouths"].shape == (5, 16, 32, 3)
    assert f"left out: {broken.name}" in caplog.text


def test_a_corpus_that_breaks_altogether_stops(tiny_hp, tmp_path):
    make_corpus(tmp_path, 4, frames=20, size=16)
    corpus = read_corpus(tmp_path, tmp_path / "filelists/train.txt", tiny_hp)
    for face in tmp_path.rglob("*.jpg"):
        face.write_bytes(b"no picture")
    with pytest.raises(CorpusError, match="cannot be read"):
        ExpertPairs(corpus.clips, tiny_hp, seed=0)[0]


def test_augmented_windows_change_all_frames_alike(clips, tiny_hp):
    """The numbered faces keep their order of brightness: each is changed as its neighbours are."""
    plain = ExpertContrast(clips, tiny_hp.with_overrides("infonce_windows=2"), seed=1)
    changed = ExpertContrast(
        clips, tiny_hp.with_overrides("infonce_windows=2"), seed=1, augment=1.0
    )
    sample, other = plain[0], changed[0]
    assert other["mouths"].shape == sample["mouths"].shape and other["mouths"].dtype == np.uint8
    assert not np.array_equal(other["mouths"], sample["mouths"])
    levels = np.median(other["mouths"], axis=(2, 3, 4))
    assert np.all(np.diff(levels, axis=1) >= 0) and np.all(levels[:, -1] > levels[:, 0])


def test_changed_sounds_keep_their_times(tiny_hp):
    """A click stays in its column, louder or softer, higher or lower, over a noise or not."""
    mel = np.full((80, 60), -4, np.float32)
    mel[20:60, 30] = 2
    random = np.random.default_rng(0)
    for _ in range(50):
        change = SoundAugmentation.draw(random, 0.8, tiny_hp)
        changed = change.apply(mel, random, tiny_hp)
        assert changed.dtype == np.float32 and changed.shape == mel.shape
        assert np.abs(changed).max() <= 4
        assert changed.mean(axis=0).argmax() == 30
        nothing = change.throat == 1 and change.colour is None and change.noise is None
        assert nothing == np.array_equal(changed, mel)


def test_a_longer_throat_lowers_every_band_alike(tiny_hp):
    mel = np.tile(np.arange(80, dtype=np.float32)[:, None], (1, 3))
    lowered = SoundAugmentation(1.25, None, None).apply(mel, np.random.default_rng(0), tiny_hp)
    np.testing.assert_allclose(lowered[:, 0], np.arange(80) / 1.25, rtol=1e-5, atol=1e-5)


def test_noise_adds_as_powers_do(tiny_hp):
    """Nothing audible under a loud sound, its own level in silence."""
    mel = np.full((80, 400), -4, np.float32)
    mel[:, :40] = 3  # 87.5 dB over the floor
    noise = SoundAugmentation(1.0, None, np.full(80, -40.0))
    noisy = noise.apply(mel, np.random.default_rng(0), tiny_hp)
    np.testing.assert_allclose(noisy[:, :40], 3, atol=0.01)
    assert (8 * 47.5 / 100 - 4) == pytest.approx(noisy[:, 40:].mean(), abs=0.05)


def test_sound_is_changed_for_training_only_where_asked(clips, tiny_hp):
    hp = tiny_hp.with_overrides("infonce_windows=2")
    plain, changed = (ExpertContrast(clips, hp, 1, 0.0, share)[0] for share in (0.0, 1.0))
    np.testing.assert_array_equal(plain["mouths"], changed["mouths"])
    assert not np.array_equal(plain["mel"], changed["mel"])


@pytest.mark.parametrize("seed", range(6))
def test_mouths_are_changed_as_the_whole_face_would_be(seed):
    """But for noise, and for a JPEG's blocks, which begin at the first row."""
    random = np.random.default_rng(seed)
    drawn = replace(Augmentation.draw(random, 1.0), noise=0.0, quality=100)
    faces = random.integers(0, 256, (5, 96, 72, 3), np.uint8)
    whole = drawn.everything(faces, random)[:, 48:]
    np.testing.assert_array_equal(drawn.everything(faces, random, 48), whole)
    grain = replace(drawn, noise=8.0).everything(faces, random, 48).astype(int) - whole
    inside = (whole > 40) & (whole < 215)
    assert 7 < grain[inside].std() < 9
