"""The networks, what they are fed, and their checkpoints."""

from models.face_finder import FaceFinder
from models.quality_discriminator import VisualQualityDiscriminator
from models.s3fd import S3FD
from models.syncnet import SyncNet
from models.talkface import TalkFace

__all__ = ["S3FD", "FaceFinder", "SyncNet", "TalkFace", "VisualQualityDiscriminator"]
