"""LipGAN and TalkLip from their checkpoint files through inference.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

import inference
from features import FEATURES
from hparams import HParams
from models import checkpoint as checkpoint_files
from models.av_hubert import AVHuBERT, LipReader
from models.checkpoint import CheckpointError, read_checkpoint, save_checkpoint
from models.davs import DAVS
from models.inputs import generator_input
from models.lipgan import LipGANGenerator, LipGANJudge
from models.methods import open_method
from models.talklip import TalkLipGenerator
from tests.deterministic import fill
from tests.lipsync_material import EllipseDetector
from video import read_frames, read_sound

# A published width, as that says how many heads there are, and everything else as small as can be.
SMALL = {
    "embed_dim": 768, "hidden": 8, "layers": 1, "heads": 12, "position_kernel": 4,
    "position_groups": 96, "resnet_multiplier": 0.03125, "clusters": 4,
}  # fmt: skip
READER = {**SMALL, "decoder_layers": 1, "decoder_heads": 4, "vocabulary": 9}
NETWORKS = {
    "lipgan_generator": (
        LipGANGenerator,
        {"model": "basic", "sound": "mfcc", "height": 64, "width": 64},
    ),
    "lipgan_judge": (LipGANJudge, {"sound": "mel", "height": 64}),
    "davs": (DAVS, {"words": 7, "fusion_frames": 3, "judges": False}),
    "av_hubert": (AVHuBERT, SMALL),
    "lip_reader": (LipReader, READER),
    "talklip": (TalkLipGenerator, {**SMALL, "height": 64, "width": 64}),
}
NARROW = {"multiplier": 0.0625}


def saved(path: Path, name: str) -> torch.nn.Module:
    """A small network of a kind, and its weights in a file, as a training leaves them."""
    make, arguments = NETWORKS[name]
    narrow = NARROW if name not in ("av_hubert", "lip_reader") else {}
    network = make(**arguments, **narrow).eval()
    network.load_state_dict(fill(network.state_dict()))
    save_checkpoint(path, {"state_dict": network.state_dict(), "hparams": {}})
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_files_are_known_for_what_they_are(tmp_path, capsys, name):
    network = saved(tmp_path / "a.pth", name)
    checkpoint = read_checkpoint(tmp_path / "a.pth")
    assert checkpoint.kind.name == name
    again = checkpoint.build().state_dict()
    assert all(torch.equal(again[key], value) for key, value in network.state_dict().items())
    assert checkpoint_files.main([str(tmp_path / "a.pth")]) == 0
    said = capsys.readouterr().out
    assert checkpoint.kind.title.partition(" ")[2] in said
    for argument, value in NETWORKS[name][1].items():
        if argument not in ("height", "width"):
            assert f"{argument} {value}" in said


def test_heads_that_leave_no_trace_are_not_guessed(tmp_path):
    network = AVHuBERT(**{**SMALL, "embed_dim": 64, "heads": 4, "position_groups": 8})
    save_checkpoint(tmp_path / "a.pth", {"state_dict": network.state_dict(), "hparams": {}})
    with pytest.raises(CheckpointError, match="embed_dim of 64 .* its heads cannot be told"):
        read_checkpoint(tmp_path / "a.pth").build()


def infer(checkpoint: str) -> list[np.ndarray]:
    """What inference.py makes of the folder's face and speech, the whole box pasted back."""
    assert inference.main(
        [f"--checkpoint_path={checkpoint}", "--face=face.mkv", "--audio=speech.wav",
         "--outfile=o.mkv", "--codec=ffv1", "--pix_fmt=bgr0", "--device=cpu", "--precision=fp32",
         "--box", "8", "72", "16", "80", "--blend=none"]
    ) == 0  # fmt: skip
    return list(read_frames("o.mkv"))


@torch.inference_mode()
def test_lipgan_goes_through_inference(toy_folder):
    network = saved(Path("lipgan.pth"), "lipgan_generator")
    made, given = infer("lipgan.pth"), list(read_frames("face.mkv"))
    assert len(made) == 50
    hp = HParams()
    method = open_method("lipgan.pth")
    assert method.hearing.name == "mfcc12x35" and method.reference_first
    sound = FEATURES["mfcc_lipgan"].extract(read_sound("speech.wav", hp.sample_rate), hp)
    for frame in (4, 20, 40):
        heard = torch.from_numpy(sound[:, 4 * frame - 16 : 4 * frame + 19].copy())[None, None]
        face = torch.from_numpy(given[frame][8:72, 16:80].copy()).permute(2, 0, 1)[None] / 255
        fed = generator_input(face, face, reference_first=True)
        expected = network(heard, fed)[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(made[frame][8:72, 16:80] - expected).max() < 2


@torch.inference_mode()
def test_talklip_goes_through_inference(toy_folder):
    network = saved(Path("talklip.pth"), "talklip")
    made, given = infer("talklip.pth"), list(read_frames("face.mkv"))
    assert len(made) == 50
    hp = HParams()
    sound = FEATURES["logfbank"].extract(read_sound("speech.wav", hp.sample_rate), hp)
    codes = network.audio_map(network.hear(torch.from_numpy(sound)[None]))[0]
    for frame in (0, 20, 49):
        face = torch.from_numpy(given[frame][8:72, 16:80].copy()).permute(2, 0, 1)[None] / 255
        expected = network.paint(codes[frame][None], generator_input(face, face))
        expected = expected[0].permute(1, 2, 0).numpy() * 255
        assert np.abs(made[frame][8:72, 16:80] - expected).max() < 2


@torch.inference_mode()
def test_davs_goes_through_inference(toy_folder):
    saved(Path("davs.pth"), "davs")
    made, given = infer("davs.pth"), list(read_frames("face.mkv"))
    assert len(made) == 50
    changed = [np.abs(frame.astype(int) - before).mean() for frame, before in
               zip(made, given, strict=True)]  # fmt: skip
    assert min(changed) > 1


@pytest.mark.slow
def test_davs_is_driven_by_lips_and_shows_its_face_alone(toy_folder, capsys, monkeypatch):
    monkeypatch.setattr("lipsync.pipeline.make_detector", lambda *a, **k: EllipseDetector())
    saved(Path("davs.pth"), "davs")
    flags = ["--checkpoint_path=davs.pth", "--face=face.mkv", "--outfile=o.mkv", "--device=cpu"]
    flags += ["--codec=ffv1", "--pix_fmt=bgr0", "--precision=fp32", "--box", "8", "72", "16", "80"]
    audio = "--audio=speech.wav"
    assert inference.main([*flags, audio, "--driving_video=face.mkv", "--crop_only"]) == 0
    made = list(read_frames("o.mkv"))
    assert len(made) == 50 and made[0].shape == (256, 256, 3)
    assert inference.main([*flags, audio, "--driving_video=face.mkv", "--tune_steps", "1"]) == 0
    assert len(list(read_frames("o.mkv"))) == 50
    with pytest.raises(SystemExit):
        inference.main([*flags, audio, "--crop_only", "--sheet"])
    capsys.readouterr()
    assert inference.main([*flags, audio, "--lip_motion=lips.json"]) == 1
    assert "driven by lip motion" in capsys.readouterr().err
    saved(Path("lipgan.pth"), "lipgan_generator")
    assert inference.main(["--checkpoint_path=lipgan.pth", *flags[1:], audio, "--crop_only"]) == 1
    assert "paints a whole face" in capsys.readouterr().err
    assert inference.main([*flags[1:], "--checkpoint_path=lipgan.pth", audio,
                           "--driving_video=face.mkv"]) == 1  # fmt: skip
    assert "that sees lips" in capsys.readouterr().err
