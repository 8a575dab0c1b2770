"""How large an AV-HuBERT, a lip reader or a TalkLip generator is, told by its tensors.

Heads leave no trace in them: known for the published sizes alone. Checkpoints of ours say theirs.
"""

import torch

from models.av_hubert.front_ends import RESNET_CHANNELS
from models.av_hubert.lip_reader import SIZES

Weights = dict[str, torch.Tensor]

ENCODER_MARKS = ("feature_extractor_audio.proj.weight", "encoder.pos_conv.0.weight_v")
READER_MARKS = ("encoder.w2v_model.encoder.pos_conv.0.weight_v", "decoder.embed_tokens.weight")
TALKLIP_MARKS = ("audio_encoder.w2v_model.encoder.pos_conv.0.weight_v", "audio_map.weight")

# Arguments of LipReader -> hyperparameters.
_SAME = ("hidden", "layers", "heads", "decoder_layers", "position_kernel", "keeps_places")
READER_NUMBERS = {name: name for name in _SAME} | {
    "embed_dim": "width",
    "resnet_multiplier": "multiplier",
}


def measure_encoder(weights: Weights, prefix: str = "") -> dict:
    """Arguments of AVHuBERT. Raises ValueError for a size whose heads are not known."""
    embed_dim = len(weights[f"{prefix}post_extract_proj.weight"])
    position = weights[f"{prefix}encoder.pos_conv.0.weight_v"]
    trunk = f"{prefix}feature_extractor_video.resnet.trunk.layer"
    return {
        "embed_dim": embed_dim,
        "hidden": len(weights[f"{prefix}encoder.layers.0.fc1.weight"]),
        "layers": _count(weights, f"{prefix}encoder.layers."),
        "heads": _heads(embed_dim, "heads"),
        "position_kernel": position.shape[2],
        "position_groups": embed_dim // position.shape[1],
        "resnet_multiplier": len(weights[f"{trunk}4.0.conv1.weight"]) / RESNET_CHANNELS[-1],
        "clusters": len(weights[f"{prefix}label_embs_concat"]),
    }


def measure_reader(weights: Weights) -> dict:
    """Arguments of LipReader. Raises ValueError for a size whose heads are not known."""
    encoder = measure_encoder(weights, "encoder.w2v_model.")
    return {
        **encoder,
        "decoder_layers": _count(weights, "decoder.layers."),
        "decoder_heads": _heads(encoder["embed_dim"], "decoder_heads"),
        "vocabulary": len(weights["decoder.embed_tokens.weight"]),
        "ctc": "ctc.weight" in weights,
    }


def measure_talklip(weights: Weights, face: dict) -> dict:
    """Arguments of TalkLipGenerator; face: its height, width and multiplier."""
    return {**face, **measure_encoder(weights, "audio_encoder.w2v_model.")}


def _count(weights: Weights, prefix: str) -> int:
    names = (name.removeprefix(prefix) for name in weights if name.startswith(prefix))
    return len({name.partition(".")[0] for name in names})


def _heads(embed_dim: int, which: str) -> int:
    defaults = {"heads": 12, "decoder_heads": 4}
    for size in (SIZES["base"], SIZES["large"]):
        if size["embed_dim"] == embed_dim:
            return size.get(which, defaults[which])
    raise ValueError(
        f"an embed_dim of {embed_dim} is no published one: its heads cannot be told from tensors"
    )
