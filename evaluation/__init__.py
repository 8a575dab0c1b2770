"""Scores for lip-synced video: sync, picture quality, and the protocols that the field quotes.

from evaluation import measure_similarity, read_expert

expert = read_expert("checkpoints/syncnet_small.safetensors")
print(measure_similarity("talk.mp4", "talk.mp4", expert, detector).report())
"""

from evaluation.metrics.similarity import Similarity, measure_similarity, similarity_of_faces
from models.syncnet_v2 import SyncNetV2
from synchrony.expert import Expert, read_expert

__all__ = [
    "Expert",
    "Similarity",
    "SyncNetV2",
    "measure_similarity",
    "read_expert",
    "similarity_of_faces",
]
