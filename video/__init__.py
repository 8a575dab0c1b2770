"""Pictures and sound in, pictures and sound out: the one package that talks to ffmpeg.

import video

info = video.probe("talk.mp4")
for frame in video.read_frames(info, fps=25): ...       # BGR uint8 (H, W, 3)
sound = video.read_sound("talk.mp4", sample_rate=16000)  # mono float32 in [-1, 1]
with video.VideoWriter("out.mp4", 640, 480, fps=25, sound="talk.mp4") as writer:
    writer.write(frame)
"""

from video.containers import CONTAINERS, prepare_output
from video.images import files_in_order
from video.info import MediaError, MediaInfo, SoundTrack, exact_fps
from video.mastering import Mastering, read_mastering
from video.native import FrameLayout, NativeFrame, native_layout
from video.read import (
    probe,
    read_frames,
    read_native_frames,
    read_sound,
    read_sound_pieces,
)
from video.splice import Entries, SplicedWriter, Stretch, find_entries
from video.write import VideoWriter

__all__ = [
    "CONTAINERS",
    "Entries",
    "FrameLayout",
    "Mastering",
    "MediaError",
    "MediaInfo",
    "NativeFrame",
    "SoundTrack",
    "SplicedWriter",
    "Stretch",
    "VideoWriter",
    "exact_fps",
    "files_in_order",
    "find_entries",
    "native_layout",
    "prepare_output",
    "probe",
    "read_frames",
    "read_mastering",
    "read_native_frames",
    "read_sound",
    "read_sound_pieces",
]
