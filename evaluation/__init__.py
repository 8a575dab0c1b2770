"""Scores for lip-synced video: sync, picture quality, and the protocols that the field quotes."""

from evaluation.syncnet_v2 import SyncNetV2

__all__ = ["SyncNetV2"]
