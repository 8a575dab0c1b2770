"""Faces and sound that the expert is asked to judge are those that it was trained on."""

import numpy as np
import pytest
import torch

from audio import load_wav
from corpus.clips import examine_clip
from evaluation import Expert
from evaluation.metrics.faces import face_boxes, read_faces
from hparams import HParams
from preprocessing.clip import preprocess_clip
from preprocessing.settings import PreprocessSettings
from preprocessing.videos import SourceVideo
from tests.talking_ellipse import FixedBox, openings, voice, write_sound, write_video
from training.windows import GeneratorWindows


class Recorder(torch.nn.Module):
    """A network that keeps the last sound that it was given."""

    def embed_sound(self, mel):
        self.heard = mel
        return mel.flatten(1)


@pytest.mark.parametrize("fps", [25, 30])
def test_windows_of_training_are_windows_of_scoring(tmp_path, monkeypatch, fps):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = openings(60)
    sound = write_sound(tmp_path / "voice.wav", voice(opened, fps))
    video = write_video(tmp_path / "talk.mkv", opened, sound, fps)
    hp = HParams()
    preprocess_clip(
        SourceVideo("a/1", video), PreprocessSettings(tmp_path / "root", hp), FixedBox()
    )
    trained = examine_clip(tmp_path / "root" / "a" / "1", "a/1", hp)
    windows = GeneratorWindows([trained], hp, seed=0)
    judge = Expert(Recorder(), hp)
    mel = judge.mel(load_wav(video, hp.sample_rate))
    boxes = face_boxes(video, FixedBox(), hp.fps)
    faces = np.stack([judge.prepare(face) for face in read_faces(video, boxes, hp.fps)])

    scored = min(len(faces) - 4, judge.count_sound_windows(mel))
    assert abs(len(trained.starts) - scored) <= 1
    assert len(trained.starts) > 40
    for start in trained.starts[2:-3]:
        shown = trained.read_faces(windows.run_of(start), 96, 96).astype(int)
        apart = [abs(shown - faces[start + by : start + by + 5]).mean() for by in range(-2, 3)]
        assert np.argmin(apart) == 2 and apart[2] < 2
        judge.embed_sound(mel, range(start, start + 1))
        expected = windows.expert_mel(trained.read_mel(), start)
        np.testing.assert_allclose(judge.network.heard[0, 0], expected, atol=0.05)
