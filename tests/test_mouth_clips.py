"""Mouths cut out of videos: what is left out, what lies on the disk, and that a run goes on."""

import numpy as np
import pytest

from models.lip_motion import NAMES
from models.mouth_crop import SIZE
from preprocessing import mouth_clips
from tests.drawn_talker import write_clip
from training.mouth_files import MouthClip, find_mouth_clips


@pytest.mark.slow
def test_videos_become_clips_and_faceless_ones_are_named(tmp_path, caplog, monkeypatch):
    videos, out = tmp_path / "videos", tmp_path / "mouths"
    videos.mkdir()
    write_clip(videos / "talker.mp4")
    (videos / "broken.mp4").write_bytes(b"no film")
    flags = ["--videos", str(videos), "--out", str(out), "--detector", "haar", "--quiet"]
    assert mouth_clips.main(flags) == 0
    assert "left out" in caplog.text and "broken" in caplog.text
    (folder,) = find_mouth_clips(out)
    clip = MouthClip.read(folder)
    assert clip.pictures.shape[1:] == (SIZE, SIZE, 3) and len(clip.pictures) >= 20
    assert clip.seen.shape == clip.heard.shape == (len(clip.pictures), len(NAMES))
    assert clip.trust.shape == (len(clip.pictures),)
    assert np.array(clip.pictures).std() > 5
    monkeypatch.setattr(mouth_clips, "cut_clip", None)  # what is there is not cut again
    (videos / "broken.mp4").unlink()
    assert mouth_clips.main(flags) == 0


def test_a_folder_without_mouths_names_the_command(tmp_path):
    with pytest.raises(ValueError, match="preprocessing.mouth_clips"):
        find_mouth_clips(tmp_path)


def test_a_warp_is_asked_for(tmp_path, capsys):
    (tmp_path / "a.mp4").write_bytes(b"")
    flags = ["--videos", str(tmp_path), "--out", str(tmp_path / "out")]
    assert (
        mouth_clips.main([*flags, "--checkpoint_path", "checkpoints/talkface_small.safetensors"])
        == 1
    )
    assert "no lip warp" in capsys.readouterr().err
