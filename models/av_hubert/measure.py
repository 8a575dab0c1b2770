"""How large an AV-HuBERT, a lip reader or a TalkLip generator is, told by its tensors.

Heads leave no trace in them: known for the published sizes alone. Checkpoints of ours say theirs.
"""

import torch

from models.av_hubert.lip_reader import SIZES

Weights = dict[str, torch.Tensor]

ENCODER_MARKS = ("feature_extractor_audio.proj.weight", "encoder.pos_conv.0.weight_v")
READER_MARKS = ("encoder.w2v_model.encoder.pos_conv.0.weight_v", "decoder.embed_tokens.weight")
TALKLIP_MARKS = ("audio_encoder.w2v_model.encoder.pos_conv.0.weight_v", "audio_map.weight")


def measure_encoder(weights: Weights, prefix: str = "") -> dict:
    """Arguments of AVHuBERT. Raises ValueError for a width whose heads are not known."""
    width = len(weights[f"{prefix}post_extract_proj.weight"])
    position = weights[f"{prefix}encoder.pos_conv.0.weight_v"]
    trunk = f"{prefix}feature_extractor_video.resnet.trunk.layer"
    return {
        "width": width,
        "hidden": len(weights[f"{prefix}encoder.layers.0.fc1.weight"]),
        "layers": _count(weights, f"{prefix}encoder.layers."),
        "heads": _heads(width, "heads"),
        "position_kernel": position.shape[2],
        "position_groups": width // position.shape[1],
        "resnet_channels": tuple(
            len(weights[f"{trunk}{number}.0.conv1.weight"]) for number in range(1, 5)
        ),
        "clusters": len(weights[f"{prefix}label_embs_concat"]),
    }


def measure_reader(weights: Weights) -> dict:
    """Arguments of LipReader. Raises ValueError for a width whose heads are not known."""
    encoder = measure_encoder(weights, "encoder.w2v_model.")
    return {
        **encoder,
        "decoder_layers": _count(weights, "decoder.layers."),
        "decoder_heads": _heads(encoder["width"], "decoder_heads"),
        "vocabulary": len(weights["decoder.embed_tokens.weight"]),
    }


def measure_talklip(weights: Weights, face: dict) -> dict:
    """Arguments of TalkLipGenerator; face: its height, width and multiplier."""
    encoder = measure_encoder(weights, "audio_encoder.w2v_model.")
    return {**face, "encoder_width": encoder.pop("width"), **encoder}


def _count(weights: Weights, prefix: str) -> int:
    numbers = (name.removeprefix(prefix) for name in weights if name.startswith(prefix))
    return 1 + max(int(number.partition(".")[0]) for number in numbers)


def _heads(width: int, which: str) -> int:
    defaults = {"heads": 12, "decoder_heads": 4}
    for size in (SIZES["base"], SIZES["large"]):
        if size["width"] == width:
            return size.get(which, defaults[which])
    raise ValueError(
        f"a width of {width} is not a published size, and its heads cannot be told from tensors"
    )
