"""Inference: any face video, any speech, a generator that stays loaded.

from lipsync import LipSync, Settings

maker = LipSync("checkpoints/talkface.pth")
maker.run("face.mp4", "speech.wav", "result.mp4", Settings(blend="feather"))
"""

from lipsync.pipeline import LipSync, Report
from lipsync.settings import Settings

__all__ = ["LipSync", "Report", "Settings"]
