"""What comes with the repository beside code: weights (checkpoints/README.md) and sample data."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parent

CHECKPOINTS = _ROOT / "checkpoints"
GENERATOR = CHECKPOINTS / "talkface_small.safetensors"
HQ_GENERATOR = CHECKPOINTS / "talkface_hq_small.safetensors"
EXPERT = CHECKPOINTS / "syncnet_small.safetensors"
LIP_WARP = CHECKPOINTS / "lip_warp.safetensors"
LIP_HEARING = CHECKPOINTS / "lip_hearing.safetensors"
LIP_HEARING_CAUSAL = CHECKPOINTS / "lip_hearing_causal.safetensors"  # for live use
LIP_SEEING = CHECKPOINTS / "lip_seeing.safetensors"
LANDMARKS = CHECKPOINTS / "landmarks.safetensors"
DISCRIMINATOR = CHECKPOINTS / "quality_disc_small.safetensors"

SAMPLES = _ROOT / "sample_data"
SAMPLE_FACE = SAMPLES / "face.mp4"
SAMPLE_SPEECH = SAMPLES / "speech_en.wav"
