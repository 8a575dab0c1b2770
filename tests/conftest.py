"""What several tests share: configurations, and where real media lie if they do."""

import signal
from pathlib import Path

import pytest
import torch

from hparams import HParams

SHARED = Path(__file__).resolve().parents[2] / "shared"


# A job in the background is born deaf to Ctrl-C, and so are the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The networks of the tests are tiny: a second thread costs them more than it brings.
torch.set_num_threads(1)


@pytest.fixture
def hp() -> HParams:
    return HParams()


@pytest.fixture
def tiny_hp() -> HParams:
    """32-pixel faces and very narrow networks."""
    return HParams().with_overrides("img_size=32,multiplier=0.0625")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real clips, which are not part of the repository."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("no real media beside the repository (shared/data)")
    return data


@pytest.fixture(autouse=True)
def _seeded() -> None:
    if torch.cuda.is_available():
        torch.manual_seed(0)
    else:  # the same, without a word to devices that are not there: 2000 tests say it
        torch.default_generator.manual_seed(0)


@pytest.fixture
def toy_folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with a face and a speech of two seconds, where toy methods are known."""
    from tests import lipsync_material, toy_methods

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    toy_methods.install(monkeypatch)
    lipsync_material.make_face_video(tmp_path / "face.mkv", frames=50)
    lipsync_material.make_sound(tmp_path / "speech.wav", 2, toy_methods.BURST)
    return tmp_path
