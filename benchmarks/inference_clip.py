"""A clip to measure inference on: 1280x720, 25 fps, moving picture, sound."""

from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from face_detection import Box

BOX = Box(520, 160, 760, 480)  # where a face is said to be


def make_clip(path: Path, frames: int) -> Path:
    """Write a test picture that moves, with a voice-like buzz; frames / 25 seconds long."""
    seconds = frames / 25
    picture = ffmpeg.input(f"testsrc2=s=1280x720:r=25:d={seconds}", f="lavfi")
    sound = ffmpeg.input(f"aevalsrc=0.3*sin(900*t)*sin(9*t):s=44100:d={seconds}", f="lavfi")
    output = ffmpeg.output(picture, sound, str(path), vcodec="libx264", pix_fmt="yuv420p")
    quiet = output.global_args("-nostdin", "-v", "error").overwrite_output()
    quiet.run(cmd=imageio_ffmpeg.get_ffmpeg_exe())
    return path
