"""Live lip-sync: sound in as it comes, frames out in time.

from lipsync.live import LiveSession

session = LiveSession("face.mp4", sample_rate=24000)
for frame in session.feed(samples):          # any number of samples, mono
    show(frame.image); play(frame.sound)     # the same 40 ms of both

Player adds the clock: what comes late is bridged, so that picture and sound never drift.
"""

from lipsync.live.camera import Camera
from lipsync.live.player import Player
from lipsync.live.session import LiveFrame, LiveSession

__all__ = ["Camera", "LiveFrame", "LiveSession", "Player"]
