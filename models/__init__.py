"""The networks, what they are fed, and their checkpoints."""

from models.quality_discriminator import VisualQualityDiscriminator
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.talkface import TalkFace

__all__ = ["S3FD", "SyncNet", "TalkFace", "VisualQualityDiscriminator"]
