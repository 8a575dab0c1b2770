"""The networks, what they are fed, and their checkpoints."""

from importlib import import_module

_HOMES = {
    "S3FD": "models.s3fd",
    "FaceFinder": "models.face_finder",
    "SyncNet": "models.syncnet",
    "TalkFace": "models.talkface",
    "VisualQualityDiscriminator": "models.quality_discriminator",
}

__all__ = ["S3FD", "FaceFinder", "SyncNet", "TalkFace", "VisualQualityDiscriminator"]


def __getattr__(name: str):
    """A network's class, imported when it is asked for: torch takes seconds, --help must not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
