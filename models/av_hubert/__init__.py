"""AV-HuBERT: sound and mouths to one code a frame, and the lip reader built on it.

"Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction" (Shi et al.,
ICLR 2022). Names and shapes of the parameters are those of the published files.
"""

from models.av_hubert.decoder import SequenceDecoder
from models.av_hubert.encoder import AVHuBERT
from models.av_hubert.lip_reader import SIZES, LipReader

__all__ = ["SIZES", "AVHuBERT", "LipReader", "SequenceDecoder"]
